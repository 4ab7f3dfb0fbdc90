//! What can be asked of the writer.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{
    domain::{
        ids::{StepNo, TaskId},
        run::{Micros, Operation, Run},
        template::Template,
    },
    error::{Error, Reason},
};

/// A task to be created. Everything in it has been validated.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// The handler version to pin.
    pub template: Arc<Template>,
    /// The input as JSON text, defaults of the schema not filled in.
    pub context_json: Arc<str>,
    /// Who asks.
    pub initiator: String,
    /// The system that asks.
    pub source_system: String,
    /// Why.
    pub reason: String,
    /// Labels.
    pub tags: Vec<String>,
    /// Skippable steps to complete without running them.
    pub bypass: Vec<StepNo>,
    /// When it was asked for.
    pub requested_at: Micros,
    /// Makes two requests the same.
    pub identity: Option<Identity>,
    /// Finds related work again.
    pub correlation_id: Option<String>,
    /// When it must be finished.
    pub deadline_at: Option<Micros>,
    /// The subject of the caller's credentials.
    pub created_by: Option<String>,
    /// The caller's W3C trace context.
    pub trace_context: Option<String>,
}

/// What makes two requests the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Unique over all tasks: the kind of identity, the namespace, and the key or hash.
    pub key: String,
    /// SHA-256 of the content; the same key with another content is refused.
    pub content_hash: [u8; 32],
}

/// TASK_EXISTS: the identity belongs to another task.
pub fn identity_taken(task: TaskId) -> Error {
    Error::new(Reason::TaskExists, "another request with other content used the same idempotency key")
        .with("task_id", task.to_string())
}

/// The answer to a creation.
#[derive(Debug, Clone)]
pub struct Created {
    /// The task.
    pub task_id: TaskId,
    /// The task as it was created; `None` when an earlier request had created it.
    pub state: Option<TaskState>,
}

/// A task as the lane left it.
#[derive(Debug, Clone)]
pub struct TaskState {
    /// The run.
    pub run: Run,
    /// When that was, by the database's clock.
    pub now: Micros,
    /// When the first step started.
    pub started_at: Option<Micros>,
    /// When the task reached its present final state.
    pub finished_at: Option<Micros>,
    /// When it must be finished.
    pub deadline_at: Option<Micros>,
}

/// What to change of a task; what is not set stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskChange {
    /// The new reason.
    pub reason: Option<String>,
    /// The new tags.
    pub tags: Option<Vec<String>>,
    /// The new deadline.
    pub deadline: Option<Deadline>,
}

/// A deadline to be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// At this time.
    At(Micros),
    /// None any more.
    Never,
}

impl Deadline {
    /// The time, if there is one.
    pub const fn at(self) -> Option<Micros> {
        match self {
            Self::At(at) => Some(at),
            Self::Never => None,
        }
    }
}

/// A change of an existing task that somebody, or the sweeper, asks for.
#[derive(Debug, Clone)]
pub enum Request {
    /// Cancel the task.
    CancelTask(Operation),
    /// Retry every failed step of a failed task.
    RetryTask {
        /// Attempts to add to exhausted steps.
        additional: u16,
        /// Who and why.
        operation: Operation,
    },
    /// Change the reason, the tags or the deadline.
    UpdateTask {
        /// What.
        change: TaskChange,
        /// Who and why.
        operation: Operation,
    },
    /// Cancel a step.
    CancelStep {
        /// The step.
        no: StepNo,
        /// Who and why.
        operation: Operation,
    },
    /// Declare a step done.
    ResolveStep {
        /// The step.
        no: StepNo,
        /// Its results as JSON text.
        results_json: String,
        /// Who and why.
        operation: Operation,
    },
    /// Retry a failed step now.
    RetryStep {
        /// The step.
        no: StepNo,
        /// Who and why.
        operation: Operation,
    },
    /// Change the retry limit or the inputs of a step.
    UpdateStep {
        /// The step.
        no: StepNo,
        /// The new limit.
        retry_limit: Option<u16>,
        /// The new inputs as JSON text.
        inputs_json: Option<String>,
        /// Who and why.
        operation: Operation,
    },
    /// The deadline has passed.
    ExceedDeadline,
}

impl Request {
    /// Who asks and why; nobody when a deadline has passed.
    pub const fn operation(&self) -> Option<&Operation> {
        match self {
            Self::CancelTask(operation)
            | Self::RetryTask { operation, .. }
            | Self::UpdateTask { operation, .. }
            | Self::CancelStep { operation, .. }
            | Self::ResolveStep { operation, .. }
            | Self::RetryStep { operation, .. }
            | Self::UpdateStep { operation, .. } => Some(operation),
            Self::ExceedDeadline => None,
        }
    }

    /// The step that it is about.
    pub const fn step(&self) -> Option<StepNo> {
        match self {
            Self::CancelStep { no, .. }
            | Self::ResolveStep { no, .. }
            | Self::RetryStep { no, .. }
            | Self::UpdateStep { no, .. } => Some(*no),
            _ => None,
        }
    }

    /// The id under which it is done only once, if it has one.
    pub fn request_id(&self) -> Option<&str> {
        self.operation().map(|operation| operation.request_id.as_str()).filter(|id| !id.is_empty())
    }

    /// SHA-256 of everything that it says: the same id with another content is refused.
    pub fn content_hash(&self) -> [u8; 32] {
        let operation = self.operation();
        let said = operation.map(|operation| {
            (operation.kind.label(), &*operation.subject, &*operation.requested_by, &*operation.reason)
        });
        let (additional, results) = match self {
            Self::RetryTask { additional, .. } => (Some(*additional), None),
            Self::ResolveStep { results_json, .. } => (None, Some(results_json.as_str())),
            _ => (None, None),
        };
        let content = serde_json::to_vec(&(said, self.step(), additional, results)).expect("texts and numbers");
        Sha256::digest(content).into()
    }
}
