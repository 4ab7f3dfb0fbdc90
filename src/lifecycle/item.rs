//! What waits in a lane's queue.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    assignment::{AckTo, Outcome},
    request::{Created, NewTask, Request, TaskState},
};
use crate::{
    domain::{
        ids::{StepId, TaskId},
        run::Micros,
    },
    error::Result,
};

/// An item with the room that it takes in the queue until its batch is done.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) item: Item,
    pub(super) room: OwnedSemaphorePermit,
    /// Its place in the queue until it is taken into a batch.
    pub(super) _place: OwnedSemaphorePermit,
}

/// One thing to be done in the next batch.
#[derive(Debug)]
pub(super) enum Item {
    /// Create a task.
    Create { task_id: TaskId, new: Box<NewTask>, reply: oneshot::Sender<Result<Created>> },
    /// Settle an attempt.
    Settle { step: StepId, attempt: u16, outcome: Outcome, ack: AckTo },
    /// Claim waiting steps for workers of this server; since when each waits.
    Claim { steps: Vec<(StepId, Micros)>, reply: oneshot::Sender<Vec<(StepId, ClaimVerdict)>> },
    /// Change a task by request.
    Apply { task: TaskId, request: Box<Request>, reply: oneshot::Sender<Result<TaskState>> },
}

/// What became of a waiting step that was to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimVerdict {
    /// A worker has it, or it has moved on: it waits no longer.
    Gone,
    /// It is to wait on, until this time if it is not ready.
    Waits(Option<Micros>),
}

impl Item {
    /// The existing tasks that the item is about.
    pub(super) fn tasks(&self) -> Vec<TaskId> {
        match self {
            Self::Create { .. } => Vec::new(),
            Self::Settle { step, .. } => vec![step.task],
            Self::Claim { steps, .. } => steps.iter().map(|(step, _)| step.task).collect(),
            Self::Apply { task, .. } => vec![*task],
        }
    }

    /// The id under which it is done only once, with the task that it is about.
    pub(super) fn request_id(&self) -> Option<(TaskId, &str)> {
        match self {
            Self::Apply { task, request, .. } => request.request_id().map(|id| (*task, id)),
            _ => None,
        }
    }

    /// Whether writing it takes more than the one statement of a batch.
    pub(super) fn needs_transaction(&self) -> bool {
        match self {
            Self::Create { new, .. } => new.identity.is_some(),
            Self::Settle { .. } | Self::Claim { .. } => false,
            Self::Apply { request, .. } => {
                request.request_id().is_some()
                    || matches!(
                        **request,
                        Request::UpdateTask { .. } | Request::UpdateStep { inputs_json: Some(_), .. }
                    )
            }
        }
    }

    /// Whether the caller that it would be answered to has gone.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::Create { reply, .. } => reply.is_closed(),
            Self::Apply { reply, .. } => reply.is_closed(),
            Self::Claim { .. } | Self::Settle { .. } => false,
        }
    }

    /// About how many rows it writes, as far as that is known without its task.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Create { new, .. } => {
                let roots = new.template.steps.iter().filter(|step| step.parents.is_empty()).count();
                3 + 2 * roots + new.bypass.len()
            }
            Self::Claim { steps, .. } => steps.len() * 3,
            Self::Settle { .. } | Self::Apply { .. } => 4,
        }
    }

    /// About how many bytes it brings into a batch.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Create { new, .. } => 256 + new.context_json.len() + new.template.steps.len() * 8,
            Self::Settle { outcome: Outcome::Success(results), .. } => 128 + results.len(),
            Self::Settle { outcome: Outcome::Failure { failure, .. }, .. } => {
                128 + failure.message.len() + failure.backtrace.len() + failure.context_json.len()
            }
            Self::Settle { outcome: Outcome::HandedBack { .. }, .. } => 128,
            Self::Claim { steps, .. } => steps.len() * 64,
            Self::Apply { .. } => 256,
        }
    }
}
