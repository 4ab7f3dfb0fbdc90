//! What can be asked of the writer.

use std::sync::Arc;

use crate::domain::{
    ids::{StepNo, TaskId},
    run::{Micros, Operation},
    template::Template,
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

/// The answer to a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// The task.
    pub task_id: TaskId,
    /// Whether an earlier request had created it.
    pub existed: bool,
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
    /// Change the reason or the tags.
    UpdateTask {
        /// The new reason.
        reason: Option<String>,
        /// The new tags.
        tags: Option<Vec<String>>,
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
