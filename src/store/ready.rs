//! Steps that wait for a worker, and unfinished tasks that the sweeper looks after.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Result,
    lifecycle::{Loaded, columns, loaded, number, step, timestamp},
    pauses::PARKED_UNTIL,
    sql,
};
use crate::domain::{
    ids::{StepId, StepNo, TaskId},
    run::Micros,
    template::{NamedTaskId, QueueId},
};

/// Takes steps out of a queue, the longest waiting first; since when each could start.
pub async fn pop(
    connection: &mut PgConnection,
    queue: QueueId,
    now: Micros,
    limit: i64,
) -> Result<Vec<(StepId, Micros)>> {
    popped(&sql!("ready/pop").bind(queue).bind(timestamp(now)).bind(limit).fetch_all(connection).await?)
}

/// Takes steps out of a queue as [`pop`] does: only those of these handler versions, `None` for all, and none of `declined`.
pub async fn pop_filtered(
    connection: &mut PgConnection,
    queue: QueueId,
    now: Micros,
    limit: i64,
    versions: Option<&[NamedTaskId]>,
    declined: &[(NamedTaskId, StepNo)],
) -> Result<Vec<(StepId, Micros)>> {
    let (handlers, numbers): (Vec<NamedTaskId>, Vec<i16>) =
        declined.iter().map(|(version, no)| (*version, number(*no))).unzip();
    let query = sql!("ready/pop_filtered").bind(queue).bind(timestamp(now)).bind(limit);
    popped(&query.bind(versions).bind(handlers).bind(numbers).fetch_all(connection).await?)
}

fn popped(rows: &[PgRow]) -> Result<Vec<(StepId, Micros)>> {
    rows.iter()
        .map(|row| {
            let since: DateTime<Utc> = row.try_get("visible_at")?;
            Ok((step(row)?, since.timestamp_micros()))
        })
        .collect()
}

/// Puts steps into their queues, each not before a time.
pub async fn put(connection: &mut PgConnection, steps: &[(QueueId, Micros, StepId)]) -> Result<()> {
    let queues: Vec<QueueId> = steps.iter().map(|(queue, ..)| *queue).collect();
    let times: Vec<DateTime<Utc>> = steps.iter().map(|(_, at, _)| timestamp(*at)).collect();
    let (tasks, numbers) = columns(steps.iter().map(|(.., step)| *step));
    sql!("ready/put").bind(queues).bind(times).bind(tasks).bind(numbers).execute(connection).await?;
    Ok(())
}

/// When the next step of a queue falls due, if any does.
pub async fn next_due(connection: &mut PgConnection, queue: QueueId, now: Micros) -> Result<Option<Micros>> {
    let row = sql!("ready/next_due").bind(queue).bind(timestamp(now)).fetch_optional(connection).await?;
    let at: Option<DateTime<Utc>> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(at.map(|at| at.timestamp_micros()))
}

/// Which of these steps are in their queue.
pub async fn listed(executor: impl PgExecutor<'_>, steps: &[StepId]) -> Result<Vec<StepId>> {
    let (tasks, numbers) = columns(steps.iter().copied());
    let ends = (tasks.iter().min().copied(), tasks.iter().max().copied());
    let rows = sql!("ready/listed")
        .bind(tasks)
        .bind(numbers)
        .bind(timestamp(PARKED_UNTIL))
        .bind(ends.0)
        .bind(ends.1)
        .fetch_all(executor)
        .await?;
    rows.iter().map(step).collect()
}

/// Unfinished tasks past their deadline.
pub async fn past_deadline(executor: impl PgExecutor<'_>, now: Micros, limit: i64) -> Result<Vec<TaskId>> {
    let rows = sql!("sweeper/past_deadline").bind(timestamp(now)).bind(limit).fetch_all(executor).await?;
    rows.iter().map(|row| Ok(TaskId::from_uuid(row.try_get(0)?))).collect()
}

/// A slice of the unfinished tasks that have not moved since a time, by key.
pub async fn unfinished(
    executor: impl PgExecutor<'_>,
    after: Uuid,
    not_moved_since: Micros,
    limit: i64,
) -> Result<Vec<Loaded>> {
    let rows =
        sql!("sweeper/unfinished").bind(after).bind(timestamp(not_moved_since)).bind(limit).fetch_all(executor).await?;
    rows.iter().map(loaded).collect()
}

/// The database's time.
pub async fn clock(executor: impl PgExecutor<'_>) -> Result<Micros> {
    let now: DateTime<Utc> = sql!("sweeper/clock").fetch_one(executor).await?.try_get(0)?;
    Ok(now.timestamp_micros())
}

/// Tells the other servers.
pub async fn notify(connection: &mut PgConnection, payload: &str) -> Result<()> {
    sql!("hints/notify").bind(payload).execute(connection).await?;
    Ok(())
}

/// Lets a connection commit without waiting for the disk. `Store::dedicated_to_hints` does so where nothing stands
/// between; behind a pooler its transactions do.
pub async fn no_flush(connection: &mut PgConnection) -> Result<()> {
    sql!("hints/no_flush").execute(connection).await?;
    Ok(())
}
