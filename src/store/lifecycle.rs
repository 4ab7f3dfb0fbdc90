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
    /// When its first step started.
    pub started_at: Option<Micros>,
    /// When it reached its present final state.
    pub finished_at: Option<Micros>,
    /// When it must be finished.
    pub deadline_at: Option<Micros>,
}

/// Everything that a batch decided, column by column.
#[derive(Debug, Default)]
pub struct WriteSet {
    /// New tasks.
    pub task_inserts: TaskInserts,
    /// Their requests, unless stored before.
    pub request_inserts: RequestInserts,
    /// Tasks that move.
    pub task_updates: TaskUpdates,
    /// Rows of the audit trail.
    pub transitions: Transitions,
    /// Leases that end: task, step.
    pub lease_deletes: (Vec<Uuid>, Vec<i16>),
    /// Leases that begin.
    pub lease_inserts: LeaseInserts,
    /// Steps that wait for a worker: queue, not before, task, step.
    pub ready_inserts: (Vec<QueueId>, Vec<DateTime<Utc>>, Vec<Uuid>, Vec<i16>),
    /// How many more or fewer of a kind a handler version has.
    pub tally_changes: BTreeMap<(NamedTaskId, Kind), i32>,
}

impl WriteSet {
    /// How many rows it writes, the counts left out.
    pub fn rows(&self) -> usize {
        self.task_inserts.task_id.len()
            + self.request_inserts.task_id.len()
            + self.task_updates.task_id.len()
            + self.transitions.task_id.len()
            + self.lease_deletes.0.len()
            + self.lease_inserts.task_id.len()
            + self.ready_inserts.0.len()
    }

    /// Notes that there are more of a kind, or fewer.
    pub fn tally(&mut self, handler: NamedTaskId, kind: Kind, change: i32) {
        if change != 0 {
            *self.tally_changes.entry((handler, kind)).or_default() += change;
        }
    }

    /// The columns of what has changed in the end: handler version, kind, change.
    fn tallies(&self) -> (Vec<NamedTaskId>, Vec<i16>, Vec<i32>) {
        let changed = self.tally_changes.iter().filter(|(_, change)| **change != 0);
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
pub struct TaskInserts {
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
pub struct RequestInserts {
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
pub struct TaskUpdates {
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
pub struct Transitions {
    pub task_id: Vec<Uuid>,
    pub sequence: Vec<i32>,
    pub step_no: Vec<Option<i16>>,
    pub from_state: Vec<Option<i16>>,
    pub to_state: Vec<i16>,
    pub attempt: Vec<i32>,
    pub results: Vec<Option<Text>>,
    pub metadata: Vec<Option<String>>,
    pub ended_step_no: Vec<Option<i16>>,
    pub session_id: Vec<Option<Uuid>>,
}

/// Leases that begin.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "columns of leases")]
pub struct LeaseInserts {
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

/// A step number as Postgres wants it; one that no step can have finds none.
pub fn number(no: StepNo) -> i16 {
    i16::try_from(no).unwrap_or(-1)
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
    let WriteSet {
        task_inserts,
        request_inserts,
        task_updates,
        transitions,
        lease_deletes,
        lease_inserts,
        ready_inserts,
        ..
    } = set;
    if task_inserts.task_id.is_empty() && request_inserts.task_id.is_empty() && ready_inserts.0.is_empty() {
        return advance(connection, now, set, log).await;
    }
    let tally_changes = set.tallies();
    sqlx::query(WRITE.statement(log))
        .persistent(super::names_statements())
        .bind(timestamp(now))
        .bind(i64::try_from(task_updates.task_id.len()).expect("a batch is small"))
        .bind(&task_inserts.task_id)
        .bind(&task_inserts.named_task_id)
        .bind(&task_inserts.state)
        .bind(&task_inserts.revision)
        .bind(&task_inserts.state_reason)
        .bind(&task_inserts.steps)
        .bind(&task_inserts.detail)
        .bind(&task_inserts.started_at)
        .bind(&task_inserts.finished_at)
        .bind(&task_inserts.deadline_at)
        .bind(&request_inserts.task_id)
        .bind(&request_inserts.named_task_id)
        .bind(&request_inserts.initiator)
        .bind(&request_inserts.source_system)
        .bind(&request_inserts.reason)
        .bind(&request_inserts.tags)
        .bind(&request_inserts.bypass_steps)
        .bind(&request_inserts.context)
        .bind(&request_inserts.requested_at)
        .bind(&request_inserts.correlation_id)
        .bind(&request_inserts.created_by)
        .bind(&request_inserts.trace_context)
        .bind(&task_updates.task_id)
        .bind(&task_updates.expected)
        .bind(&task_updates.state)
        .bind(&task_updates.revision)
        .bind(&task_updates.state_reason)
        .bind(&task_updates.steps)
        .bind(&task_updates.detail)
        .bind(&task_updates.started_at)
        .bind(&task_updates.finished_at)
        .bind(&transitions.task_id)
        .bind(&transitions.sequence)
        .bind(&transitions.step_no)
        .bind(&transitions.from_state)
        .bind(&transitions.to_state)
        .bind(&transitions.attempt)
        .bind(&transitions.results)
        .bind(&transitions.metadata)
        .bind(&transitions.ended_step_no)
        .bind(&lease_deletes.0)
        .bind(&lease_deletes.1)
        .bind(&lease_inserts.task_id)
        .bind(&lease_inserts.step_no)
        .bind(&lease_inserts.attempt)
        .bind(&lease_inserts.queue_id)
        .bind(&lease_inserts.session_id)
        .bind(&lease_inserts.deadline_at)
        .bind(&ready_inserts.0)
        .bind(&ready_inserts.1)
        .bind(&ready_inserts.2)
        .bind(&ready_inserts.3)
        .bind(tally_changes.0)
        .bind(tally_changes.1)
        .bind(tally_changes.2)
        .bind(&transitions.session_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a batch that only moves tasks on.
async fn advance(connection: &mut PgConnection, now: Micros, set: &WriteSet, log: Log) -> Result<()> {
    let WriteSet { task_updates, transitions, lease_deletes, lease_inserts, .. } = set;
    let tally_changes = set.tallies();
    sqlx::query(ADVANCE.statement(log))
        .persistent(super::names_statements())
        .bind(timestamp(now))
        .bind(i64::try_from(task_updates.task_id.len()).expect("a batch is small"))
        .bind(&task_updates.task_id)
        .bind(&task_updates.expected)
        .bind(&task_updates.state)
        .bind(&task_updates.revision)
        .bind(&task_updates.state_reason)
        .bind(&task_updates.steps)
        .bind(&task_updates.detail)
        .bind(&task_updates.started_at)
        .bind(&task_updates.finished_at)
        .bind(&transitions.task_id)
        .bind(&transitions.sequence)
        .bind(&transitions.step_no)
        .bind(&transitions.from_state)
        .bind(&transitions.to_state)
        .bind(&transitions.attempt)
        .bind(&transitions.results)
        .bind(&transitions.metadata)
        .bind(&transitions.ended_step_no)
        .bind(&lease_deletes.0)
        .bind(&lease_deletes.1)
        .bind(&lease_inserts.task_id)
        .bind(&lease_inserts.step_no)
        .bind(&lease_inserts.attempt)
        .bind(&lease_inserts.queue_id)
        .bind(&lease_inserts.session_id)
        .bind(&lease_inserts.deadline_at)
        .bind(tally_changes.0)
        .bind(tally_changes.1)
        .bind(tally_changes.2)
        .bind(&transitions.session_id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds requests that carry an identity and tells which were added; the others' identities are taken.
pub async fn claim_identity(connection: &mut PgConnection, requested: &RequestInserts) -> Result<Vec<TaskId>> {
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

/// How long a result is, and the result itself where it is short.
#[derive(Debug)]
pub struct ResultSize {
    /// The task.
    pub task: TaskId,
    /// The sequence number of the transition that carries it.
    pub sequence: u32,
    /// Its length in bytes; 0 when there is none.
    pub bytes: usize,
    /// The text, when it is no longer than was asked for.
    pub results: Option<String>,
}

/// Tells how long results are, by the transitions that carry them; those of at most `short` bytes come with it.
pub async fn result_sizes(
    connection: &mut PgConnection,
    keys: &[(TaskId, u32)],
    short: usize,
) -> Result<Vec<ResultSize>> {
    let tasks: Vec<Uuid> = keys.iter().map(|(task, _)| task.uuid()).collect();
    let sequences: Vec<i32> = keys.iter().map(|(_, sequence)| signed(*sequence)).collect();
    let short = i32::try_from(short).unwrap_or(i32::MAX);
    let rows = sql!("lifecycle/result_sizes").bind(tasks).bind(sequences).bind(short).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let bytes: i32 = row.try_get("bytes")?;
            Ok(ResultSize {
                task: TaskId::from_uuid(row.try_get("task_id")?),
                sequence: unsigned(row.try_get("sequence")?)?,
                bytes: usize::try_from(bytes).unwrap_or_default(),
                results: row.try_get("results")?,
            })
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

/// Changes the deadline of a task; `None` removes it.
pub async fn set_deadline(connection: &mut PgConnection, task: TaskId, deadline_at: Option<Micros>) -> Result<()> {
    sql!("lifecycle/set_deadline").bind(task.uuid()).bind(deadline_at.map(timestamp)).execute(connection).await?;
    Ok(())
}

/// A call that changed a task: the task, the call's request id, the hash of what it said.
pub type OperationRequest = (TaskId, String, Vec<u8>);

/// Finds the calls that changed tasks under these request ids.
pub async fn find_requests(connection: &mut PgConnection, keys: &[(TaskId, &str)]) -> Result<Vec<OperationRequest>> {
    let tasks: Vec<Uuid> = keys.iter().map(|(task, _)| task.uuid()).collect();
    let ids: Vec<&str> = keys.iter().map(|(_, id)| *id).collect();
    let rows = sql!("lifecycle/find_requests").bind(tasks).bind(ids).fetch_all(connection).await?;
    let found = |row: &PgRow| {
        let task = TaskId::from_uuid(row.try_get("task_id")?);
        Ok((task, row.try_get("request_id")?, row.try_get("content_hash")?))
    };
    rows.iter().map(found).collect()
}

/// Notes a call that changed a task under a request id.
pub async fn add_request(connection: &mut PgConnection, task: TaskId, id: &str, hash: &[u8]) -> Result<()> {
    sql!("lifecycle/add_request").bind(task.uuid()).bind(id).bind(hash).execute(connection).await?;
    Ok(())
}

/// A sequence number as Postgres wants it; one that no transition can have finds none.
pub fn signed(sequence: u32) -> i32 {
    i32::try_from(sequence).unwrap_or(-1)
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
    let micros = |column: &str| -> Result<Option<Micros>> {
        Ok(row.try_get::<Option<DateTime<Utc>>, _>(column)?.map(|at| at.timestamp_micros()))
    };
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
        started_at: micros("started_at")?,
        finished_at: micros("finished_at")?,
        deadline_at: micros("deadline_at")?,
    })
}
