//! Results that cannot be taken, each with its answer.

use tasker::app::App;
use tasker_sdk::proto::tasker::worker::v1::{
    AckOutcome, FetchDependenciesRequest, Hello, ReportResultsRequest, SetSlots, StepResult,
    open_session_request::Message as Say,
};
use tonic::Code;

use super::wire::{Wire, reason, success};
use crate::harness::{Database, database, serve_with};

async fn wire(steps: &str) -> (Database, App, Wire) {
    let database = database().await;
    let app = serve_with(&database, &[("limits.payload_bytes", "2048"), ("limits.assignment_bytes", "2048")]).await;
    let wire = Wire::to(&app).await;
    wire.register("work", steps).await;
    (database, app, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_ends_its_attempt_for_good() {
    let (_database, _app, wire) = wire("a").await;
    let mut session = wire.session(1).await;
    let mut check = async |results: Option<&str>, why: &str| {
        let task = wire.create("work").await.unwrap();
        let assignment = session.assignment().await;
        assert_eq!(assignment.task_id, task.task_id);
        let mut result = success(&assignment, results.unwrap_or_default());
        if results.is_none() {
            result.outcome = None;
        }
        let ack = session.report(result).await;
        assert_eq!(ack.outcome(), AckOutcome::Invalid, "{results:?}");
        assert!(ack.message.contains(why), "{}", ack.message);
        // The attempt is over: whatever is said of it now comes too late.
        assert_eq!(session.report(success(&assignment, "{}")).await.outcome(), AckOutcome::Stale);
    };
    check(Some(&format!("\"{}\"", "x".repeat(2_048))), "2050 bytes, 2048 are allowed").await;
    check(Some(r#"{"a": "\u0000"}"#), "u0000").await;
    check(Some("{"), "JSON").await;
    check(Some("{} {}"), "JSON").await;
    check(Some(r#""\ud800""#), "results_json").await;
    check(Some("1e999999"), "").await;
    check(Some(&format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))), "").await;
    check(None, "no outcome").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_come_too_late_are_stale() {
    let (_database, _app, wire) = wire("a; b").await;
    let mut session = wire.session(2).await;
    let task = wire.create("work").await.unwrap();
    let (first, second) = (session.assignment().await, session.assignment().await);
    let mut check = async |result: StepResult, expected: AckOutcome| {
        assert_eq!(session.report(result).await.outcome(), expected);
    };
    check(StepResult { lease_token: 2, ..success(&first, "{}") }, AckOutcome::Stale).await;
    check(StepResult { lease_token: -1, ..success(&first, "{}") }, AckOutcome::Stale).await;
    check(StepResult { lease_token: 1 << 40, ..success(&first, "{}") }, AckOutcome::Stale).await;
    check(StepResult { step_id: other_step(&first.step_id), ..success(&first, "{}") }, AckOutcome::Stale).await;
    check(success(&first, "{}"), AckOutcome::Accepted).await;
    check(success(&first, "{}"), AckOutcome::Stale).await;
    wire.cancel(&task).await;
    check(success(&second, "{}"), AckOutcome::Stale).await;
}

/// A step of another task.
fn other_step(step_id: &str) -> String {
    let head = if step_id.starts_with('0') { '1' } else { '0' };
    format!("{head}{}", &step_id[1..])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_ends_the_session_with_its_reason() {
    let (_database, _app, wire) = wire("a").await;
    let slots = |slots| Say::SetSlots(SetSlots { slots });
    for message in [Say::Hello(Hello::default()), slots(-5), slots(10_001)] {
        let status = wire.session(1).await.ruin(message).await;
        assert_eq!((status.code(), reason(&status).0.as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_knows_is_told_so() {
    let (_database, _app, mut wire) = wire("a").await;
    for session_id in ["nonsense", "00000000-0000-0000-0000-000000000000"] {
        let request = ReportResultsRequest { session_id: session_id.to_owned(), ..ReportResultsRequest::default() };
        let status = wire.workers.report_results(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).0.as_str()), (Code::NotFound, "SESSION_UNKNOWN"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_come_before_its_handler() {
    let (_database, _app, wire) = wire("other").await;
    let mut session = wire.session_of("Late", 1).await;
    wire.register_as("late", "a", "Late").await;
    wire.create("late").await.unwrap();
    assert_eq!(session.assignment().await.handler.unwrap().name, "late");
    let status = wire.create("never").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).0.as_str()), (Code::NotFound, "HANDLER_UNKNOWN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_results_of_a_thousand_parents_come_in_pages() {
    let names: Vec<String> = (0..1_000).map(|no| format!("s{no}")).collect();
    let (_database, _app, wire) = wire(&format!("{}; join < {}", names.join("; "), names.join(" "))).await;
    let mut session = wire.session(1_000).await;
    wire.create("work").await.unwrap();
    let mut parents = Vec::new();
    for _ in 0..1_000 {
        parents.push(session.assignment().await);
    }
    let large = format!("\"{}\"", "x".repeat(1_000));
    for parent in &parents {
        assert_eq!(session.report(success(parent, &large)).await.outcome(), AckOutcome::Accepted);
    }
    let join = session.assignment().await;
    assert!(join.dependencies_omitted && join.dependencies.is_empty());
    let mut request = FetchDependenciesRequest {
        step_id: join.step_id.clone(),
        lease_token: join.lease_token,
        page_size: 300,
        ..FetchDependenciesRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = wire.fetch(&request).await.unwrap();
        assert!(page.dependencies.len() <= 300);
        assert!(page.dependencies.iter().all(|dependency| dependency.results_json == large));
        found.extend(page.dependencies.into_iter().map(|dependency| dependency.step_name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(found, names);
    request.page_token.clear();
    request.step_names = vec!["s7".to_owned(), "s999".to_owned()];
    let two = wire.fetch(&request).await.unwrap();
    assert_eq!(two.dependencies.len(), 2);
    assert_eq!(session.report(success(&join, "{}")).await.outcome(), AckOutcome::Accepted);
    let status = wire.fetch(&request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).0.as_str()), (Code::Aborted, "LEASE_STALE"));
}
