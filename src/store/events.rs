//! The log of events, what is read through it, and those who publish it elsewhere.
//!
//! Owns: the order. A commit of the writer is one entry (`store/sql/lifecycle/write.sql` adds it); its events are
//! read from `transitions`. Never: what a transition means; `domain::events` knows. Statements that join the keys
//! of a page to large tables are planned each time, for the keys at hand.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Error, Result,
    lifecycle::{number, step_no},
    sql,
};
use crate::domain::{
    events::{Before, Cursor},
    ids::{StepId, StepNo, TaskId},
    json::{self, KeyOrder},
    run::Micros,
    state::State,
    template::NamedTaskId,
};

/// An entry of the log.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Its position.
    pub position: i64,
    /// When it was written.
    pub at: Micros,
    /// What it tells of.
    pub content: Content,
}

/// What an entry tells of.
#[derive(Debug, Clone)]
pub enum Content {
    /// Tasks that moved: each with its revision before and after.
    Moves(Vec<Moved>),
    /// A custom event, with how large its payload is, which is not read.
    Custom(Box<Custom>, i64),
}

/// A task that moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The task.
    pub task: TaskId,
    /// Its revision before.
    pub after: u32,
    /// Its revision afterwards.
    pub until: u32,
}

/// A custom event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// Its id.
    pub event_id: Uuid,
    /// Its name.
    pub name: String,
    /// The namespace of tasker that it belongs to.
    pub namespace: String,
    /// The handler version of its task.
    pub named_task_id: Option<NamedTaskId>,
    /// The task that it is about.
    pub task: Option<TaskId>,
    /// The step that it is about.
    pub step: Option<StepNo>,
    /// What it says, as JSON text.
    pub payload: String,
    /// Who published it.
    pub published_by: Option<String>,
}

/// What events say about the task that they belong to.
#[derive(Debug, Clone)]
pub struct SubjectRow {
    /// The task.
    pub task: TaskId,
    /// Its handler version.
    pub named_task_id: NamedTaskId,
    /// When it was created.
    pub created_at: Micros,
    /// What few steps have, as JSON.
    pub detail: Option<String>,
    /// Who created it.
    pub created_by: Option<String>,
    /// Its input, if it was wanted and is not too large.
    pub context: Option<String>,
}

/// A transition with what its events carry.
#[derive(Debug, Clone)]
pub struct MoveRow {
    /// The place of its task among those asked for, from 0.
    pub place: usize,
    /// Its number within the task.
    pub sequence: u32,
    /// The step.
    pub step: Option<StepNo>,
    /// The state before.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// The attempt.
    pub attempt: u16,
    /// When.
    pub at: Micros,
    /// When the attempt that it settles began.
    pub started_at: Option<Micros>,
    /// What the audit trail says.
    pub metadata: Option<String>,
    /// Results: their bytes, and their text unless it is too large.
    pub results: Option<(i64, Option<String>)>,
    /// Changed inputs of a step that begins: their bytes, and their text unless it is too large.
    pub inputs: Option<(i64, Option<String>)>,
}

/// The numbers of transactions, modulo 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transactions {
    /// The next one's.
    pub next: u32,
    /// The oldest that runs; the next one's if none does.
    pub oldest: u32,
}

/// A custom event that was published before under the same id.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its position.
    pub position: i64,
    /// When it was written.
    pub at: Micros,
    /// Whether it says the same: name, namespace, task, step and payload.
    pub same: bool,
}

/// A custom event that handlers declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The name.
    pub name: String,
    /// What for.
    pub description: String,
    /// The step handlers that publish it.
    pub fired_by: Vec<String>,
    /// Since when.
    pub registered_at: DateTime<Utc>,
}

/// A publisher.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// Its name.
    pub name: String,
    /// The position that it has come to.
    pub position: i64,
    /// The server that publishes, if one does at present.
    pub holder: Option<Uuid>,
    /// Events published so far.
    pub published: i64,
    /// When it last came further.
    pub updated_at: DateTime<Utc>,
}

/// The last position that was assigned, committed or not.
pub async fn last_assigned(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sql!("events/last_assigned").fetch_one(executor).await?.try_get(0)?)
}

/// The numbers of the next and of the oldest running transaction.
pub async fn transactions(executor: impl PgExecutor<'_>) -> Result<Transactions> {
    let row = sql!("events/transactions").fetch_one(executor).await?;
    let number = |column: &str| -> Result<u32> {
        let number: i64 = row.try_get(column)?;
        // age() is a signed number of 32 bits, and so wraps as the numbers do.
        Ok(u32::try_from(number.rem_euclid(1 << 32)).expect("a remainder of 2^32"))
    };
    Ok(Transactions { next: number("next")?, oldest: number("oldest")? })
}

/// Reads entries from one position to another.
pub async fn log(executor: impl PgExecutor<'_>, first: i64, last: i64, limit: i64) -> Result<Vec<Logged>> {
    let rows = sql!("events/log").bind(first).bind(last).bind(limit).fetch_all(executor).await?;
    rows.iter().map(logged).collect()
}

/// Reads the payloads of the custom events at these positions.
pub async fn payloads(executor: impl PgExecutor<'_>, positions: &[i64]) -> Result<HashMap<i64, String>> {
    let rows = sql!("events/payloads").bind(positions).fetch_all(executor).await?;
    rows.iter().map(|row| Ok((row.try_get("position")?, row.try_get("payload")?))).collect()
}

/// Finds the first entry from a position on.
pub async fn first_from(executor: impl PgExecutor<'_>, position: i64) -> Result<Option<(i64, Micros)>> {
    let row = sql!("events/first_from").bind(position).fetch_optional(executor).await?;
    row.map(|row| Ok((row.try_get("position")?, micros(row.try_get("at")?)))).transpose()
}

/// Up to where the log has been cut off.
pub async fn trimmed_to(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sql!("events/trimmed").fetch_one(executor).await?.try_get(0)?)
}

/// Cuts entries off the old end; how many are gone.
pub async fn trim(executor: impl PgExecutor<'_>, older_than: DateTime<Utc>, limit: i64) -> Result<i64> {
    Ok(sql!("events/trim").bind(older_than).bind(limit).fetch_one(executor).await?.try_get(0)?)
}

/// Reads what events say about tasks; those that are gone are left out.
pub async fn subjects(
    executor: impl PgExecutor<'_>,
    tasks: &[Uuid],
    contexts: bool,
    bytes_max: i32,
) -> Result<Vec<SubjectRow>> {
    let rows = sql!("events/subjects")
        .persistent(false)
        .bind(tasks)
        .bind(contexts)
        .bind(bytes_max)
        .fetch_all(executor)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(SubjectRow {
                task: TaskId::from_uuid(row.try_get("task_id")?),
                named_task_id: row.try_get("named_task_id")?,
                created_at: micros(row.try_get("created_at")?),
                detail: row.try_get("detail")?,
                created_by: row.try_get("created_by")?,
                context: row.try_get("context")?,
            })
        })
        .collect()
}

/// Reads the transitions of tasks between their revisions, in order.
pub async fn moves(executor: impl PgExecutor<'_>, of: &[Moved], bytes_max: i32) -> Result<Vec<MoveRow>> {
    let revision = |of: u32| super::lifecycle::signed(of);
    let rows = sql!("events/moves")
        .persistent(false)
        .bind(of.iter().map(|moved| moved.task.uuid()).collect::<Vec<_>>())
        .bind(of.iter().map(|moved| revision(moved.after)).collect::<Vec<_>>())
        .bind(of.iter().map(|moved| revision(moved.until)).collect::<Vec<_>>())
        .bind(bytes_max)
        .fetch_all(executor)
        .await?;
    rows.iter().map(move_row).collect()
}

/// Reads how the steps of tasks stood at a revision, in the same order.
pub async fn steps_before(executor: impl PgExecutor<'_>, of: &[Moved]) -> Result<Vec<Before>> {
    let rows = sql!("events/steps_before")
        .persistent(false)
        .bind(of.iter().map(|moved| moved.task.uuid()).collect::<Vec<_>>())
        .bind(of.iter().map(|moved| super::lifecycle::signed(moved.after)).collect::<Vec<_>>())
        .fetch_all(executor)
        .await?;
    let mut found = vec![Before::default(); of.len()];
    for row in rows {
        let before = found.get_mut(place(&row)?).ok_or_else(|| corrupt("a step belongs to no task"))?;
        if state(row.try_get("to_state")?)? == State::Error {
            before.failed.push((step_no(row.try_get("step_no")?)?, row.try_get("retry_at")?));
        } else {
            before.completed += 1;
        }
    }
    Ok(found)
}

/// Adds a custom event; `None` when there is one with this id.
pub async fn publish(executor: impl PgExecutor<'_>, event: &Custom) -> Result<Option<(i64, Micros)>> {
    let row = sql!("events/publish")
        .bind(event.event_id)
        .bind(&event.name)
        .bind(&event.namespace)
        .bind(event.named_task_id)
        .bind(event.task.map(TaskId::uuid))
        .bind(event.step.map(number))
        .bind(&event.payload)
        .bind(&event.published_by)
        .fetch_optional(executor)
        .await?;
    row.map(|row| Ok((row.try_get("position")?, micros(row.try_get("at")?)))).transpose()
}

/// Finds what was published before under the id of an event.
pub async fn published(executor: impl PgExecutor<'_>, event: &Custom) -> Result<Option<Published>> {
    let row = sql!("events/published").bind(event.event_id).fetch_optional(executor).await?;
    row.map(|row| {
        let (name, namespace): (String, String) = (row.try_get("name")?, row.try_get("namespace")?);
        let (task, step): (Option<Uuid>, Option<i16>) = (row.try_get("task_id")?, row.try_get("step_no")?);
        let payload: String = row.try_get("payload")?;
        let same = json::canonical(&payload, KeyOrder::Sorted) == json::canonical(&event.payload, KeyOrder::Sorted)
            && name == event.name
            && namespace == event.namespace
            && task == event.task.map(TaskId::uuid)
            && step == event.step.map(number);
        Ok(Published { position: row.try_get("position")?, at: micros(row.try_get("at")?), same })
    })
    .transpose()
}

/// Lists the custom events that present handlers declare, of some namespaces or of all.
pub async fn declared(executor: impl PgExecutor<'_>, namespaces: Option<&[String]>) -> Result<Vec<Declared>> {
    let rows = sql!("events/declared").bind(namespaces).fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            Ok(Declared {
                name: row.try_get("name")?,
                description: row.try_get::<Option<String>, _>("description")?.unwrap_or_default(),
                fired_by: row.try_get("fired_by")?,
                registered_at: row.try_get("registered_at")?,
            })
        })
        .collect()
}

/// Takes, or goes on holding, the right to publish; how far it has come. `None` while another server has it.
pub async fn take_publisher(
    executor: impl PgExecutor<'_>,
    name: &str,
    server: Uuid,
    ttl_ms: i64,
) -> Result<Option<Cursor>> {
    let row = sql!("publisher/take").bind(name).bind(server).bind(ttl_ms).fetch_optional(executor).await?;
    row.map(|row| {
        let text: String = row.try_get("cursor")?;
        text.parse().map_err(|_| corrupt("a publisher's cursor is malformed"))
    })
    .transpose()
}

/// Notes how far a publisher has come; false when it has lost the right to publish.
pub async fn advance_publisher(
    executor: impl PgExecutor<'_>,
    (name, server): (&str, Uuid),
    cursor: Cursor,
    published: i64,
    ttl_ms: i64,
) -> Result<bool> {
    let done = sql!("publisher/advance")
        .bind(name)
        .bind(server)
        .bind(cursor.to_string())
        // Entries that are not told whole are kept.
        .bind(if cursor.is_past() { cursor.position } else { cursor.position - 1 })
        .bind(published)
        .bind(ttl_ms)
        .execute(executor)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives up the right to publish.
pub async fn give_up_publisher(executor: impl PgExecutor<'_>, name: &str, server: Uuid) -> Result<()> {
    sql!("publisher/give_up").bind(name).bind(server).execute(executor).await?;
    Ok(())
}

/// Lists the publishers.
pub async fn publishers(executor: impl PgExecutor<'_>) -> Result<Vec<Publisher>> {
    let rows = sql!("publisher/list").fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            let held: bool = row.try_get("held")?;
            Ok(Publisher {
                name: row.try_get("name")?,
                position: row.try_get("position")?,
                holder: held.then(|| row.try_get("holder")).transpose()?,
                published: row.try_get("published")?,
                updated_at: row.try_get("updated_at")?,
            })
        })
        .collect()
}

fn logged(row: &PgRow) -> Result<Logged> {
    let position = row.try_get("position")?;
    let at = micros(row.try_get("at")?);
    let tasks: Option<Vec<Uuid>> = row.try_get("task_ids")?;
    let content = match tasks {
        Some(tasks) => {
            let (after, until): (Vec<i32>, Vec<i32>) = (row.try_get("after")?, row.try_get("until")?);
            let moves = tasks.into_iter().zip(after).zip(until).map(|((task, after), until)| {
                Ok(Moved { task: TaskId::from_uuid(task), after: unsigned(after)?, until: unsigned(until)? })
            });
            Content::Moves(moves.collect::<Result<_>>()?)
        }
        None => {
            let task: Option<Uuid> = row.try_get("task_id")?;
            let step: Option<i16> = row.try_get("step_no")?;
            let bytes: i32 = row.try_get("payload_bytes")?;
            let custom = Custom {
                event_id: row.try_get("event_id")?,
                name: row.try_get("name")?,
                namespace: row.try_get("namespace")?,
                named_task_id: row.try_get("named_task_id")?,
                task: task.map(TaskId::from_uuid),
                step: step.map(step_no).transpose()?,
                payload: String::new(),
                published_by: row.try_get("published_by")?,
            };
            Content::Custom(Box::new(custom), i64::from(bytes))
        }
    };
    Ok(Logged { position, at, content })
}

fn move_row(row: &PgRow) -> Result<MoveRow> {
    let payload = |bytes: &str, text: &str| -> Result<Option<(i64, Option<String>)>> {
        let bytes: Option<i32> = row.try_get(bytes)?;
        bytes.map(|bytes| Ok((i64::from(bytes), row.try_get(text)?))).transpose()
    };
    let step: Option<i16> = row.try_get("step_no")?;
    let from: Option<i16> = row.try_get("from_state")?;
    let attempt: i32 = row.try_get("attempt")?;
    let started_at: Option<DateTime<Utc>> = row.try_get("started_at")?;
    Ok(MoveRow {
        place: place(row)?,
        sequence: unsigned(row.try_get("sequence")?)?,
        step: step.map(step_no).transpose()?,
        from: from.map(state).transpose()?,
        to: state(row.try_get("to_state")?)?,
        attempt: u16::try_from(attempt).map_err(|_| corrupt("an attempt's number is out of range"))?,
        at: micros(row.try_get("at")?),
        started_at: started_at.map(micros),
        metadata: row.try_get("metadata")?,
        results: payload("results_bytes", "results")?,
        inputs: payload("inputs_bytes", "inputs")?,
    })
}

/// The place of a row's key among those asked for; Postgres counts from 1.
fn place(row: &PgRow) -> Result<usize> {
    let place: i64 = row.try_get("place")?;
    usize::try_from(place - 1).map_err(|_| corrupt("a place is out of range"))
}

fn micros(at: DateTime<Utc>) -> Micros {
    at.timestamp_micros()
}

fn state(code: i16) -> Result<State> {
    u8::try_from(code).ok().and_then(State::from_code).ok_or_else(|| corrupt("a transition has an unknown state"))
}

fn unsigned(number: i32) -> Result<u32> {
    u32::try_from(number).map_err(|_| corrupt("a sequence number is negative"))
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt(what.to_owned())
}

/// The step of a custom event.
impl Custom {
    /// The step's id, if it is about one.
    pub fn step_id(&self) -> Option<StepId> {
        Some(self.task?.step(self.step?))
    }
}
