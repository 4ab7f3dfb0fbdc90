//! Explanations as JSON: snake_case keys, times in RFC 3339, verdicts and states by name, absent things left out.

use serde_json::{Map, Value, json};
use tasker_sdk::proto::tasker::v1::{self as pb, blocker::Cause};

use super::super::shape::{enum_label, state_label, time};

/// A task.
pub(super) fn of_task(task: &pb::TaskExplanation) -> Value {
    let counts = task.counts.unwrap_or_default();
    lean(json!({
        "task_id": task.task_id,
        "handler": task.handler,
        "state": state_label(task.state),
        "state_reason": task.state_reason,
        "verdict": verdict(task.verdict()),
        "until_time": time(task.until_time),
        "deadline_time": time(task.deadline_time),
        "counts": {
            "movable": counts.movable, "running": counts.running, "waiting": counts.waiting,
            "never": counts.never, "settled": counts.settled,
        },
        "blockers": task.blockers.iter().map(blocker).collect::<Vec<_>>(),
        "steps": task.steps.iter().map(step).collect::<Vec<_>>(),
        "steps_left_out": task.steps_left_out,
    }))
}

/// A step, and the steps at the bottom of it.
pub(super) fn of_step(explained: &pb::ExplainStepResponse) -> Value {
    json!({
        "task_id": explained.task_id,
        "step": explained.step.as_ref().map(step),
        "roots": explained.roots.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &pb::StepExplanation) -> Value {
    lean(json!({
        "step_id": step.step_id,
        "name": step.name,
        "handler_class": step.handler_class,
        "state": state_label(step.state),
        "attempts": step.attempts,
        "retry_limit": step.retry_limit,
        "verdict": verdict(step.verdict()),
        "until_time": time(step.until_time),
        "blockers": step.blockers.iter().map(blocker).collect::<Vec<_>>(),
    }))
}

fn verdict(verdict: pb::Verdict) -> String {
    enum_label(verdict.as_str_name(), "VERDICT_")
}

fn blocker(blocker: &pb::Blocker) -> Value {
    let (kind, details) = blocker.cause.as_ref().map_or(("unknown", Value::Null), cause);
    let remedies = blocker.remedies.iter().map(|remedy| {
        lean(json!({
            "description": remedy.description,
            "method": remedy.method,
            "arguments": serde_json::from_str::<Value>(&remedy.arguments_json).ok(),
            "command": remedy.command,
        }))
    });
    lean(json!({
        "kind": kind,
        "since_time": time(blocker.since_time),
        "summary": blocker.summary,
        kind: lean(details),
        "remedies": remedies.collect::<Vec<_>>(),
    }))
}

fn cause(cause: &Cause) -> (&'static str, Value) {
    match cause {
        Cause::TaskSettled(of) => ("task_settled", json!({ "state": state_label(of.state), "reason": of.reason })),
        Cause::Parents(of) => {
            let unsettled = of.unsettled.iter().map(reference).collect::<Vec<_>>();
            ("parents", json!({ "unsettled": unsettled, "count": of.count }))
        }
        Cause::Ancestor(of) => {
            let fate = enum_label(of.fate().as_str_name(), "FATE_");
            let step = of.step.as_ref().map(reference);
            ("ancestor", json!({ "step": step, "fate": fate, "failure": of.failure.as_ref().map(failure) }))
        }
        Cause::Backoff(of) => {
            ("backoff", json!({ "until_time": time(of.until_time), "failure": of.failure.as_ref().map(failure) }))
        }
        Cause::Exhausted(of) => {
            let failure = of.failure.as_ref().map(failure);
            ("exhausted", json!({ "attempts": of.attempts, "retry_limit": of.retry_limit, "failure": failure }))
        }
        Cause::Permanent(of) => {
            ("permanent", json!({ "retryable": of.retryable, "failure": of.failure.as_ref().map(failure) }))
        }
        Cause::Leased(of) => (
            "leased",
            json!({
                "lease_token": of.lease_token, "worker_id": of.worker_id, "session_id": of.session_id,
                "expire_time": time(of.expire_time), "deadline_time": time(of.deadline_time),
                "overdue": of.overdue, "percent": of.percent, "note": of.note,
            }),
        ),
        Cause::Paused(of) => (
            "paused",
            json!({
                "namespace": of.namespace, "name": of.name, "pause_time": time(of.pause_time),
                "paused_by": of.paused_by, "reason": of.reason,
            }),
        ),
        Cause::NoWorker(of) => (
            "no_worker",
            json!({ "namespace": of.namespace, "step_handler": of.step_handler, "away": sessions(&of.away) }),
        ),
        Cause::NoFreeSlot(of) => ("no_free_slot", json!({ "holders": sessions(&of.holders), "count": of.count })),
        Cause::Draining(of) => ("draining", json!({ "workers": sessions(&of.workers) })),
        Cause::Dispatch(of) => ("dispatch", json!({ "free_slots": of.free_slots })),
    }
}

fn reference(step: &pb::StepRef) -> Value {
    json!({ "step_id": step.step_id, "name": step.name, "state": state_label(step.state) })
}

fn failure(failed: &pb::FailedAttempt) -> Value {
    json!({
        "attempt": failed.attempt, "error_class": failed.error_class, "message": failed.message,
        "time": time(failed.time),
    })
}

fn sessions(sessions: &[pb::WorkerSeat]) -> Vec<Value> {
    let session = |session: &pb::WorkerSeat| {
        json!({
            "worker_id": session.worker_id, "session_id": session.session_id, "server_id": session.server_id,
            "slots": session.slots, "held": session.held, "open": session.open, "connect_time": time(session.connect_time),
        })
    };
    sessions.iter().map(session).collect()
}

/// The object without what is absent: nothing, empty text, empty lists.
fn lean(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let is_absent = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    Value::Object(map.into_iter().filter(|(_, value)| !is_absent(value)).collect::<Map<_, _>>())
}
