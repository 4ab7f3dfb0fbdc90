//! Reads of what single steps have beside the packed run: outcomes, changed inputs, leases.
//!
//! Owns: these rows as values, and the budget of an answer, so that one call cannot fill the server's memory.
//! Never: writes; that is `store::lifecycle`. Next: `store::tasks`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Result, Store,
    lifecycle::{step, step_no},
    of_tasks, sql,
    tasks::{state, unsigned},
};
use crate::domain::{
    ids::{StepId, StepNo, TaskId},
    state::State,
};

/// The transition that carries the newest results or error of a step.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The state that it moved to.
    pub to: State,
    /// The attempt, 0 for none.
    pub attempt: i32,
    /// When.
    pub at: DateTime<Utc>,
    /// When the attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// Details as JSON text.
    pub metadata: Option<String>,
    /// The results as JSON text, if they were asked for.
    pub results: Option<String>,
}

/// A running attempt and who holds it.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The attempt.
    pub attempt: i32,
    /// The session.
    pub session_id: Uuid,
    /// The worker, unless its session has been forgotten.
    pub worker_id: Option<String>,
    /// Since when.
    pub claimed_at: DateTime<Utc>,
    /// When the attempt times out.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Until when the session lives unless it is renewed.
    pub expires_at: Option<DateTime<Utc>>,
    /// How far the worker says it has come.
    pub percent: Option<f64>,
    /// What the worker says it does now.
    pub note: Option<String>,
}

/// There is more than the budget allows; how much is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget;

/// What was read within a budget.
pub type Budgeted<T> = std::result::Result<T, OverBudget>;

/// What was read so far against what one answer may have.
#[derive(Debug, Clone, Copy)]
pub struct Budget(usize);

impl Budget {
    /// A budget of so many bytes.
    pub const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Spends bytes; `Err` when there are not enough left.
    pub const fn spend(&mut self, bytes: usize) -> Budgeted<()> {
        match self.0.checked_sub(bytes) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => Err(OverBudget),
        }
    }
}

/// Outcomes by task and sequence number.
pub type Outcomes = HashMap<(TaskId, u32), Outcome>;

/// Reads outcomes by task and sequence number, with their results or without, within a budget.
pub async fn outcomes(
    store: &Store,
    keys: &[(TaskId, u32)],
    results: bool,
    budget: &mut Budget,
) -> Result<Budgeted<Outcomes>> {
    if keys.is_empty() {
        return Ok(Ok(HashMap::new()));
    }
    let tasks: Vec<Uuid> = keys.iter().map(|(task, _)| task.uuid()).collect();
    let sequences: Vec<i32> = keys.iter().map(|(_, sequence)| i32::try_from(*sequence).unwrap_or(i32::MAX)).collect();
    let mut rows = sql!("steps/outcomes").bind(tasks).bind(sequences).bind(results).fetch(store.pool());
    let mut found = HashMap::with_capacity(keys.len());
    while let Some(row) = rows.try_next().await? {
        let outcome = outcome(&row)?;
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        if budget.spend(text(&outcome.results) + text(&outcome.metadata)).is_err() {
            return Ok(Err(OverBudget));
        }
        let task = TaskId::from_uuid(row.try_get("task_id")?);
        found.insert((task, unsigned(row.try_get("sequence")?)?), outcome);
    }
    Ok(Ok(found))
}

/// Reads the changed inputs of steps, within a budget.
pub async fn inputs(store: &Store, steps: &[StepId], budget: &mut Budget) -> Result<Budgeted<HashMap<StepId, String>>> {
    if steps.is_empty() {
        return Ok(Ok(HashMap::new()));
    }
    let tasks: Vec<Uuid> = steps.iter().map(|step| step.task.uuid()).collect();
    let numbers: Vec<i16> = steps.iter().map(|step| i16::try_from(step.no).unwrap_or(i16::MAX)).collect();
    let mut rows = sql!("steps/inputs").bind(tasks).bind(numbers).fetch(store.pool());
    let mut found = HashMap::new();
    while let Some(row) = rows.try_next().await? {
        let inputs: String = row.try_get("inputs")?;
        if budget.spend(inputs.len()).is_err() {
            return Ok(Err(OverBudget));
        }
        found.insert(step(&row)?, inputs);
    }
    Ok(Ok(found))
}

/// Reads the running attempts of tasks.
pub async fn leases(store: &Store, tasks: &[Uuid]) -> Result<HashMap<StepId, Lease>> {
    let rows = of_tasks!("steps/leases", tasks).fetch_all(store.pool()).await?;
    rows.iter().map(|row| Ok((step(row)?, lease(row)?))).collect()
}

/// The newest outcome of a step, in short.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The number of the transition.
    pub sequence: u32,
    /// The state that it moved to.
    pub to: State,
    /// The attempt, 0 for none.
    pub attempt: i32,
    /// When.
    pub at: DateTime<Utc>,
    /// The class of the error, empty if it did not fail.
    pub error_class: String,
    /// The first 1,000 characters of the message.
    pub message: String,
}

/// Reads outcomes of a task's steps by sequence number, in short.
pub async fn failures(store: &Store, task: TaskId, sequences: &[u32]) -> Result<Vec<Failed>> {
    if sequences.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<i32> = sequences.iter().map(|number| i32::try_from(*number).unwrap_or(i32::MAX)).collect();
    let rows = sql!("explain/failures").bind(task.uuid()).bind(numbers).fetch_all(store.pool()).await?;
    let text = |row: &PgRow, column: &str| -> Result<String> {
        Ok(row.try_get::<Option<String>, _>(column)?.unwrap_or_default())
    };
    rows.iter()
        .map(|row| {
            Ok(Failed {
                sequence: unsigned(row.try_get("sequence")?)?,
                to: state(row.try_get("to_state")?)?,
                attempt: row.try_get("attempt")?,
                at: row.try_get("at")?,
                error_class: text(row, "error_class")?,
                message: text(row, "message")?,
            })
        })
        .collect()
}

/// Reads the running attempts of some steps of a task.
pub async fn leases_of(store: &Store, task: TaskId, steps: &[StepNo]) -> Result<HashMap<StepId, Lease>> {
    if steps.is_empty() {
        return Ok(HashMap::new());
    }
    let numbers: Vec<i16> = steps.iter().map(|no| i16::try_from(*no).unwrap_or(i16::MAX)).collect();
    let rows = sql!("explain/leases").bind(task.uuid()).bind(numbers).fetch_all(store.pool()).await?;
    rows.iter().map(|row| Ok((step(row)?, lease(row)?))).collect()
}

/// Reads when some steps of a task last moved. Costs by the moves of the task.
pub async fn ends(store: &Store, task: TaskId, steps: &[StepNo]) -> Result<HashMap<StepNo, DateTime<Utc>>> {
    if steps.is_empty() {
        return Ok(HashMap::new());
    }
    let numbers: Vec<i16> = steps.iter().map(|no| i16::try_from(*no).unwrap_or(i16::MAX)).collect();
    let rows = sql!("explain/ends").bind(task.uuid()).bind(numbers).fetch_all(store.pool()).await?;
    rows.iter().map(|row| Ok((step_no(row.try_get("step_no")?)?, row.try_get("at")?))).collect()
}

fn outcome(row: &PgRow) -> Result<Outcome> {
    Ok(Outcome {
        to: state(row.try_get("to_state")?)?,
        attempt: row.try_get("attempt")?,
        at: row.try_get("at")?,
        started_at: row.try_get("started_at")?,
        metadata: row.try_get("metadata")?,
        results: row.try_get("results")?,
    })
}

fn lease(row: &PgRow) -> Result<Lease> {
    Ok(Lease {
        attempt: row.try_get("attempt")?,
        session_id: row.try_get("session_id")?,
        worker_id: row.try_get("worker_id")?,
        claimed_at: row.try_get("claimed_at")?,
        deadline_at: row.try_get("deadline_at")?,
        expires_at: row.try_get("expires_at")?,
        percent: row.try_get("percent")?,
        note: row.try_get("note")?,
    })
}
