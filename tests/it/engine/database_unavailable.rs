//! The database becomes unavailable and comes back.

use std::time::Duration;

use tasker::{domain::state::State, error::Reason, lifecycle::Verdict};

use crate::{
    harness::{eventually, found},
    sim::{ManualWorker, Postgres, Worker, World, new_task, quick},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_loses_nothing() {
    let (mut postgres, store) = Postgres::start("restart").await;
    let world = World::on(store);
    let handler = world.handler("a; b <- a; c <- b").await;
    let mut settings = quick();
    settings.lease_ttl = Duration::from_secs(2);
    let server = world.server(settings);
    let _workers = [Worker::start(&server, 20), Worker::start(&server, 20)];
    let mut made = server.submit_many(&handler, 400).await.len();
    for _ in 0..2 {
        postgres.stop().await;
        let refused = server.engine.writer().create_task(new_task(&handler)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::DatabaseUnavailable);
        assert!(refused.reason().retry_after().is_some());
        postgres.come_back().await;
        found("the store answers", async || server.engine.writer().create_task(new_task(&handler)).await.ok()).await;
        made += 1;
    }
    world.until(State::Complete, made).await;
    world.check().await;
    // An assignment that was lost with the connection is taken back and does not count.
    assert_eq!(world.count("select count(*) from transitions where to_state = 3").await, 0, "no attempt failed");
    drop((server, world));
    postgres.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_keep_their_attempts_when_the_database_is_away_for_longer_than_a_lease() {
    let (mut postgres, store) = Postgres::start("outage").await;
    let world = World::on(store);
    let handler = world.handler("a:once").await;
    let server = world.server(quick());
    let mut worker = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    let assignment = worker.assignment().await;
    let _alive = worker.keep_beating();
    postgres.stop().await;
    let outage = tokio::time::Instant::now();
    eventually("the lease would be over", async || outage.elapsed() > Duration::from_millis(1_500)).await;
    postgres.come_back().await;
    eventually("the session lives again", async || {
        let alive = sqlx::query_scalar::<_, i64>("select count(*) from sessions where expires_at > now()");
        alive.fetch_one(world.store.pool()).await.is_ok_and(|alive| alive == 1)
    })
    .await;
    let verdict = found("the result is taken", async || {
        Some(worker.finish(assignment.step, 1).await).filter(|verdict| *verdict != Verdict::Retry)
    });
    assert_eq!(verdict.await, Verdict::Accepted);
    assert_eq!(world.attempts(task.step(0)).await, ["complete"]);
    drop((server, world));
    postgres.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_to_be_durable_survives_a_killed_database() {
    let (mut postgres, store) = Postgres::start("killed").await;
    let world = World::on(store);
    let handler = world.handler("a; b <- a").await;
    let mut settings = quick();
    settings.lease_ttl = Duration::from_secs(2);
    let server = world.server(settings);
    let worker = Worker::start(&server, 20);
    let mut durable = Vec::new();
    let submit = async {
        loop {
            let created = (0..20).map(|_| server.engine.writer().create_task(new_task(&handler)));
            for created in futures::future::join_all(created).await {
                match created {
                    Ok(created) => durable.push(created.task_id),
                    Err(_) => return,
                }
            }
        }
    };
    let strike = async {
        eventually("work is under way", async || worker.seen.lock().unwrap().accepted.len() > 100).await;
        postgres.kill().await;
    };
    tokio::join!(submit, strike);
    let accepted = worker.seen.lock().unwrap().accepted.clone();
    postgres.come_back().await;
    eventually("all is done", async || {
        let unfinished = sqlx::query_scalar::<_, i64>("select count(*) from tasks where state <> 2");
        unfinished.fetch_one(world.store.pool()).await.is_ok_and(|unfinished| unfinished == 0)
    })
    .await;
    for task in durable {
        let state = sqlx::query_scalar::<_, i16>("select state from tasks where task_id = $1").bind(task.uuid());
        assert_eq!(state.fetch_one(world.store.pool()).await.unwrap(), i16::from(State::Complete.code()));
    }
    for (step, attempt) in accepted {
        let ended = world.attempts(step).await;
        assert_eq!(ended[usize::from(attempt) - 1], "complete", "an acknowledged result is kept");
    }
    world.check().await;
    drop((server, world));
    postgres.end().await;
}
