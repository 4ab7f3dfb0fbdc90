//! Sessions that claim more than is theirs, and offers that are narrow.

use std::time::Duration;

use tasker::app::App;
use tasker_sdk::proto::tasker::worker::v1::{
    AckOutcome, Assignment, ClaimStepsRequest, Failure, HeartbeatSessionRequest, HeldLease, Hello, Offer, Progress,
    ProgressReport, Release, ReleaseReason, ReportResultsRequest, SetSlots, StepResult, Success, offer::Target,
    open_session_request::Message as Say, step_result::Outcome,
};

use super::wire::{Session, Wire, success};
use crate::harness::{Database, database, eventually, serve_with};

const IMPOSSIBLE: &str = "0190a000-0000-7000-8000-00000000ffff";

async fn wire(steps: &str) -> (Database, App, Wire) {
    let database = database().await;
    let keys = [("backoff.default_backoff_seconds", "[0]"), ("backoff.jitter_enabled", "false")];
    let app = serve_with(&database, &keys).await;
    let wire = Wire::to(&app).await;
    wire.register("work", steps).await;
    (database, app, wire)
}

fn ended(assignment: &Assignment, outcome: Outcome) -> StepResult {
    StepResult { outcome: Some(outcome), ..success(assignment, "{}") }
}

fn release(assignment: &Assignment, reason: ReleaseReason) -> StepResult {
    ended(assignment, Outcome::Release(Release { reason: reason.into() }))
}

fn lease(assignment: &Assignment) -> HeldLease {
    HeldLease { step_id: assignment.step_id.clone(), lease_token: assignment.lease_token }
}

fn hello(target: Target, versions: &[&str]) -> Hello {
    let versions = versions.iter().map(|version| (*version).to_owned()).collect();
    Hello { offers: vec![Offer { target: Some(target), versions, ..Offer::default() }], slots: 10, ..Hello::default() }
}

/// What the store says about the moves of a task: attempt, state, the reason of a hand-back.
async fn trail(database: &Database, task_id: &str) -> String {
    let moves: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', attempt, tasker_state_name(to_state), metadata ->> 'handed_back', \
         metadata ->> 'error_class') \
         from transitions where task_id = $1::text::uuid and step_no is not null order by sequence",
    )
    .bind(task_id)
    .fetch_all(database.store.pool())
    .await
    .unwrap();
    moves.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_names_the_attempt_of_another_neither_gets_nor_ends_it() {
    let (_database, _app, wire) = wire("a").await;
    let mut owner = wire.session(1).await;
    let mut thief = wire.session_of("Nothing", 1).await;
    let task = wire.create("work").await.unwrap();
    let assignment = owner.assignment().await;
    let stolen = Hello {
        session_id: thief.session_id.clone(),
        held: vec![lease(&assignment), HeldLease { step_id: "nonsense".into(), lease_token: -1 }],
        ..hello(Target::StepHandler("Nothing".into()), &[])
    };
    for _ in 0..20 {
        thief = wire.session_by(stolen.clone()).await;
        let ack = thief.report(success(&assignment, "{\"stolen\": true}")).await;
        assert_eq!(ack.outcome(), AckOutcome::Stale);
        assert_eq!(thief.lost, stolen.held);
        let progress =
            Progress { step_id: assignment.step_id.clone(), lease_token: 1, percent: 66.0, note: "mine".into() };
        thief.say(Say::Progress(ProgressReport { progress: vec![progress] }));
        let released = thief.report(release(&assignment, ReleaseReason::WorkerDraining)).await;
        assert_eq!(released.outcome(), AckOutcome::Stale);
    }
    assert_eq!(owner.report(success(&assignment, "{}")).await.outcome(), AckOutcome::Accepted);
    assert_eq!(wire.get(&task).await.unwrap().task_id, task.task_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_noted_only_of_the_session_that_holds_the_attempt() {
    let (database, _app, wire) = wire("a").await;
    let mut owner = wire.session(1).await;
    let other = wire.session_of("Nothing", 1).await;
    wire.create("work").await.unwrap();
    let assignment = owner.assignment().await;
    let report = |percent: f64, note: &str| {
        let entry = |step_id: &str| Progress {
            step_id: step_id.to_owned(),
            lease_token: assignment.lease_token,
            percent,
            note: note.to_owned(),
        };
        Say::Progress(ProgressReport { progress: vec![entry(IMPOSSIBLE), entry(&assignment.step_id), entry("x")] })
    };
    other.say(report(66.0, "theirs"));
    owner.say(report(25.0, "ours"));
    other.say(report(67.0, "theirs"));
    let noted = async || -> Option<String> {
        sqlx::query_scalar("select note from leases").fetch_one(database.store.pool()).await.unwrap()
    };
    eventually("it is noted", async || noted().await.is_some()).await;
    assert_eq!(noted().await.as_deref(), Some("ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_result_is_answered_by_itself() {
    let (_database, _app, wire) = wire("a; b; c").await;
    let mut session = wire.session(3).await;
    wire.create("work").await.unwrap();
    let (one, two, three) = (session.assignment().await, session.assignment().await, session.assignment().await);
    let nonsense = |step_id: &str| StepResult { step_id: step_id.to_owned(), ..success(&one, "{}") };
    let results = vec![
        success(&one, "{}"),
        nonsense("not-a-uuid"),
        nonsense(IMPOSSIBLE),
        nonsense(""),
        StepResult { outcome: None, ..success(&two, "{}") },
        success(&three, "null"),
    ];
    let mut acks = session.report_all(results).await;
    acks.sort_by(|a, b| a.step_id.cmp(&b.step_id));
    let mut answers: Vec<_> = acks.iter().map(|ack| (ack.step_id.as_str(), ack.outcome())).collect();
    let mut expected = vec![
        ("", AckOutcome::Invalid),
        (IMPOSSIBLE, AckOutcome::Invalid),
        ("not-a-uuid", AckOutcome::Invalid),
        (one.step_id.as_str(), AckOutcome::Accepted),
        (two.step_id.as_str(), AckOutcome::Invalid),
        (three.step_id.as_str(), AckOutcome::Accepted),
    ];
    answers.sort_by_key(|(step, _)| step.to_owned());
    expected.sort_by_key(|(step, _)| step.to_owned());
    assert_eq!(answers, expected);
    let refused = acks.iter().find(|ack| ack.step_id == IMPOSSIBLE).unwrap();
    assert_eq!(refused.message, format!("step_id `{IMPOSSIBLE}` is not a step id"));
    session.beat(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_names_impossible_steps_harms_nobody() {
    let (database, _app, mut wire) = wire("a").await;
    let offers = hello(Target::StepHandler("Noop".into()), &[]).offers;
    let claim = ClaimStepsRequest { worker_id: "raw".into(), offers, max_steps: 1, ..ClaimStepsRequest::default() };
    wire.create("work").await.unwrap();
    let claimed = wire.workers.claim_steps(claim).await.unwrap().into_inner();
    let (session_id, assignment) = (claimed.session_id, &claimed.assignments[0]);
    let named = |step_id: &str| HeldLease { step_id: step_id.to_owned(), lease_token: 1 };
    let progress = |step_id: &str| Progress {
        step_id: step_id.to_owned(),
        lease_token: 1,
        percent: f64::NAN,
        note: "said".into(),
    };
    let request = HeartbeatSessionRequest {
        session_id: session_id.clone(),
        held: vec![named(IMPOSSIBLE), lease(assignment), named("x")],
        progress: vec![progress(IMPOSSIBLE), progress(&assignment.step_id)],
    };
    let answer = wire.workers.heartbeat_session(request).await.unwrap().into_inner();
    let stops: Vec<&str> = answer.stops.iter().map(|stop| stop.step_id.as_str()).collect();
    assert_eq!(stops, [IMPOSSIBLE, "x"]);
    eventually("signs of life are still written", async || {
        let noted: Option<String> =
            sqlx::query_scalar("select note from leases").fetch_one(database.store.pool()).await.unwrap();
        noted.as_deref() == Some("said")
    })
    .await;
    let results = vec![StepResult { step_id: IMPOSSIBLE.into(), ..StepResult::default() }, success(assignment, "1")];
    let request = ReportResultsRequest { session_id, results };
    let acks = wire.workers.report_results(request).await.unwrap().into_inner().acks;
    let outcomes: Vec<_> = acks.iter().map(|ack| ack.outcome()).collect();
    assert_eq!(outcomes, [AckOutcome::Invalid, AckOutcome::Accepted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_handed_back_does_not_count_and_its_token_grows() {
    let (database, _app, wire) = wire("a").await;
    let mut session = wire.session(1).await;
    let task = wire.create("work").await.unwrap();
    for token in 1..=15 {
        let assignment = session.assignment().await;
        assert_eq!((assignment.lease_token, assignment.attempt, assignment.retry_limit), (token, 1, 3));
        let ack = session.report(release(&assignment, ReleaseReason::WorkerDraining)).await;
        assert_eq!(ack.outcome(), AckOutcome::Accepted);
        assert_eq!(session.report(success(&assignment, "{}")).await.outcome(), AckOutcome::Stale);
    }
    // So often it is free; from then on it is a failure.
    let assignment = session.assignment().await;
    assert_eq!((assignment.lease_token, assignment.attempt), (16, 1));
    session.report(release(&assignment, ReleaseReason::WorkerDraining)).await;
    let assignment = session.assignment().await;
    assert_eq!((assignment.lease_token, assignment.attempt), (17, 2));
    assert_eq!(session.report(success(&assignment, "{}")).await.outcome(), AckOutcome::Accepted);
    let trail = trail(&database, &task.task_id).await;
    assert!(trail.starts_with("1 in_progress, 1 pending worker_draining, 2 in_progress, 2 pending worker_draining"));
    assert!(trail.ends_with("16 in_progress, 16 error HandedBack, 16 pending, 17 in_progress, 17 complete"), "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_a_worker_does_not_run_goes_to_another() {
    let (database, _app, wire) = wire("a").await;
    let mut old = wire.session(5).await;
    let task = wire.create("work").await.unwrap();
    let assignment = old.assignment().await;
    assert_eq!(old.report(release(&assignment, ReleaseReason::NotSupported)).await.outcome(), AckOutcome::Accepted);
    let other = wire.create("work").await.unwrap();
    assert!(!old.has_assignment().await);
    let mut new = wire.session(5).await;
    let mut ran = [new.assignment().await, new.assignment().await];
    ran.sort_by_key(|assignment| assignment.lease_token);
    assert_eq!([&ran[1].task_id, &ran[0].task_id], [&task.task_id, &other.task_id]);
    for assignment in &ran {
        assert_eq!(
            (assignment.attempt, new.report(success(assignment, "{}")).await.outcome()),
            (1, AckOutcome::Accepted)
        );
    }
    let expected = "1 in_progress, 1 pending not_supported, 2 in_progress, 2 complete";
    assert_eq!(trail(&database, &task.task_id).await, expected);
    assert!(!old.has_assignment().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_a_handler_or_of_versions_gets_no_other_steps() {
    let (_database, _app, wire) = wire("a").await;
    wire.register("other", "a").await;
    let mut of_other = wire.session_by(hello(Target::Handler("other".into()), &[])).await;
    let mut of_version = wire.session_by(hello(Target::StepHandler("Noop".into()), &["7.0.0"])).await;
    let work = wire.create("work").await.unwrap();
    let other = wire.create("other").await.unwrap();
    let got = of_other.assignment().await;
    assert_eq!((got.task_id, got.handler.unwrap().name), (other.task_id, "other".to_owned()));
    assert!(!of_other.has_assignment().await);
    assert!(!of_version.has_assignment().await);
    // A step that nobody here runs does not keep others of its queue waiting.
    let second = wire.create("other").await.unwrap();
    assert_eq!(of_other.assignment().await.task_id, second.task_id);
    let mut of_this = wire.session_by(hello(Target::Handler("work".into()), &["0.1.0"])).await;
    assert_eq!(of_this.assignment().await.task_id, work.task_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_delivered_as_null_and_nothing_as_an_empty_object() {
    let (_database, _app, wire) = wire("a; b; c < a b").await;
    let mut session = wire.session(3).await;
    wire.create("work").await.unwrap();
    let (first, second) = (session.assignment().await, session.assignment().await);
    let nothing = Outcome::Success(Success { results_json: None });
    session.report_all(vec![success(&first, "null"), ended(&second, nothing)]).await;
    let child = session.assignment().await;
    let of = |name: &str| {
        child.dependencies.iter().find(|result| result.step_name == name).map(|result| result.results_json.as_str())
    };
    assert_eq!((of(&first.step_name), of(&second.step_name)), (Some("null"), Some("{}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_asked_for_is_honoured_and_one_below_zero_is_none() {
    let (database, _app, wire) = wire("a").await;
    let mut session = wire.session(1).await;
    let mut waited = async |retry_after: Option<i64>| -> f64 {
        let task = wire.create("work").await.unwrap();
        let assignment = session.assignment().await;
        let retry_after = retry_after.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        session.report(ended(&assignment, Outcome::Failure(Failure { retry_after, ..Failure::default() }))).await;
        let seconds: f64 = sqlx::query_scalar(
            "select (((metadata ->> 'retry_at')::float8 - extract(epoch from at) * 1000000) / 1000000)::float8 \
             from transitions where task_id = $1::text::uuid and to_state = 3",
        )
        .bind(&task.task_id)
        .fetch_one(database.store.pool())
        .await
        .unwrap();
        wire.cancel(&task).await;
        seconds.round()
    };
    assert_eq!(waited(Some(3_600)).await, 3_600.0);
    assert_eq!(waited(Some(10_000_000)).await, 86_400.0);
    // The table says at least a second of jitter, or nothing.
    assert!(waited(Some(-5)).await <= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_begin_without_slots() {
    let (_database, _app, wire) = wire("a").await;
    let mut session: Session = wire.session(0).await;
    wire.create("work").await.unwrap();
    assert!(!session.has_assignment().await);
    session.say(Say::SetSlots(SetSlots { slots: 1 }));
    tokio::time::timeout(Duration::from_secs(20), session.assignment()).await.unwrap();
}
