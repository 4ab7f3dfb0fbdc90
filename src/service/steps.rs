//! What a caller can ask about steps, and do to them.
//!
//! Owns: the use cases. Never: decides whether a step may move; `domain::run` does, in the writer. Next:
//! `service::snapshot` for reads, `lifecycle` for changes.

use std::ops::Range;

use super::snapshot::{Reader, Snapshot};
use crate::{
    auth::Scope,
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::Operation,
    },
    error::{Error, Reason, Result},
    lifecycle::{Request, Writer},
};

/// Everything that can be asked about steps.
#[derive(Debug, Clone)]
pub struct Steps {
    reader: Reader,
    writer: Writer,
}

/// A change of a step.
#[derive(Debug, Clone)]
pub enum Change {
    /// Another limit of attempts, other inputs as JSON text.
    Update {
        /// The new limit.
        retry_limit: Option<u16>,
        /// The new inputs as JSON text.
        inputs_json: Option<String>,
    },
    /// No further attempts.
    Cancel,
    /// Done by a person, with these results as JSON text.
    Resolve(String),
    /// Another attempt now.
    Retry,
}

impl Steps {
    /// The use cases over a reader and the writer.
    pub const fn new(reader: Reader, writer: Writer) -> Self {
        Self { reader, writer }
    }

    /// Some of a task's steps in the handler's order.
    pub async fn list(&self, scope: &Scope, task: TaskId, range: Range<StepNo>, payloads: bool) -> Result<Snapshot> {
        self.reader.steps(scope, task, range, payloads).await
    }

    /// One step with its payloads, or STEP_NOT_FOUND.
    pub async fn get(&self, scope: &Scope, id: StepId) -> Result<Snapshot> {
        let found = self.reader.steps(scope, id.task, id.no..id.no + 1, true).await;
        let snapshot = found.map_err(|error| of_step(error, id))?;
        if snapshot.run.has(id.no) { Ok(snapshot) } else { Err(unknown(id)) }
    }

    /// Changes a step and returns it, without its payloads where they do not fit.
    pub async fn change(&self, scope: &Scope, id: StepId, change: Change, operation: Operation) -> Result<Snapshot> {
        let found = self.reader.find_with_context(scope, id.task).await.map_err(|error| of_step(error, id))?;
        let no = id.no;
        let request = match change {
            Change::Update { retry_limit, inputs_json } => {
                Request::UpdateStep { no, retry_limit, inputs_json, operation }
            }
            Change::Cancel => Request::CancelStep { no, operation },
            Change::Resolve(results_json) => Request::ResolveStep { no, results_json, operation },
            Change::Retry => Request::RetryStep { no, operation },
        };
        let state = self.writer.apply(id.task, request).await.map_err(|error| of_step(error, id))?;
        Ok(self.reader.changed_step(found.row, state, no).await)
    }
}

/// A step whose task does not exist does not exist.
fn of_step(error: Error, id: StepId) -> Error {
    if error.reason() == Reason::TaskNotFound { unknown(id) } else { error }
}

fn unknown(id: StepId) -> Error {
    Error::new(Reason::StepNotFound, format!("there is no step {id}")).with("step_id", id.to_string())
}
