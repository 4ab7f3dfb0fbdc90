//! The audit trail as messages: what the trail keeps as JSON becomes a typed cause.

use prost_types::Duration;

use super::{micros, state, step, time};
use crate::{
    domain::{
        audit::Note,
        ids::TaskId,
        run::{DEADLINE_EXCEEDED, HandBackReason, OperationKind, UNAUTHENTICATED},
        state::{self as rules, Owner, State},
        template::Template,
    },
    proto::tasker::v1::{self as proto, manual_operation::Operation, step_handed_back::Reason, transition::Cause},
    store::tasks::TransitionRow,
};

/// The task whose audit trail is shown.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct Trail<'a> {
    /// The task.
    pub(in crate::rpc) task: TaskId,
    /// The handler version that it pinned.
    pub(in crate::rpc) template: &'a Template,
    /// The subject that created it.
    pub(in crate::rpc) created_by: Option<&'a str>,
}

/// A row of the audit trail. One without an event records a change that moved nothing.
pub(in crate::rpc) fn transition(trail: Trail<'_>, row: &TransitionRow) -> proto::Transition {
    let Trail { task, template, .. } = trail;
    let owner = if row.step.is_some() { Owner::Step } else { Owner::Task };
    let event = if row.from == Some(row.to) { None } else { rules::event(owner, row.from, row.to) };
    let name = row.step.and_then(|no| template.steps.get(usize::from(no))).map(|step| step.name.to_string());
    proto::Transition {
        task_id: task.to_string(),
        sequence: i64::from(row.sequence),
        step_id: row.step.map(|no| task.step(no).to_string()).unwrap_or_default(),
        step_name: name.unwrap_or_default(),
        from_state: row.from.map_or(proto::State::Unspecified, state).into(),
        to_state: state(row.to).into(),
        attempt: row.attempt,
        transition_time: Some(time(row.at)),
        event: event.unwrap_or_default().to_owned(),
        cause: Some(cause(trail, row)),
    }
}

/// Why a row is there: what the trail notes decides first, then whose move it is and where it leads.
fn cause(trail: Trail<'_>, row: &TransitionRow) -> Cause {
    let note = Note::read(row.metadata.as_deref());
    if let Some(operation) = note.operation.as_deref() {
        return Cause::Manual(manual(operation, &note));
    }
    if note.deadline_at.is_some() || note.reason.as_deref() == Some(DEADLINE_EXCEEDED) {
        return Cause::DeadlineExceeded(proto::DeadlineExceeded { deadline_time: note.deadline_at.map(micros) });
    }
    let handed_back = note.handed_back.as_deref().and_then(HandBackReason::from_label);
    let session_id = || row.session_id.map(|id| id.to_string()).unwrap_or_default();
    if let Some(reason) = handed_back {
        let reason = match reason {
            HandBackReason::WorkerDraining => Reason::WorkerDraining,
            HandBackReason::NotSupported => Reason::NotSupported,
            HandBackReason::NotReceived => Reason::NotReceived,
        };
        return Cause::HandedBack(proto::StepHandedBack { reason: reason.into(), session_id: session_id() });
    }
    match (row.step, row.from, row.to) {
        (None, None, _) => {
            Cause::Created(proto::TaskCreated { subject: trail.created_by.unwrap_or(UNAUTHENTICATED).to_owned() })
        }
        (None, Some(_), State::Complete | State::Error | State::Cancelled | State::ResolvedManually) => {
            Cause::Finalized(proto::TaskFinalized { reason: note.reason.unwrap_or_default() })
        }
        (None, Some(_), State::Pending) if note.reason.is_some() => {
            Cause::Waiting(proto::TaskWaiting { reason: note.reason.unwrap_or_default() })
        }
        (Some(_), _, State::InProgress) => Cause::Claimed(proto::StepClaimed {
            worker_id: row.worker_id.clone().unwrap_or_default(),
            session_id: session_id(),
        }),
        (Some(_), _, State::Complete) if note.bypassed => Cause::Bypassed(proto::StepBypassed {}),
        (Some(_), _, State::Complete) => {
            Cause::Completed(proto::StepCompleted { session_id: session_id(), run_duration: ran_for(row) })
        }
        (Some(_), _, State::Error) => Cause::Failed(proto::StepFailed {
            retry_time: note.retry_at.map(micros),
            failure: Some(step::failure(note, row.at)),
            session_id: session_id(),
            run_duration: ran_for(row),
        }),
        _ => Cause::Advanced(proto::Advanced {}),
    }
}

fn manual(operation: &str, note: &Note<'_>) -> proto::ManualOperation {
    let kind = OperationKind::from_label(operation).map_or(Operation::Unspecified, |kind| match kind {
        OperationKind::CancelTask => Operation::CancelTask,
        OperationKind::RetryTask => Operation::RetryTask,
        OperationKind::UpdateTask => Operation::UpdateTask,
        OperationKind::CancelStep => Operation::CancelStep,
        OperationKind::RetryStep => Operation::RetryStep,
        OperationKind::ResolveStep => Operation::ResolveStep,
        OperationKind::UpdateStep => Operation::UpdateStep,
    });
    proto::ManualOperation {
        operation: kind.into(),
        subject: note.subject.clone().unwrap_or_default(),
        requested_by: note.requested_by.clone().unwrap_or_default(),
        reason: note.reason.clone().unwrap_or_default(),
        request_id: note.request_id.clone().unwrap_or_default(),
    }
}

/// How long the attempt ran that the row ends.
fn ran_for(row: &TransitionRow) -> Option<Duration> {
    let ran = (row.at - row.started_at?).to_std().ok()?;
    Duration::try_from(ran).ok()
}
