//! Workers that speak and do not read.

use tasker::app::App;
use tasker_sdk::proto::tasker::worker::v1::{AckOutcome, StopReason};

use super::wire::{Wire, success};
use crate::harness::{Database, database, serve_with};

async fn wire(steps: &str) -> (Database, App, Wire) {
    let database = database().await;
    let app = serve_with(&database, &[("sessions.lease_ttl_ms", "30000"), ("sessions.heartbeat_ms", "100")]).await;
    let wire = Wire::to(&app).await;
    wire.register("work", steps).await;
    (database, app, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_a_worker_does_not_receive_go_elsewhere_and_do_not_count() {
    let (_database, _app, wire) = wire("a").await;
    let mut deaf = wire.session(3).await;
    for _ in 0..3 {
        wire.create("work").await.unwrap();
    }
    let missed = [deaf.assignment().await, deaf.assignment().await, deaf.assignment().await];
    let mut good = wire.session(3).await;
    // It beats, and says that it has received nothing.
    let ran = tokio::select! {
        ran = async { [good.assignment().await, good.assignment().await, good.assignment().await] } => ran,
        () = async { loop { deaf.beat(0).await; tokio::time::sleep(std::time::Duration::from_millis(20)).await; } } => unreachable!(),
    };
    for assignment in &ran {
        assert_eq!((assignment.lease_token, assignment.attempt), (2, 1));
    }
    let stop = deaf.stop().await;
    assert_eq!((stop.lease_token, stop.reason()), (1, StopReason::LeaseLost));
    assert_eq!(deaf.report(success(&missed[0], "{}")).await.outcome(), AckOutcome::Stale);
    // It is given nothing until it has caught up; the other one is full.
    wire.create("work").await.unwrap();
    deaf.beat(0).await;
    deaf.beat(deaf.sequence).await;
    assert_eq!(deaf.assignment().await.lease_token, 1);
    for assignment in &ran {
        assert_eq!(good.report(success(assignment, "{}")).await.outcome(), AckOutcome::Accepted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_a_worker_confirms_stay_with_it() {
    let (database, _app, wire) = wire("a").await;
    let mut session = wire.session(1).await;
    wire.create("work").await.unwrap();
    let assignment = session.assignment().await;
    assert_eq!(session.sequence, 1);
    for _ in 0..30 {
        session.beat(1).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let held: i64 = sqlx::query_scalar("select count(*) from leases").fetch_one(database.store.pool()).await.unwrap();
    assert_eq!(held, 1);
    assert_eq!(session.report(success(&assignment, "{}")).await.outcome(), AckOutcome::Accepted);
}
