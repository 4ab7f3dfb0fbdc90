//! The database goes away and comes back.

use std::time::Duration;

use tasker::{domain::state::State, error::Reason, lifecycle::Verdict};

use crate::{
    harness::{eventually, found},
    sim::{Hand, Postgres, Worker, World, new_task, quick},
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
        assert_eq!(refused.reason(), Reason::StoreAway);
        assert!(refused.reason().retry_after().is_some());
        postgres.come_back().await;
        found("the store answers", async || server.engine.writer().create_task(new_task(&handler)).await.ok()).await;
        made += 1;
    }
    world.until(State::Complete, made).await;
    world.check().await;
    // A commit whose answer was lost with the connection may cost an attempt: at most one batch of each lane.
    let others =
        "select count(*) from transitions where to_state = 3 and metadata ->> 'error_class' <> 'AssignmentLost'";
    assert_eq!(world.count(others).await, 0, "no attempt was lost otherwise");
    drop((server, world));
    postgres.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_keep_their_attempts_when_the_database_is_away_for_longer_than_a_lease() {
    let (mut postgres, store) = Postgres::start("outage").await;
    let world = World::on(store);
    let handler = world.handler("a:once").await;
    let server = world.server(quick());
    let mut worker = Hand::open(&server, 1).await;
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
