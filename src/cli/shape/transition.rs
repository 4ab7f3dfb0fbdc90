//! The JSON shape of the audit trail, and a cause in a line.

use serde::Serialize;
use serde_json::{Value, json};
use tasker_sdk::proto::tasker::v1::{self as pb, transition::Cause};

use super::{duration, enum_label, from_proto, raw, state_label, time};
use crate::domain::state::State;

/// A move of a task or of a step.
#[derive(Debug, Serialize)]
pub(crate) struct Transition<'a> {
    task_id: &'a str,
    sequence: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    step_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    step_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_state: Option<&'static str>,
    to_state: &'static str,
    attempt: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    transition_time: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Value>,
}

/// The shape of a transition.
pub(crate) fn transition(transition: &pb::Transition) -> Transition<'_> {
    Transition {
        task_id: &transition.task_id,
        sequence: transition.sequence,
        step_id: &transition.step_id,
        step_name: &transition.step_name,
        from_state: from_proto(transition.from_state).map(State::label),
        to_state: state_label(transition.to_state),
        attempt: transition.attempt,
        transition_time: time(transition.transition_time),
        event: &transition.event,
        cause: transition.cause.as_ref().map(cause),
    }
}

/// A cause under its name; what is empty is left out.
fn cause(cause: &Cause) -> Value {
    match cause {
        Cause::Created(of) => json!({ "created": { "subject": of.subject } }),
        Cause::Advanced(_) => json!({ "advanced": {} }),
        Cause::Waiting(of) => json!({ "waiting": { "reason": of.reason } }),
        Cause::Finalized(of) => json!({ "finalized": filled(json!({ "reason": of.reason })) }),
        Cause::DeadlineExceeded(of) => {
            json!({ "deadline_exceeded": filled(json!({ "deadline_time": time(of.deadline_time) })) })
        }
        Cause::Claimed(of) => {
            json!({ "claimed": filled(json!({ "worker_id": of.worker_id, "session_id": of.session_id })) })
        }
        Cause::Completed(of) => json!({ "completed": filled(json!({
            "session_id": of.session_id, "run_duration": duration(of.run_duration),
        })) }),
        Cause::Failed(of) => json!({ "failed": filled(json!({
            "failure": of.failure.as_ref().map(failure), "retry_time": time(of.retry_time),
            "session_id": of.session_id, "run_duration": duration(of.run_duration),
        })) }),
        Cause::HandedBack(of) => {
            json!({ "handed_back": filled(json!({ "reason": hand_back(of), "session_id": of.session_id })) })
        }
        Cause::Bypassed(_) => json!({ "bypassed": {} }),
        Cause::Manual(of) => json!({ "manual": filled(json!({
            "operation": operation(of), "subject": of.subject, "requested_by": of.requested_by, "reason": of.reason,
            "request_id": of.request_id,
        })) }),
    }
}

/// A failure; what is empty is left out.
pub(crate) fn failure(failure: &pb::StepFailure) -> Value {
    filled(json!({
        "error_class": failure.error_class, "message": failure.message, "backtrace": failure.backtrace,
        "permanent": failure.permanent, "error_code": failure.error_code, "fail_time": time(failure.fail_time),
        "context": raw(&failure.context_json),
    }))
}

/// Without what is null or an empty text.
fn filled(mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    }
    value
}

fn hand_back(of: &pb::StepHandedBack) -> String {
    enum_label(of.reason().as_str_name(), "REASON_")
}

fn operation(manual: &pb::ManualOperation) -> String {
    enum_label(manual.operation().as_str_name(), "OPERATION_")
}

/// A cause in a line, for people; empty when the states say all there is.
pub(crate) fn cause_line(transition: &pb::Transition) -> String {
    match &transition.cause {
        None | Some(Cause::Advanced(_)) => String::new(),
        Some(Cause::Created(of)) => format!("by {}", of.subject),
        Some(Cause::Waiting(pb::TaskWaiting { reason }) | Cause::Finalized(pb::TaskFinalized { reason })) => {
            reason.clone()
        }
        Some(Cause::DeadlineExceeded(of)) => match time(of.deadline_time) {
            Some(at) => format!("deadline_exceeded: {at}"),
            None => "deadline_exceeded".to_owned(),
        },
        Some(Cause::Claimed(of)) if of.worker_id.is_empty() => String::new(),
        Some(Cause::Claimed(of)) => format!("by worker {}", of.worker_id),
        Some(Cause::Completed(of)) => duration(of.run_duration).map(|ran| format!("after {ran}")).unwrap_or_default(),
        Some(Cause::Failed(of)) => {
            let failure = of.failure.as_ref().map(error_text);
            let again = time(of.retry_time).map(|at| format!("again at {at}"));
            [failure, again].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
        Some(Cause::HandedBack(of)) => format!("handed back: {}", hand_back(of)),
        Some(Cause::Bypassed(_)) => "bypassed".to_owned(),
        Some(Cause::Manual(of)) => format!("{} {}", operation(of), who_and_why(of)).trim_end().to_owned(),
    }
}

/// `by SUBJECT (NAME): REASON`, as far as it is known.
pub(crate) fn who_and_why(manual: &pb::ManualOperation) -> String {
    let pb::ManualOperation { subject, requested_by, reason, .. } = manual;
    let by = match (subject.as_str(), requested_by.as_str()) {
        ("" | "unauthenticated", "") => String::new(),
        ("" | "unauthenticated", named) => format!("by {named}"),
        (subject, named) if named.is_empty() || named == subject => format!("by {subject}"),
        (subject, named) => format!("by {subject} ({named})"),
    };
    [by, reason.clone()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

/// `CLASS: MESSAGE`, as far as it is known.
pub(crate) fn error_text(failure: &pb::StepFailure) -> String {
    match (failure.error_class.as_str(), failure.message.as_str()) {
        ("", message) => message.to_owned(),
        (class, "") => class.to_owned(),
        (class, message) => format!("{class}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manual(subject: &str, requested_by: &str, reason: &str) -> String {
        who_and_why(&pb::ManualOperation {
            subject: subject.to_owned(),
            requested_by: requested_by.to_owned(),
            reason: reason.to_owned(),
            ..Default::default()
        })
    }

    #[test]
    fn whoever_was_authenticated_comes_first() {
        assert_eq!(manual("ann", "ceo@corp", "late"), "by ann (ceo@corp): late");
        assert_eq!(manual("ann", "ann", ""), "by ann");
        assert_eq!(manual("unauthenticated", "bob", "late"), "by bob: late");
        assert_eq!(manual("unauthenticated", "", "late"), "late");
        assert_eq!(manual("unauthenticated", "", ""), "");
    }

    #[test]
    fn empty_parts_of_a_cause_are_left_out() {
        let claimed = pb::StepClaimed { worker_id: "w".to_owned(), session_id: String::new() };
        assert_eq!(cause(&Cause::Claimed(claimed)), json!({ "claimed": { "worker_id": "w" } }));
        let finalized = pb::TaskFinalized::default();
        assert_eq!(cause(&Cause::Finalized(finalized)), json!({ "finalized": {} }));
    }
}
