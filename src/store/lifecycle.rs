//! What the writer reads and writes: runs by key, and one statement for everything that a batch decided.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{Error, Result, sql, sql_text, tallies::Kind, text::Text};
use crate::domain::{
    ids::{StepId, StepNo, TaskId},
    run::{Micros, Stored},
    state::State,
    template::{NamedTaskId, QueueId},
};

/// A run as loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The task.
    pub task_id: TaskId,
    /// The handler version that it pinned.
    pub named_task_id: NamedTaskId,
    /// The run.
    pub stored: Stored,
    /// When it must be finished.
    pub deadline_at: Option<Micros>,
}

/// Everything that a batch decided, column by column.
#[derive(Debug, Default)]
pub struct WriteSet {
    /// New tasks.
    pub created: Created,
    /// Their requests, unless stored before.
    pub requested: Requested,
    /// Tasks that move.
    pub moved: Moved,
    /// Rows of the audit trail.
    pub noted: Noted,
    /// Leases that end: task, step.
    pub ended: (Vec<Uuid>, Vec<i16>),
    /// Leases that begin.
    pub begun: Begun,
    /// Steps that wait for a worker: queue, not before, task, step.
    pub queued: (Vec<QueueId>, Vec<DateTime<Utc>>, Vec<Uuid>, Vec<i16>),
    /// How many more or fewer of a kind a handler version has.
    pub tallied: BTreeMap<(NamedTaskId, Kind), i32>,
}

impl WriteSet {
    /// Notes that there are more of a kind, or fewer.
    pub fn tally(&mut self, handler: NamedTaskId, kind: Kind, change: i32) {
        if change != 0 {
            *self.tallied.entry((handler, kind)).or_default() += change;
        }
    }

    /// The columns of what has changed in the end: handler version, kind, change.
    fn tallies(&self) -> (Vec<NamedTaskId>, Vec<i16>, Vec<i32>) {
        let changed = self.tallied.iter().filter(|(_, change)| **change != 0);
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for ((handler, kind), change) in changed {
            columns.0.push(*handler);
            columns.1.push(kind.code());
            columns.2.push(*change);
        }
        columns
    }
}

/// The hot rows of new tasks.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "columns of tasks")]
pub struct Created {
    pub task_id: Vec<Uuid>,
    pub named_task_id: Vec<i32>,
    pub state: Vec<i16>,
    pub revision: Vec<i32>,
    pub state_reason: Vec<Option<String>>,
    pub steps: Vec<Vec<u8>>,
    pub detail: Vec<Option<String>>,
    pub started_at: Vec<Option<DateTime<Utc>>>,
    pub finished_at: Vec<Option<DateTime<Utc>>>,
    pub deadline_at: Vec<Option<DateTime<Utc>>>,
}

/// The cold rows of new tasks.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "columns of task_requests")]
pub struct Requested {
    pub task_id: Vec<Uuid>,
    pub named_task_id: Vec<i32>,
    pub initiator: Vec<String>,
    pub source_system: Vec<String>,
    pub reason: Vec<String>,
    pub tags: Vec<Cow<'static, str>>,
    pub bypass_steps: Vec<Cow<'static, str>>,
    pub context: Vec<Text>,
    pub requested_at: Vec<DateTime<Utc>>,
    pub correlation_id: Vec<Option<String>>,
    pub created_by: Vec<Option<String>>,
    pub trace_context: Vec<Option<String>>,
    pub identity: Vec<Option<String>>,
    pub identity_hash: Vec<Option<Vec<u8>>>,
}

/// Tasks that move.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "columns of tasks")]
pub struct Moved {
    pub task_id: Vec<Uuid>,
    pub expected: Vec<i32>,
    pub state: Vec<i16>,
    pub revision: Vec<i32>,
    pub state_reason: Vec<Option<String>>,
    pub steps: Vec<Vec<u8>>,
    pub detail: Vec<Option<String>>,
    pub started_at: Vec<Option<DateTime<Utc>>>,
    pub finished_at: Vec<Option<DateTime<Utc>>>,
}

/// Rows of the audit trail.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "columns of transitions")]
pub struct Noted {
    pub task_id: Vec<Uuid>,
    pub sequence: Vec<i32>,
    pub step_no: Vec<Option<i16>>,
    pub from_state: Vec<Option<i16>>,
    pub to_state: Vec<i16>,
    pub attempt: Vec<i32>,
    pub results: Vec<Option<Text>>,
    pub metadata: Vec<Option<String>>,
    pub ended_step_no: Vec<Option<i16>>,
}

/// Leases that begin.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "columns of leases")]
pub struct Begun {
    pub task_id: Vec<Uuid>,
    pub step_no: Vec<i16>,
    pub attempt: Vec<i32>,
    pub queue_id: Vec<QueueId>,
    pub session_id: Vec<Uuid>,
    pub deadline_at: Vec<Option<DateTime<Utc>>>,
}

/// A time as Postgres wants it.
pub fn timestamp(micros: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A step number as Postgres wants it.
pub fn number(no: StepNo) -> i16 {
    i16::try_from(no).expect("the ceiling on steps per task is below 32,767")
}

/// Steps as Postgres wants a list of them: the tasks, and the numbers within.
pub fn columns(steps: impl IntoIterator<Item = StepId>) -> (Vec<Uuid>, Vec<i16>) {
    steps.into_iter().map(|step| (step.task.uuid(), number(step.no))).unzip()
}

/// A list as the text of a Postgres array.
pub fn array_text(items: &[String]) -> Cow<'static, str> {
    if items.is_empty() {
        return Cow::Borrowed("{}");
    }
    let mut text = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push('"');
        for character in item.chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text.push('}');
    Cow::Owned(text)
}

/// Whether a batch is logged for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Written in the same statement.
    On,
    /// As if there were no events: the statement has no such part.
    Off,
}

/// A writing statement with its part for the event log and without it.
struct Loggable {
    logged: &'static str,
    quiet: LazyLock<String>,
}

macro_rules! loggable {
    ($path:literal) => {
        Loggable {
            logged: sql_text!($path),
            quiet: LazyLock::new(|| {
                let text = sql_text!($path);
                let (head, rest) = text.split_once("-- events: begin\n").expect("the part is marked");
                let (_, tail) = rest.split_once("-- events: end\n").expect("the part is marked");
                format!("{head}{tail}")
            }),
        }
    };
}

static WRITE: Loggable = loggable!("lifecycle/write");
static ADVANCE: Loggable = loggable!("lifecycle/advance");

impl Loggable {
    fn statement(&'static self, log: Log) -> &'static str {
        match log {
            Log::On => self.logged,
            Log::Off => &self.quiet,
        }
    }
}

/// Writes a batch. `Error::Retry` when a task has moved since it was read: nothing has happened then.
pub async fn write(connection: &mut PgConnection, now: Micros, set: &WriteSet, log: Log) -> Result<()> {
    let WriteSet { created, requested, moved, noted, ended, begun, queued, .. } = set;
    if created.task_id.is_empty() && requested.task_id.is_empty() && queued.0.is_empty() {
        return advance(connection, now, set, log).await;
    }
    let tallied = set.tallies();
    sqlx::query(WRITE.statement(log))
        .persistent(super::names_statements())
        .bind(timestamp(now))
        .bind(i64::try_from(moved.task_id.len()).expect("a batch is small"))
        .bind(&created.task_id)
        .bind(&created.named_task_id)
        .bind(&created.state)
        .bind(&created.revision)
        .bind(&created.state_reason)
        .bind(&created.steps)
        .bind(&created.detail)
        .bind(&created.started_at)
        .bind(&created.finished_at)
        .bind(&created.deadline_at)
        .bind(&requested.task_id)
        .bind(&requested.named_task_id)
        .bind(&requested.initiator)
        .bind(&requested.source_system)
        .bind(&requested.reason)
        .bind(&requested.tags)
        .bind(&requested.bypass_steps)
        .bind(&requested.context)
        .bind(&requested.requested_at)
        .bind(&requested.correlation_id)
        .bind(&requested.created_by)
        .bind(&requested.trace_context)
        .bind(&moved.task_id)
        .bind(&moved.expected)
        .bind(&moved.state)
        .bind(&moved.revision)
        .bind(&moved.state_reason)
        .bind(&moved.steps)
        .bind(&moved.detail)
        .bind(&moved.started_at)
        .bind(&moved.finished_at)
        .bind(&noted.task_id)
        .bind(&noted.sequence)
        .bind(&noted.step_no)
        .bind(&noted.from_state)
        .bind(&noted.to_state)
        .bind(&noted.attempt)
        .bind(&noted.results)
        .bind(&noted.metadata)
        .bind(&noted.ended_step_no)
        .bind(&ended.0)
        .bind(&ended.1)
        .bind(&begun.task_id)
        .bind(&begun.step_no)
        .bind(&begun.attempt)
        .bind(&begun.queue_id)
        .bind(&begun.session_id)
        .bind(&begun.deadline_at)
        .bind(&queued.0)
        .bind(&queued.1)
        .bind(&queued.2)
        .bind(&queued.3)
        .bind(tallied.0)
        .bind(tallied.1)
        .bind(tallied.2)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a batch that only moves tasks on.
async fn advance(connection: &mut PgConnection, now: Micros, set: &WriteSet, log: Log) -> Result<()> {
    let WriteSet { moved, noted, ended, begun, .. } = set;
    let tallied = set.tallies();
    sqlx::query(ADVANCE.statement(log))
        .persistent(super::names_statements())
        .bind(timestamp(now))
        .bind(i64::try_from(moved.task_id.len()).expect("a batch is small"))
        .bind(&moved.task_id)
        .bind(&moved.expected)
        .bind(&moved.state)
        .bind(&moved.revision)
        .bind(&moved.state_reason)
        .bind(&moved.steps)
        .bind(&moved.detail)
        .bind(&moved.started_at)
        .bind(&moved.finished_at)
        .bind(&noted.task_id)
        .bind(&noted.sequence)
        .bind(&noted.step_no)
        .bind(&noted.from_state)
        .bind(&noted.to_state)
        .bind(&noted.attempt)
        .bind(&noted.results)
        .bind(&noted.metadata)
        .bind(&noted.ended_step_no)
        .bind(&ended.0)
        .bind(&ended.1)
        .bind(&begun.task_id)
        .bind(&begun.step_no)
        .bind(&begun.attempt)
        .bind(&begun.queue_id)
        .bind(&begun.session_id)
        .bind(&begun.deadline_at)
        .bind(tallied.0)
        .bind(tallied.1)
        .bind(tallied.2)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds requests that carry an identity and tells which were added; the others' identities are taken.
pub async fn claim_identity(connection: &mut PgConnection, requested: &Requested) -> Result<Vec<TaskId>> {
    let rows = sql!("lifecycle/claim_identity")
        .bind(&requested.task_id)
        .bind(&requested.named_task_id)
        .bind(&requested.initiator)
        .bind(&requested.source_system)
        .bind(&requested.reason)
        .bind(&requested.tags)
        .bind(&requested.bypass_steps)
        .bind(&requested.context)
        .bind(&requested.requested_at)
        .bind(&requested.correlation_id)
        .bind(&requested.created_by)
        .bind(&requested.trace_context)
        .bind(&requested.identity)
        .bind(&requested.identity_hash)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok(TaskId::from_uuid(row.try_get("task_id")?))).collect()
}

/// Finds the tasks that hold identities, with the hashes of their content.
pub async fn find_identity(
    connection: &mut PgConnection,
    identities: &[String],
) -> Result<Vec<(String, TaskId, Vec<u8>)>> {
    let rows = sql!("lifecycle/find_identity").bind(identities).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let task = TaskId::from_uuid(row.try_get("task_id")?);
            Ok((row.try_get("identity")?, task, row.try_get("identity_hash")?))
        })
        .collect()
}

/// Loads runs by key; those that do not exist are left out.
pub async fn load(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<Loaded>> {
    let rows = sql!("lifecycle/load").bind(tasks).fetch_all(connection).await?;
    rows.iter().map(loaded).collect()
}

/// Loads runs by key and locks them until the transaction ends.
pub async fn load_locked(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<Loaded>> {
    let rows = sql!("lifecycle/load_locked").bind(tasks).fetch_all(connection).await?;
    rows.iter().map(loaded).collect()
}

/// What an assignment says about its task: the context, the correlation id, the trace.
pub type Context = (TaskId, String, Option<String>, Option<String>);

/// Loads which traces tasks belong to.
pub async fn trace_contexts(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<(TaskId, Option<String>)>> {
    let rows = sql!("lifecycle/trace_contexts").bind(tasks).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((TaskId::from_uuid(row.try_get("task_id")?), row.try_get("trace_context")?))).collect()
}

/// Loads contexts, correlation ids and traces by task.
pub async fn contexts(connection: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<Context>> {
    let rows = sql!("lifecycle/contexts").bind(tasks).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let task = TaskId::from_uuid(row.try_get("task_id")?);
            Ok((task, row.try_get("context")?, row.try_get("correlation_id")?, row.try_get("trace_context")?))
        })
        .collect()
}

/// Loads results by the transitions that carry them.
pub async fn results(
    connection: &mut PgConnection,
    keys: &[(TaskId, u32)],
) -> Result<Vec<(TaskId, u32, Option<String>)>> {
    let tasks: Vec<Uuid> = keys.iter().map(|(task, _)| task.uuid()).collect();
    let sequences: Vec<i32> = keys.iter().map(|(_, sequence)| signed(*sequence)).collect();
    let rows = sql!("lifecycle/results").bind(tasks).bind(sequences).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let task = TaskId::from_uuid(row.try_get("task_id")?);
            Ok((task, unsigned(row.try_get("sequence")?)?, row.try_get("results")?))
        })
        .collect()
}

/// Loads changed inputs by step.
pub async fn inputs(connection: &mut PgConnection, keys: &[(TaskId, StepNo)]) -> Result<Vec<(TaskId, StepNo, String)>> {
    let tasks: Vec<Uuid> = keys.iter().map(|(task, _)| task.uuid()).collect();
    let numbers: Vec<i16> = keys.iter().map(|(_, no)| number(*no)).collect();
    let rows = sql!("lifecycle/inputs").bind(tasks).bind(numbers).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let task = TaskId::from_uuid(row.try_get("task_id")?);
            Ok((task, step_no(row.try_get("step_no")?)?, row.try_get("inputs")?))
        })
        .collect()
}

/// Changes the inputs of a step.
pub async fn set_inputs(connection: &mut PgConnection, task: TaskId, no: StepNo, inputs: &str) -> Result<()> {
    sql!("lifecycle/set_inputs").bind(task.uuid()).bind(number(no)).bind(inputs).execute(connection).await?;
    Ok(())
}

/// Changes the reason or the tags of a task.
pub async fn set_request(
    connection: &mut PgConnection,
    task: TaskId,
    reason: Option<&str>,
    tags: Option<&[String]>,
) -> Result<()> {
    sql!("lifecycle/set_request").bind(task.uuid()).bind(reason).bind(tags).execute(connection).await?;
    Ok(())
}

/// A sequence number as Postgres wants it.
pub fn signed(sequence: u32) -> i32 {
    i32::try_from(sequence).expect("a task has fewer than two thousand million transitions")
}

fn unsigned(sequence: i32) -> Result<u32> {
    u32::try_from(sequence).map_err(|_| Error::Corrupt("a sequence number is negative".to_owned()))
}

/// A step number as stored.
pub fn step_no(no: i16) -> Result<StepNo> {
    StepNo::try_from(no).map_err(|_| Error::Corrupt("a step number is negative".to_owned()))
}

/// The step that a row names.
pub(super) fn step(row: &PgRow) -> Result<StepId> {
    Ok(TaskId::from_uuid(row.try_get("task_id")?).step(step_no(row.try_get("step_no")?)?))
}

pub(super) fn loaded(row: &PgRow) -> Result<Loaded> {
    let state: i16 = row.try_get("state")?;
    let state = u8::try_from(state).ok().and_then(State::from_code);
    let deadline: Option<DateTime<Utc>> = row.try_get("deadline_at")?;
    Ok(Loaded {
        task_id: TaskId::from_uuid(row.try_get("task_id")?),
        named_task_id: row.try_get("named_task_id")?,
        stored: Stored {
            state: state.ok_or_else(|| Error::Corrupt("a task has an unknown state".to_owned()))?,
            reason: row.try_get("state_reason")?,
            revision: unsigned(row.try_get("revision")?)?,
            steps: row.try_get("steps")?,
            detail: row.try_get("detail")?,
        },
        deadline_at: deadline.map(|at| at.timestamp_micros()),
    })
}
