//! What the sweeper and the dispatcher do by themselves, and what people ask for.

use std::time::Duration;

use tasker::{
    domain::{
        run::{Operation, OperationKind},
        state::State,
    },
    error::Reason,
    lifecycle::{Request, StopReason, Verdict},
};

use crate::{
    harness::eventually,
    sim::{Does, ManualWorker, Worker, World, failed, new_task, quick},
};

fn operation() -> Operation {
    Operation {
        requested_by: "somebody".to_owned(),
        reason: "to see".to_owned(),
        ..Operation::of(OperationKind::CancelTask)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_past_its_deadline_ends_and_its_workers_are_told() {
    let world = World::new().await;
    let handler = world.handler("a; b; c <- a").await;
    let mut settings = quick();
    settings.writer.backoff.default_backoff_seconds = vec![3_600];
    settings.writer.backoff.max_backoff_seconds = 3_600;
    let server = world.server(settings);
    let mut worker = ManualWorker::open(&server, 2).await;
    let deadline_at = Some(server.engine.clock().now() + 150_000);
    let task = server.create(tasker::lifecycle::NewTask { deadline_at, ..new_task(&handler) }).await;
    let mut assignments = [worker.assignment().await, worker.assignment().await];
    assignments.sort_by_key(|assignment| assignment.step.no);
    // One waits for its backoff when the deadline passes, one runs.
    assert_eq!(worker.report(assignments[0].step, 1, failed("Failed")).await, Verdict::Accepted);
    assert_eq!(worker.stop().await, (task.step(1), 1, StopReason::Cancelled));
    world.until(State::Error, 1).await;
    assert!(matches!(worker.finish(task.step(1), 1).await, Verdict::Stale(_)));
    assert_eq!(world.count("select count(*) from tasks where state_reason = 'deadline_exceeded'").await, 1);
    world.check().await;
    let revision = world.count("select revision::bigint from tasks").await;
    // The slot is free, and nothing happens to the task any more.
    let next = server.submit(&handler).await;
    assert_eq!(worker.assignment().await.step.task, next);
    eventually("the sweeper looks again", async || {
        world.count("select revision::bigint from tasks where state = 3").await == revision
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_ready_step_is_brought_back() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    server.submit_many(&handler, 10).await;
    sqlx::query("delete from ready_steps").execute(world.store.pool()).await.unwrap();
    let _worker = Worker::start(&server, 2);
    world.until(State::Complete, 10).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_ready_steps_among_many_are_brought_back() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    // More than one look takes, and most of them begin between two looks.
    server.submit_many(&handler, 1_200).await;
    let forgotten = sqlx::query("delete from ready_steps where hashtext(task_id::text) % 10 = 0")
        .execute(world.store.pool())
        .await
        .unwrap()
        .rows_affected();
    assert!(forgotten > 50, "{forgotten}");
    let _worker = Worker::start(&server, 20);
    world.until(State::Complete, 1_200).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_step_without_a_lease_is_brought_back() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let mut worker = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    worker.assignment().await;
    sqlx::query("delete from leases").execute(world.store.pool()).await.unwrap();
    eventually("the attempt ends", async || world.attempts(task.step(0)).await == ["LeaseExpired"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_whose_step_has_moved_on_is_swept_away() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let task = server.submit(&handler).await;
    server.apply(task, Request::CancelTask(operation())).await.unwrap();
    sqlx::query(
        "insert into leases (task_id, step_no, attempt, queue_id, session_id, claimed_at)
         values ($1, 0, 1, 1, gen_random_uuid(), now())",
    )
    .bind(task.uuid())
    .execute(world.store.pool())
    .await
    .unwrap();
    eventually("it is gone", async || world.count("select count(*) from leases").await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_waits_for_its_backoff_in_the_queue() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let mut settings = quick();
    settings.writer.backoff.default_backoff_seconds = vec![1];
    settings.writer.backoff.max_backoff_seconds = 300;
    let server = world.server(settings);
    let mut worker = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    let first = worker.assignment().await;
    assert_eq!(worker.report(first.step, 1, failed("Failed")).await, Verdict::Accepted);
    world.until(State::Pending, 1).await;
    assert_eq!(world.count("select count(*) from ready_steps where visible_at > now()").await, 1);
    assert_eq!(worker.assignment().await.attempt, 2);
    let waited = "select (extract(epoch from max(at) - min(at)) * 1000)::bigint from transitions
                  where step_no = 0 and (to_state = 3 or attempt = 2)";
    assert!(world.count(waited).await >= 1_000);
    assert_eq!(worker.finish(task.step(0), 2).await, Verdict::Accepted);
    world.until(State::Complete, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_the_worker_asks_for_wins() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let mut settings = quick();
    settings.writer.backoff.default_backoff_seconds = vec![3_600];
    settings.writer.backoff.max_backoff_seconds = 3_600;
    let server = world.server(settings);
    let mut worker = ManualWorker::open(&server, 1).await;
    server.submit(&handler).await;
    let first = worker.assignment().await;
    let tasker::lifecycle::Outcome::Failure { failure, .. } = failed("Failed") else { unreachable!() };
    let soon = tasker::lifecycle::Outcome::Failure { failure, retry_after: Some(Duration::from_millis(20)) };
    assert_eq!(worker.report(first.step, 1, soon).await, Verdict::Accepted);
    assert_eq!(worker.assignment().await.attempt, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_stops_its_workers_wherever_they_are() {
    let world = World::new().await;
    let handler = world.handler("a; b <- a").await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    let mut worker = ManualWorker::open(&first, 1).await;
    let task = first.submit(&handler).await;
    worker.assignment().await;
    // Hints may be lost until the servers listen to each other.
    eventually("servers listen", async || {
        world
            .count("select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'")
            .await
            == 2
    })
    .await;
    second.apply(task, Request::CancelTask(operation())).await.unwrap();
    assert_eq!(worker.stop().await, (task.step(0), 1, StopReason::Cancelled));
    assert!(matches!(worker.finish(task.step(0), 1).await, Verdict::Stale(_)));
    let next = first.submit(&handler).await;
    assert_eq!(worker.assignment().await.step, next.step(0));
    second.apply(task, Request::CancelTask(operation())).await.expect("cancelling twice is no harm");
    let refused = second.apply(task, Request::RetryTask { additional: 1, operation: operation() }).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TransitionNotAllowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_is_mended_by_hand() {
    let world = World::new().await;
    let handler = world.handler("a:1; b:1; c <- a b; d <- c").await;
    let server = world.server(quick());
    let failing = Worker::roaming(&[&server], 2, |_| Does::Fail("Broken"));
    let task = server.submit(&handler).await;
    world.until(State::Error, 1).await;
    failing.lose().await;
    server
        .apply(
            task,
            Request::ResolveStep { no: 0, results_json: r#"{"by": "hand"}"#.to_owned(), operation: operation() },
        )
        .await
        .unwrap();
    world.until(State::Error, 1).await;
    server
        .apply(
            task,
            Request::UpdateStep {
                no: 1,
                retry_limit: Some(2),
                inputs_json: Some(r#"{"n": 2}"#.to_owned()),
                operation: operation(),
            },
        )
        .await
        .unwrap();
    world.until(State::Pending, 1).await;
    let mut worker = ManualWorker::open(&server, 1).await;
    let again = worker.assignment().await;
    assert_eq!((again.step, again.attempt, &*again.inputs), (task.step(1), 2, r#"{"n": 2}"#));
    worker.finish(again.step, 2).await;
    let join = worker.assignment().await;
    assert_eq!((join.step, &*join.inputs), (task.step(2), r#"{"n": 1}"#));
    let given: Vec<(&str, &str)> = join.dependencies.iter().map(|(name, results)| (&**name, &**results)).collect();
    assert_eq!(given, [("a", r#"{"by": "hand"}"#), ("b", "{}")]);
    server.apply(task, Request::CancelStep { no: 3, operation: operation() }).await.unwrap();
    worker.finish(join.step, 1).await;
    world.until(State::Error, 1).await;
    assert_eq!(world.count("select count(*) from tasks where state_reason = 'steps_cancelled'").await, 1);
    world.check().await;
}
