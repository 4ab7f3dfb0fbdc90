//! Workers that are lost, late, or come back.

use std::time::Duration;

use tasker::{
    domain::{
        ids::StepId,
        run::{Operation, OperationKind},
        state::State,
    },
    lifecycle::{Request, Verdict},
};

use crate::{
    harness::{eventually, within},
    sim::{Does, ManualWorker, Worker, World, failed, hello, quick},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_worker_had_is_tried_again() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let mut lost = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    let assignment = lost.assignment().await;
    lost.drop_connection().await;
    let _worker = Worker::start(&server, 1);
    world.until(State::Complete, 1).await;
    assert_eq!(world.attempts(task.step(0)).await, ["LeaseExpired", "complete"]);
    assert_eq!(assignment.attempt, 1);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_past_its_timeout_is_ended_and_its_late_result_refused() {
    let world = World::new().await;
    let handler = world.handler("a@60").await;
    let server = world.server(quick());
    let mut slow = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    let first = slow.assignment().await;
    assert!(first.deadline_at.is_some());
    assert_eq!(slow.stop().await, (task.step(0), 1, tasker::lifecycle::StopReason::TimedOut));
    let second = slow.assignment().await;
    assert_eq!(second.attempt, 2);
    assert!(matches!(slow.finish(first.step, 1).await, Verdict::Stale(_)));
    assert_eq!(slow.finish(second.step, 2).await, Verdict::Accepted);
    assert_eq!(world.attempts(task.step(0)).await, ["StepTimeout", "complete"]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_back_keeps_its_work() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    let mut worker = ManualWorker::open(&first, 2).await;
    let tasks = first.submit_many(&handler, 2).await;
    let held = [worker.assignment().await, worker.assignment().await];
    let session = worker.drop_connection().await;
    // To the same server, then to another one.
    let held = held.map(|assignment| (assignment.step, assignment.attempt)).to_vec();
    let mut worker = ManualWorker::come_back(&first, 2, session, held.clone()).await;
    assert_eq!((worker.session_id, worker.lost.as_slice()), (session, [].as_slice()));
    assert_eq!(worker.finish(tasks[0].step(0), 1).await, Verdict::Accepted);
    worker.drop_connection().await;
    let mut worker = ManualWorker::come_back(&second, 2, session, held).await;
    assert_eq!((worker.session_id, worker.lost.as_slice()), (session, [(tasks[0].step(0), 1).into()].as_slice()));
    assert_eq!(worker.finish(tasks[1].step(0), 1).await, Verdict::Accepted);
    for task in tasks {
        assert_eq!(world.attempts(task.step(0)).await, ["complete"]);
    }
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_remembers_an_earlier_attempt_takes_the_result_of_the_present_one() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let (first, second) = (world.server(quick()), world.server(quick()));
    let mut worker = ManualWorker::open(&first, 1).await;
    let step = first.submit(&handler).await.step(0);
    worker.assignment().await;
    let session = worker.drop_connection().await;
    let mut worker = ManualWorker::come_back(&second, 1, session, vec![(step, 1)]).await;
    assert_eq!(worker.report(step, 1, failed("Failed")).await, Verdict::Accepted);
    assert_eq!(worker.assignment().await.attempt, 2);
    worker.drop_connection().await;
    let mut worker = ManualWorker::come_back(&first, 1, session, vec![(step, 2)]).await;
    assert_eq!(worker.finish(step, 2).await, Verdict::Accepted);
    assert_eq!(world.attempts(step).await, ["Failed", "complete"]);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_that_never_arrived_is_given_up_at_once() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let worker = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    eventually("it is claimed", async || world.count("select count(*) from leases").await == 1).await;
    let session = worker.drop_connection().await;
    let mut worker = ManualWorker::come_back(&server, 1, session, Vec::new()).await;
    let again = worker.assignment().await;
    assert_eq!((again.step, again.attempt), (task.step(0), 2));
    assert_eq!(worker.finish(again.step, 2).await, Verdict::Accepted);
    assert_eq!(world.attempts(task.step(0)).await, ["pending", "complete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_reconnects_all_the_time_loses_no_assignment() {
    let world = World::new().await;
    let handler = world.handler("a:10000; b:10000 <- a; c:10000 <- b").await;
    let server = world.server(quick());
    server.submit_many(&handler, 300).await;
    // The old connection is not known to be broken when the worker comes back.
    let mut connections = Vec::new();
    let (mut session, mut held) = (None, Vec::<(StepId, u16)>::new());
    within("all is done", async {
        while world.count("select count(*) from tasks where state = 2").await < 300 {
            let mut worker = match session {
                None => ManualWorker::open(&server, 16).await,
                Some(session) => ManualWorker::come_back(&server, 16, session, held.clone()).await,
            };
            session = Some(worker.session_id);
            held.retain(|attempt| !worker.lost.contains(&(*attempt).into()));
            let turn = tokio::time::Instant::now() + Duration::from_millis(20);
            while let Ok(assignment) = tokio::time::timeout_at(turn, worker.assignment()).await {
                held.push((assignment.step, assignment.attempt));
                if held.len() > 8 {
                    for (step, attempt) in held.drain(..) {
                        worker.finish(step, attempt).await;
                    }
                }
            }
            for (step, attempt) in held.drain(..) {
                worker.finish(step, attempt).await;
            }
            connections.push(worker);
        }
    })
    .await;
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_claim_that_is_given_up_swallows_no_steps() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let claim = server.engine.sessions().claim(hello(5), Duration::from_secs(30));
    tokio::time::timeout(Duration::from_millis(50), claim).await.expect_err("there is nothing to claim");
    let task = server.submit(&handler).await;
    let _worker = Worker::start(&server, 1);
    world.until(State::Complete, 1).await;
    assert_eq!(world.attempts(task.step(0)).await, ["complete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unary_worker_claims_reports_and_shows_that_it_lives() {
    let world = World::new().await;
    let handler = world.handler("a; b <- a").await;
    let server = world.server(quick());
    let sessions = server.engine.sessions();
    let task = server.submit(&handler).await;
    let (session, claimed) = within("claim", sessions.claim(hello(5), Duration::from_secs(30))).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(
        sessions
            .heartbeat(session, None, &[(task.step(0), 1).into(), (task.step(1), 1).into()], Vec::new())
            .await
            .unwrap(),
        [(task.step(1), 1).into()]
    );
    let report = |no, attempt| tasker::engine::sessions::Report {
        lease: (task.step(no), attempt).into(),
        outcome: Ok(tasker::lifecycle::Outcome::Success("{}".into())),
    };
    let acks = sessions.report_unary(session, vec![report(1, 1), report(0, 2), report(0, 1), report(0, 1)]).await;
    let verdicts: Vec<bool> = acks.iter().map(|ack| ack.verdict == Verdict::Accepted).collect();
    assert_eq!(verdicts, [false, false, true, false]);
    let again = tasker::engine::sessions::Hello { session_id: Some(session), ..hello(5) };
    let (same, claimed) = within("claim", sessions.claim(again, Duration::from_secs(30))).await.unwrap();
    assert_eq!((same, claimed[0].step, &*claimed[0].dependencies[0].0), (session, task.step(1), "a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_was_lost_is_given_up_after_a_lease() {
    let world = World::new().await;
    let handler = world.handler("a; b").await;
    let server = world.server(quick());
    let sessions = server.engine.sessions();
    let task = server.submit(&handler).await;
    let (session, claimed) = within("claim", sessions.claim(hello(5), Duration::from_secs(30))).await.unwrap();
    assert_eq!(claimed.len(), 2);
    // The worker got only one of the two.
    eventually("the other is given up", async || {
        sessions.call(session, None).await.unwrap();
        sessions.heartbeat(session, None, &[(task.step(0), 1).into()], Vec::new()).await.unwrap();
        world.attempts(task.step(1)).await == ["pending"]
    })
    .await;
    assert!(world.attempts(task.step(0)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_comes_free_when_its_attempt_was_ended_elsewhere() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let mut deaf = quick();
    deaf.hints = false;
    let (first, second) = (world.server(deaf.clone()), world.server(deaf));
    let mut worker = ManualWorker::open(&first, 1).await;
    let task = first.submit(&handler).await;
    let assignment = worker.assignment().await;
    second.apply(task, Request::CancelTask(Operation::of(OperationKind::CancelTask))).await.unwrap();
    assert!(matches!(worker.finish(assignment.step, 1).await, Verdict::Stale(_)));
    let next = first.submit(&handler).await;
    assert_eq!(worker.assignment().await.step, next.step(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reports_only_what_it_holds() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let mut holder = ManualWorker::open(&server, 1).await;
    let task = server.submit(&handler).await;
    holder.assignment().await;
    let mut other = ManualWorker::open(&server, 1).await;
    assert!(matches!(other.finish(task.step(0), 1).await, Verdict::Stale(_)));
    assert!(matches!(holder.finish(task.step(0), 7).await, Verdict::Stale(_)));
    assert!(matches!(holder.finish(task.step(9), 1).await, Verdict::Stale(_)));
    assert_eq!(holder.finish(task.step(0), 1).await, Verdict::Accepted);
    assert!(matches!(holder.finish(task.step(0), 1).await, Verdict::Stale(_)));
    world.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_worker_is_given_nothing_more_after_its_lease() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let silent = Worker::roaming(&[&server], 1, |_| Does::Keep);
    let task = server.submit(&handler).await;
    eventually("it has the step", async || silent.assigned() == 1).await;
    silent.lose().await;
    eventually("its lease ends", async || world.attempts(task.step(0)).await == ["LeaseExpired"]).await;
    assert_eq!(world.count("select count(*) from ready_steps").await, 1);
    assert_eq!(world.count("select count(*) from sessions where closed_at is null and expires_at > now()").await, 0);
}
