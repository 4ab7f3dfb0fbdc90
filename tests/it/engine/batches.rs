//! Items that share a batch do not share their fate.

use std::sync::Arc;

use tasker::{
    domain::state::State,
    engine::sessions::Report,
    error::Reason,
    lifecycle::{Identity, NewTask, Outcome, Verdict},
};

use crate::sim::{ManualWorker, Worker, World, new_task, quick, tally};

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_stored_fails_alone() {
    let world = World::new().await;
    let handler = world.handler("a; b <- a").await;
    let mut one_lane = quick();
    one_lane.writer.lanes = 1;
    let server = world.server(one_lane);
    let bad = ["\"\0\"", "\0", "{\"a\": \"\0\"}"];
    let mut worker = ManualWorker::open(&server, 20).await;
    server.submit_many(&handler, 20).await;
    let mut reports = Vec::new();
    for number in 0..20 {
        let assignment = worker.assignment().await;
        let results = bad.get(number / 2).filter(|_| number % 2 == 0).copied().unwrap_or("{}");
        let outcome = Ok(Outcome::Success(Arc::from(results)));
        reports.push(Report { lease: (assignment.step, 1).into(), outcome });
    }
    let steps: Vec<_> = reports.iter().filter_map(|report| Some(report.lease.attempt?.0)).collect();
    worker.send(reports).await;
    for (number, step) in steps.into_iter().enumerate() {
        let verdict = worker.verdict(step).await;
        if number % 2 == 0 && number < 6 {
            assert!(matches!(verdict, Verdict::Invalid(_)), "{number}: {verdict:?}");
            assert_eq!(world.attempts(step).await, ["InvalidResult"]);
        } else {
            assert_eq!(verdict, Verdict::Accepted, "{number}");
        }
    }
    world.until(State::Error, 3).await;
    let _rest = Worker::start(&server, 10);
    for _ in 0..17 {
        let assignment = worker.assignment().await;
        worker.finish(assignment.step, 1).await;
    }
    world.until(State::Complete, 17).await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_cannot_be_stored_is_refused_alone() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let context = |number: usize| if number == 7 { "{\"a\": \"\0\"}" } else { "{}" };
    let created = (0..20).map(|number| {
        let new = NewTask { context_json: Arc::from(context(number)), ..new_task(&handler) };
        server.engine.writer().create_task(new)
    });
    let outcomes = futures::future::join_all(created).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(created) => assert!(created.state.is_some() && number != 7),
            Err(error) => assert_eq!((number, error.reason()), (7, Reason::MessageMalformed)),
        }
    }
    world.until(State::Pending, 19).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_task_even_in_one_batch() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let servers = [world.server(quick()), world.server(quick())];
    let keyed = |content: u8| NewTask {
        identity: Some(Identity { key: "key".to_owned(), content_hash: [content; 32] }),
        ..new_task(&handler)
    };
    let created = (0..40).map(|number| servers[number % 2].engine.writer().create_task(keyed(1)));
    let created: Vec<_> = futures::future::join_all(created).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(tally(created.iter().map(|created| created.state.is_none())), [(false, 1), (true, 39)].into());
    assert_eq!(tally(created.iter().map(|created| created.task_id)).len(), 1);
    let refused = servers[0].engine.writer().create_task(keyed(2)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TaskExists);
    assert_eq!(refused.metadata()["task_id"], created[0].task_id.to_string());
    let mixed = [keyed(1), new_task(&handler), keyed(2), new_task(&handler)];
    let mixed = mixed.map(|new| servers[0].engine.writer().create_task(new));
    let mixed = futures::future::join_all(mixed).await;
    assert_eq!(mixed.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
    world.until(State::Pending, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_and_loses_nothing() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let mut tiny = quick();
    tiny.writer.queue_items_max = 4;
    tiny.writer.batch_items_max = 2;
    let server = world.server(tiny);
    let created = (0..300).map(|_| server.engine.writer().create_task(new_task(&handler)));
    let outcomes = futures::future::join_all(created).await;
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert!(!made.is_empty() && !refused.is_empty());
    for error in refused {
        let error = error.unwrap_err();
        assert_eq!(error.reason(), Reason::QueueFull);
        assert!(error.reason().retry_after().is_some());
    }
    // Results are never refused: they wait.
    let _worker = Worker::start(&server, 100);
    world.until(State::Complete, made.len()).await;
    world.check().await;
}
