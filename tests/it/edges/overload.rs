//! Too much at once, and a database that is unavailable: callers are told to come back, and nothing is lost.

use std::time::Duration;

use tasker::app::{App, Schema};
use tasker_sdk::proto::tasker::worker::v1::AckOutcome;
use tonic::Code;

use super::wire::{Wire, reason, success};
use crate::{
    harness::{config, database, found, serve_with},
    sim::Postgres,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_told_and_who_comes_back_is_served() {
    let database = database().await;
    let keys = [("writer.queue_items_max", "1"), ("writer.batch_items_max", "1"), ("writer.lanes", "1")];
    let app = serve_with(&database, &keys).await;
    let wire = Wire::to(&app).await;
    wire.register("work", "a").await;
    let outcomes = futures::future::join_all((0..300).map(|_| wire.create("work"))).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!refused.is_empty() && refused.len() < 300);
    for status in &refused {
        let (reason, come_back) = reason(status);
        assert_eq!((status.code(), reason.as_str()), (Code::ResourceExhausted, "QUEUE_FULL"));
        assert!(come_back.is_some_and(|pause| pause > Duration::ZERO));
    }
    found("there is room again", async || wire.create("work").await.ok()).await;
    let made: i64 = sqlx::query_scalar("select count(*) from tasks").fetch_one(database.store.pool()).await.unwrap();
    assert_eq!(usize::try_from(made).unwrap(), 300 - refused.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_unavailable_calls_say_so() {
    let (mut postgres, store) = Postgres::start("calls").await;
    let app = App::start(&config(&[]), store, Schema::Migrate).await.unwrap();
    let wire = Wire::to(&app).await;
    wire.register("work", "a; b < a").await;
    let mut session = wire.session(1).await;
    let task = wire.create("work").await.unwrap();
    let assignment = session.assignment().await;
    postgres.stop().await;
    for status in [wire.create("work").await.unwrap_err(), wire.get(&task).await.unwrap_err()] {
        let (reason, come_back) = reason(&status);
        assert_eq!((status.code(), reason.as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"));
        assert!(come_back.is_some());
    }
    assert_eq!(session.report(success(&assignment, "{}")).await.outcome(), AckOutcome::Retry);
    postgres.come_back().await;
    found("the result is taken", async || {
        let ack = session.report(success(&assignment, "{}")).await;
        (ack.outcome() == AckOutcome::Accepted).then_some(())
    })
    .await;
    assert_eq!(session.assignment().await.step_name, "b");
    drop(session);
    app.stop().await;
    postgres.end().await;
}
