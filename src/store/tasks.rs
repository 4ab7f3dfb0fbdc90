//! Reads of tasks: rows by key and the audit trail.
//!
//! Owns: what a task's rows are as values. Never: writes; that is `store::lifecycle`. Next: `store::pages` for
//! lists, `store::steps` for what single steps have.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Error, Result, Store,
    lifecycle::step_no,
    of_tasks, sql,
    steps::{Budget, Budgeted, OverBudget},
};
use crate::domain::{
    ids::{StepNo, TaskId},
    run::Stored,
    state::State,
    template::NamedTaskId,
};

/// What a task takes in an answer, beside its context and its lists.
const TASK_BYTES: usize = 512;

/// What a transition takes in an answer, beside its metadata.
const TRANSITION_BYTES: usize = 256;

/// A task with what its caller said.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// The id.
    pub task_id: TaskId,
    /// The handler version that it pinned.
    pub named_task_id: NamedTaskId,
    /// The run.
    pub stored: Stored,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When the first step started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached its final state.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it must be finished.
    pub deadline_at: Option<DateTime<Utc>>,
    /// The subject of the credentials that it was created with.
    pub created_by: Option<String>,
    /// Who asked for it.
    pub initiator: String,
    /// The system that asked.
    pub source_system: String,
    /// Why.
    pub reason: String,
    /// Labels.
    pub tags: Vec<String>,
    /// Steps to complete without running them.
    pub bypass_steps: Vec<String>,
    /// The input, if it was asked for.
    pub context: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// Finds related work again.
    pub correlation_id: Option<String>,
}

/// One row of the audit trail.
#[derive(Debug, Clone)]
pub struct TransitionRow {
    /// Its number within the task.
    pub sequence: u32,
    /// The step, or `None` for the task's own.
    pub step: Option<StepNo>,
    /// The state before.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// The attempt, 0 for none.
    pub attempt: i32,
    /// When.
    pub at: DateTime<Utc>,
    /// When the attempt that the row settles began.
    pub started_at: Option<DateTime<Utc>>,
    /// The session that runs or ran the attempt.
    pub session_id: Option<Uuid>,
    /// Its worker, unless the session has been forgotten.
    pub worker_id: Option<String>,
    /// Details as JSON text.
    pub metadata: Option<String>,
}

/// Reads tasks by key, in no order, with their contexts or without, within a budget; those that do not exist are
/// left out.
pub async fn get(store: &Store, tasks: &[Uuid], contexts: bool, budget: &mut Budget) -> Result<Budgeted<Vec<TaskRow>>> {
    let mut rows = of_tasks!("tasks/get", tasks).bind(contexts).fetch(store.pool());
    let mut found = Vec::with_capacity(tasks.len());
    while let Some(row) = rows.try_next().await? {
        let row = task(&row)?;
        let listed: usize = row.tags.iter().chain(&row.bypass_steps).map(String::len).sum();
        if budget.spend(TASK_BYTES + listed + row.context.as_ref().map_or(0, String::len)).is_err() {
            return Ok(Err(OverBudget));
        }
        found.push(row);
    }
    Ok(Ok(found))
}

/// Reads how far a task has come; `None` when it does not exist.
pub async fn revision(store: &Store, id: TaskId) -> Result<Option<(u32, State)>> {
    let row = sql!("tasks/revision").bind(id.uuid()).fetch_optional(store.pool()).await?;
    row.map(|row| Ok((unsigned(row.try_get("revision")?)?, state(row.try_get("state")?)?))).transpose()
}

/// Reads which handler version a task pinned and who created it; `None` when the task does not exist.
pub async fn owner(store: &Store, id: TaskId) -> Result<Option<(NamedTaskId, Option<String>)>> {
    let row = sql!("tasks/owner").bind(id.uuid()).fetch_optional(store.pool()).await?;
    row.map(|row| Ok((row.try_get("named_task_id")?, row.try_get("created_by")?))).transpose()
}

/// Some rows of the audit trail of a task.
#[derive(Debug, Default)]
pub struct TransitionPage {
    /// The rows.
    pub rows: Vec<TransitionRow>,
    /// Whether there are more after them.
    pub more: bool,
}

/// Reads the audit trail of a task after a sequence number, oldest first, of one step or of everything: at most so many
/// rows, and no more than have about so many bytes, but at least one.
pub async fn transitions(
    store: &Store,
    id: TaskId,
    after: u32,
    step: Option<StepNo>,
    rows_max: i64,
    bytes_max: usize,
) -> Result<TransitionPage> {
    let mut rows = sql!("tasks/transitions")
        .bind(id.uuid())
        .bind(i32::try_from(after).unwrap_or(i32::MAX))
        .bind(step.map(|no| i16::try_from(no).unwrap_or(i16::MAX)))
        .bind(rows_max.saturating_add(1))
        .fetch(store.pool());
    let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
    let mut budget = Budget::new(bytes_max);
    let mut page = TransitionPage::default();
    while let Some(row) = rows.try_next().await? {
        let row = transition(&row)?;
        let fits = budget.spend(TRANSITION_BYTES + row.metadata.as_ref().map_or(0, String::len)).is_ok();
        if page.rows.len() == rows_max || !fits && !page.rows.is_empty() {
            page.more = true;
            break;
        }
        page.rows.push(row);
    }
    Ok(page)
}

/// Finds the task that holds an identity, with the hash of its content.
pub async fn find_identity(store: &Store, identity: &str) -> Result<Option<(TaskId, Vec<u8>)>> {
    let row = sql!("lifecycle/find_identity").bind([identity]).fetch_optional(store.pool()).await?;
    row.map(|row| Ok((TaskId::from_uuid(row.try_get("task_id")?), row.try_get("identity_hash")?))).transpose()
}

/// Finds the handler versions that a filter means, every revision of them.
pub async fn handlers(
    store: &Store,
    namespaces: Option<&[String]>,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Vec<NamedTaskId>> {
    let rows = sql!("tasks/handlers").bind(namespaces).bind(name).bind(version).fetch_all(store.pool()).await?;
    rows.iter().map(|row| Ok(row.try_get("named_task_id")?)).collect()
}

fn task(row: &PgRow) -> Result<TaskRow> {
    Ok(TaskRow {
        task_id: TaskId::from_uuid(row.try_get("task_id")?),
        named_task_id: row.try_get("named_task_id")?,
        stored: Stored {
            state: state(row.try_get("state")?)?,
            reason: row.try_get("state_reason")?,
            revision: unsigned(row.try_get("revision")?)?,
            steps: row.try_get("steps")?,
            detail: row.try_get("detail")?,
        },
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        deadline_at: row.try_get("deadline_at")?,
        created_by: row.try_get("created_by")?,
        initiator: row.try_get("initiator")?,
        source_system: row.try_get("source_system")?,
        reason: row.try_get("reason")?,
        tags: row.try_get("tags")?,
        bypass_steps: row.try_get("bypass_steps")?,
        context: row.try_get("context")?,
        requested_at: row.try_get("requested_at")?,
        correlation_id: row.try_get("correlation_id")?,
    })
}

fn transition(row: &PgRow) -> Result<TransitionRow> {
    let step: Option<i16> = row.try_get("step_no")?;
    let from: Option<i16> = row.try_get("from_state")?;
    Ok(TransitionRow {
        sequence: unsigned(row.try_get("sequence")?)?,
        step: step.map(step_no).transpose()?,
        from: from.map(state).transpose()?,
        to: state(row.try_get("to_state")?)?,
        attempt: row.try_get("attempt")?,
        at: row.try_get("at")?,
        started_at: row.try_get("started_at")?,
        session_id: row.try_get("session_id")?,
        worker_id: row.try_get("worker_id")?,
        metadata: row.try_get("metadata")?,
    })
}

pub(super) fn state(code: i16) -> Result<State> {
    let state = u8::try_from(code).ok().and_then(State::from_code);
    state.ok_or_else(|| Error::Corrupt(format!("{code} is not the code of a state")))
}

pub(super) fn unsigned(sequence: i32) -> Result<u32> {
    u32::try_from(sequence).map_err(|_| Error::Corrupt("a sequence number is negative".to_owned()))
}
