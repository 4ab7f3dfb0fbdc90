//! Finished tasks that are old enough: finding them, and moving them away whole.
//!
//! Owns: one row that says which server searches, how far it has come and what has been done. Never: an unfinished
//! task is touched; the statements name the states. Next: `engine::retention`, which paces the search.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row};
use uuid::Uuid;

use super::{Error, Result, lifecycle::timestamp, sql};
use crate::domain::{
    retention::{Action, Cutoffs},
    run::Micros,
    state::State,
    template::NamedTaskId,
};

/// A handler version with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Its number.
    pub named_task_id: NamedTaskId,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// From when on tasks may go, by handler version.
#[derive(Debug, Clone, Default)]
pub struct Table {
    handlers: Vec<NamedTaskId>,
    ended: Vec<Option<DateTime<Utc>>>,
    failed: Vec<Option<DateTime<Utc>>>,
}

impl Table {
    /// Adds a handler version.
    pub fn push(&mut self, handler: NamedTaskId, cutoffs: Cutoffs) {
        self.handlers.push(handler);
        self.ended.push(cutoffs.ended.map(timestamp));
        self.failed.push(cutoffs.failed.map(timestamp));
    }

    /// Whether nothing may go.
    pub fn keeps_all(&self) -> bool {
        self.ended.iter().chain(&self.failed).all(Option::is_none)
    }
}

/// What one look found.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Tasks that were looked at.
    pub looked_at: i64,
    /// The last of them.
    pub last: Option<Uuid>,
    /// Those that are old enough.
    pub old: Vec<Uuid>,
}

/// How far the search has come.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The server that searches, if one does at present.
    pub holder: Option<Uuid>,
    /// The newest task that this round has looked at.
    pub task_id: Uuid,
    /// Rounds ended.
    pub rounds: i64,
    /// Tasks removed in this round.
    pub round_removed: i64,
    /// Tasks removed in all.
    pub removed: i64,
    /// Of those, tasks that were archived.
    pub archived: i64,
    /// When something was last removed.
    pub worked_at: Option<DateTime<Utc>>,
    /// Milliseconds until the next round begins; less than nothing while one goes on.
    pub due_in_ms: f64,
}

/// Lists every handler version.
pub async fn handlers(executor: impl PgExecutor<'_>) -> Result<Vec<Handler>> {
    let rows = sql!("retention/handlers").fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            Ok(Handler {
                named_task_id: row.try_get("named_task_id")?,
                namespace: row.try_get("namespace")?,
                name: row.try_get("name")?,
            })
        })
        .collect()
}

/// Takes, or goes on holding, the right to search: how far it has come, and whether there is something to do. `None`
/// while another server has it.
pub async fn take(executor: impl PgExecutor<'_>, server: Uuid, ttl_ms: i64) -> Result<Option<(Uuid, bool)>> {
    let row = sql!("retention/take").bind(server).bind(ttl_ms).fetch_optional(executor).await?;
    row.map(|row| Ok((row.try_get("task_id")?, row.try_get("due")?))).transpose()
}

/// Notes how far the search has come; false when it has lost the right.
pub async fn note(
    executor: impl PgExecutor<'_>,
    server: Uuid,
    ttl_ms: i64,
    last: Uuid,
    (removed, archived): (i64, i64),
) -> Result<bool> {
    let query = sql!("retention/note").bind(server).bind(ttl_ms).bind(last).bind(removed).bind(archived);
    Ok(query.execute(executor).await?.rows_affected() > 0)
}

/// Ends a round; the next begins after a while.
pub async fn end_round(executor: impl PgExecutor<'_>, server: Uuid, pause_ms: i64) -> Result<()> {
    sql!("retention/end_round").bind(server).bind(pause_ms).execute(executor).await?;
    Ok(())
}

/// Gives up the right to search.
pub async fn give_up(executor: impl PgExecutor<'_>, server: Uuid) -> Result<()> {
    sql!("retention/give_up").bind(server).execute(executor).await?;
    Ok(())
}

/// How far the search has come.
pub async fn progress(executor: impl PgExecutor<'_>) -> Result<Progress> {
    let row = sql!("retention/progress").fetch_one(executor).await?;
    let held: bool = row.try_get("held")?;
    Ok(Progress {
        holder: held.then(|| row.try_get("holder")).transpose()?.flatten(),
        task_id: row.try_get("task_id")?,
        rounds: row.try_get("rounds")?,
        round_removed: row.try_get("round_removed")?,
        removed: row.try_get("removed")?,
        archived: row.try_get("archived")?,
        worked_at: row.try_get("worked_at")?,
        due_in_ms: row.try_get("due_in_ms")?,
    })
}

/// Looks at the next tasks in the order of their creation.
pub async fn slice(
    connection: &mut PgConnection,
    after: Uuid,
    before: Uuid,
    limit: i64,
    table: &Table,
) -> Result<Slice> {
    let row = sql!("retention/slice")
        .bind(after)
        .bind(before)
        .bind(limit)
        .bind(&table.handlers)
        .bind(&table.ended)
        .bind(&table.failed)
        .fetch_one(connection)
        .await?;
    Ok(Slice { looked_at: row.try_get("looked_at")?, last: row.try_get("last")?, old: row.try_get("old")? })
}

/// Removes those of the tasks that are still old enough; how many. On a connection of [`super::Store::dedicated`].
pub async fn remove(connection: &mut PgConnection, action: Action, tasks: &[Uuid], table: &Table) -> Result<i64> {
    let query = match action {
        Action::Drop => sql!("retention/drop"),
        Action::Archive => sql!("retention/archive"),
    };
    let query = query.bind(tasks).bind(&table.handlers).bind(&table.ended).bind(&table.failed);
    Ok(query.fetch_one(connection).await?.try_get(0)?)
}

/// Counts the tasks before an id that are old enough, by handler version and state.
pub async fn count(
    connection: &mut PgConnection,
    before: Uuid,
    table: &Table,
) -> Result<Vec<(NamedTaskId, State, i64)>> {
    let rows = sql!("retention/count")
        .bind(before)
        .bind(&table.handlers)
        .bind(&table.ended)
        .bind(&table.failed)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let code: i16 = row.try_get("state")?;
            let state = u8::try_from(code).ok().and_then(State::from_code);
            let state = state.ok_or_else(|| Error::Corrupt("a task has an unknown state".to_owned()))?;
            Ok((row.try_get("named_task_id")?, state, row.try_get("tasks")?))
        })
        .collect()
}

/// How many transactions this database has committed so far.
pub async fn commits(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sql!("retention/commits").fetch_one(executor).await?.try_get(0)?)
}

/// The first id that a task can have that is created at a time.
pub fn first_id(at: Micros) -> Uuid {
    crate::domain::ids::TaskId::new(at, 0).uuid()
}
