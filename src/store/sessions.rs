//! Worker sessions and what they hold.

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Pool, Result,
    lifecycle::{columns, step, timestamp},
    sql,
};
use crate::domain::{
    ids::StepId,
    run::Micros,
    template::{NamedTaskId, QueueId},
};

/// A session to be stored.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// The id.
    pub session_id: Uuid,
    /// The worker's name.
    pub worker_id: &'a str,
    /// The server that holds it.
    pub server_id: Uuid,
    /// The SDK and its version.
    pub sdk: &'a str,
    /// What it runs, as JSON.
    pub offers: &'a str,
    /// How many attempts at once.
    pub slots: i32,
    /// The subject of its credentials.
    pub subject: Option<&'a str>,
    /// The queues that it serves.
    pub queues: &'a [QueueId],
    /// How many attempts it has.
    pub held: i32,
}

/// A session that serves some queues.
#[derive(Debug, Clone)]
pub struct RosterRow {
    /// The id.
    pub session_id: Uuid,
    /// The worker's name.
    pub worker_id: String,
    /// The server that holds it.
    pub server_id: Uuid,
    /// How many attempts at once, when its server last noted that.
    pub slots: i32,
    /// How many attempts it had then.
    pub held: i32,
    /// Whether it takes no more.
    pub draining: bool,
    /// Whether it has a stream or a claim that waits.
    pub attached: bool,
    /// When it connected.
    pub connected_at: DateTime<Utc>,
    /// Those of the queues that it serves.
    pub queues: Vec<QueueId>,
}

/// A sign of life: until when the session lives, how many attempts it runs at once, and how many it has.
#[derive(Debug, Clone, Copy)]
pub struct Alive {
    /// The session.
    pub session_id: Uuid,
    /// When it expires.
    pub expires_at: Micros,
    /// How many attempts at once, and how many it has; `None` when that is not known here.
    pub fill: Option<(usize, usize)>,
}

/// Sessions that one look takes at most.
const ROSTER_MAX: i64 = 10_000;

/// A session that is alive.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// The id.
    pub session_id: Uuid,
    /// The worker's name.
    pub worker_id: String,
    /// The server that holds it.
    pub server_id: Uuid,
    /// The SDK and its version.
    pub sdk: String,
    /// What it runs, as JSON.
    pub offers: String,
    /// How many attempts at once.
    pub slots: i32,
    /// Whether it takes no more.
    pub draining: bool,
    /// When it connected.
    pub connected_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// How many attempts it holds.
    pub held: i64,
}

/// An attempt that a session holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLease {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u16,
    /// Since when.
    pub claimed_at: Micros,
}

/// The offers of a worker, column by column.
#[derive(Debug, Clone, Default)]
pub struct OfferColumns {
    /// Offers of step handlers.
    pub step_handlers: OfferedNames,
    /// Offers of handlers.
    pub handlers: OfferedNames,
}

/// Offers of one kind.
#[derive(Debug, Clone, Default)]
pub struct OfferedNames {
    /// The namespaces.
    pub namespaces: Vec<String>,
    /// The names.
    pub names: Vec<String>,
    /// The handler versions, each a JSON array; an empty one is all.
    pub versions: Vec<String>,
}

/// Adds a session.
pub async fn insert(
    executor: impl PgExecutor<'_>,
    session: &NewSession<'_>,
    now: Micros,
    expires_at: Micros,
) -> Result<()> {
    sql!("sessions/insert")
        .bind(session.session_id)
        .bind(session.worker_id)
        .bind(session.server_id)
        .bind(session.sdk)
        .bind(session.offers)
        .bind(session.slots)
        .bind(session.subject)
        .bind(timestamp(now))
        .bind(timestamp(expires_at))
        .bind(session.queues)
        .bind(session.held)
        .execute(executor)
        .await?;
    Ok(())
}

/// Takes over a session that comes back; whether it was still alive.
pub async fn adopt(
    executor: impl PgExecutor<'_>,
    session: &NewSession<'_>,
    now: Micros,
    expires_at: Micros,
) -> Result<bool> {
    let row = sql!("sessions/adopt")
        .bind(session.session_id)
        .bind(session.worker_id)
        .bind(session.server_id)
        .bind(session.sdk)
        .bind(session.offers)
        .bind(session.slots)
        .bind(timestamp(now))
        .bind(timestamp(expires_at))
        .bind(session.subject)
        .bind(session.queues)
        .bind(session.held)
        .fetch_optional(executor)
        .await?;
    Ok(row.is_some())
}

/// Moves the expiry of sessions ahead and notes how full they are.
pub async fn keep_alive(executor: impl PgExecutor<'_>, sessions: &[Alive]) -> Result<()> {
    let small = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    sql!("sessions/keep_alive")
        .bind(sessions.iter().map(|alive| alive.session_id).collect::<Vec<_>>())
        .bind(sessions.iter().map(|alive| timestamp(alive.expires_at)).collect::<Vec<_>>())
        .bind(sessions.iter().map(|alive| alive.fill.map(|(slots, _)| small(slots))).collect::<Vec<_>>())
        .bind(sessions.iter().map(|alive| alive.fill.map(|(_, held)| small(held))).collect::<Vec<_>>())
        .execute(executor)
        .await?;
    Ok(())
}

/// Notes that a session that was attached then is so no more, and how many attempts it has.
pub async fn detach(executor: impl PgExecutor<'_>, session: Uuid, attached_at: Micros, held: usize) -> Result<()> {
    let held = i32::try_from(held).unwrap_or(i32::MAX);
    sql!("sessions/detach").bind(session).bind(timestamp(attached_at)).bind(held).execute(executor).await?;
    Ok(())
}

/// Notes which queues a session serves.
pub async fn set_queues(executor: impl PgExecutor<'_>, session: Uuid, queues: &[QueueId]) -> Result<()> {
    sql!("sessions/set_queues").bind(session).bind(queues).execute(executor).await?;
    Ok(())
}

/// Notes that the sessions of a server take no further work.
pub async fn drain_server(executor: impl PgExecutor<'_>, server: Uuid, now: Micros) -> Result<()> {
    sql!("sessions/drain_server").bind(server).bind(timestamp(now)).execute(executor).await?;
    Ok(())
}

/// Lists the sessions that are alive and serve any of these queues, at most 10,000.
pub async fn roster(executor: impl PgExecutor<'_>, now: Micros, queues: &[QueueId]) -> Result<Vec<RosterRow>> {
    let rows = sql!("sessions/roster").bind(timestamp(now)).bind(queues).bind(ROSTER_MAX).fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            Ok(RosterRow {
                session_id: row.try_get("session_id")?,
                worker_id: row.try_get("worker_id")?,
                server_id: row.try_get("server_id")?,
                slots: row.try_get("slots")?,
                held: row.try_get("held")?,
                draining: row.try_get("draining")?,
                attached: row.try_get("attached")?,
                connected_at: row.try_get("connected_at")?,
                queues: row.try_get("queues")?,
            })
        })
        .collect()
}

/// Lists the queues that connected workers serve.
pub async fn served(executor: impl PgExecutor<'_>, now: Micros) -> Result<Vec<QueueId>> {
    let rows = sql!("sessions/served").bind(timestamp(now)).fetch_all(executor).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Notes a sign of life of a subject's session that this server may not know; its offers as JSON if it is still alive.
pub async fn revive(
    executor: impl PgExecutor<'_>,
    session: Uuid,
    subject: Option<&str>,
    now: Micros,
    expires_at: Micros,
) -> Result<Option<String>> {
    let query = sql!("sessions/revive").bind(session).bind(timestamp(now)).bind(timestamp(expires_at)).bind(subject);
    query.fetch_optional(executor).await?.map(|row| Ok(row.try_get("offers")?)).transpose()
}

/// Closes a session that said goodbye.
pub async fn close(executor: impl PgExecutor<'_>, session: Uuid, now: Micros) -> Result<()> {
    sql!("sessions/close").bind(session).bind(timestamp(now)).execute(executor).await?;
    Ok(())
}

/// Notes that a session takes no further work.
pub async fn mark_draining(executor: impl PgExecutor<'_>, session: Uuid) -> Result<()> {
    sql!("sessions/mark_draining").bind(session).execute(executor).await?;
    Ok(())
}

/// Closes sessions that have expired.
pub async fn close_expired(pool: &Pool, now: Micros) -> Result<()> {
    sql!("sessions/close_expired").bind(timestamp(now)).execute(pool).await?;
    Ok(())
}

/// Forgets sessions that were closed before a time, at most 1,000.
pub async fn forget_closed(pool: &Pool, before: Micros) -> Result<()> {
    sql!("sessions/delete_closed").bind(timestamp(before)).bind(1_000_i64).execute(pool).await?;
    Ok(())
}

/// Lists the sessions that are alive by worker and session, after one of them, at most so many.
pub async fn list_open(
    executor: impl PgExecutor<'_>,
    now: Micros,
    namespace: Option<&str>,
    after: Option<(&str, Uuid)>,
    limit: i64,
) -> Result<Vec<OpenSession>> {
    let (worker, session) = after.unzip();
    let query = sql!("sessions/list_open").bind(timestamp(now)).bind(namespace).bind(worker).bind(session).bind(limit);
    let rows = query.fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            Ok(OpenSession {
                session_id: row.try_get("session_id")?,
                worker_id: row.try_get("worker_id")?,
                server_id: row.try_get("server_id")?,
                sdk: row.try_get("sdk")?,
                offers: row.try_get("offers")?,
                slots: row.try_get("slots")?,
                draining: row.try_get("draining")?,
                connected_at: row.try_get("connected_at")?,
                expires_at: row.try_get("expires_at")?,
                held: row.try_get("held")?,
            })
        })
        .collect()
}

/// The attempts that a session of a subject holds.
pub async fn held(executor: impl PgExecutor<'_>, session: Uuid, subject: Option<&str>) -> Result<Vec<HeldLease>> {
    let rows = sql!("sessions/held").bind(session).bind(subject).fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            let (step, attempt) = attempt(row)?;
            let claimed_at: DateTime<Utc> = row.try_get("claimed_at")?;
            Ok(HeldLease { step, attempt, claimed_at: claimed_at.timestamp_micros() })
        })
        .collect()
}

/// The queues that a worker's offers name, each with a handler version where it is not for all; handlers that are not
/// registered yet name none.
pub async fn queues(
    executor: impl PgExecutor<'_>,
    offers: &OfferColumns,
) -> Result<Vec<(QueueId, Option<NamedTaskId>)>> {
    let OfferColumns { step_handlers, handlers } = offers;
    let rows = sql!("sessions/queues")
        .bind(&step_handlers.namespaces)
        .bind(&step_handlers.names)
        .bind(&step_handlers.versions)
        .bind(&handlers.namespaces)
        .bind(&handlers.names)
        .bind(&handlers.versions)
        .fetch_all(executor)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("queue_id")?, row.try_get("named_task_id")?))).collect()
}

/// Who holds an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u16,
    /// The session.
    pub session_id: Uuid,
    /// The subject of the session's credentials.
    pub subject: Option<String>,
    /// The offers of the session as JSON; `None` when the session is forgotten.
    pub offers: Option<String>,
}

/// Which sessions hold steps, with which attempt.
pub async fn holders(executor: impl PgExecutor<'_>, steps: &[StepId]) -> Result<Vec<Holder>> {
    let (tasks, numbers) = columns(steps.iter().copied());
    let rows = sql!("leases/holder").bind(tasks).bind(numbers).fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            let (step, attempt) = attempt(row)?;
            Ok(Holder {
                step,
                attempt,
                session_id: row.try_get("session_id")?,
                subject: row.try_get("subject")?,
                offers: row.try_get("offers")?,
            })
        })
        .collect()
}

/// Which of these steps have a lease.
pub async fn leased(executor: impl PgExecutor<'_>, steps: &[StepId]) -> Result<Vec<StepId>> {
    let (tasks, numbers) = columns(steps.iter().copied());
    let rows = sql!("leases/listed").bind(tasks).bind(numbers).fetch_all(executor).await?;
    rows.iter().map(step).collect()
}

/// The attempts that sessions of a server have held since before a time.
pub async fn leased_by(
    executor: impl PgExecutor<'_>,
    server: Uuid,
    claimed_before: Micros,
) -> Result<Vec<(StepId, u16, Uuid)>> {
    let rows = sql!("leases/of_server").bind(server).bind(timestamp(claimed_before)).fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            let (step, held) = attempt(row)?;
            Ok((step, held, row.try_get("session_id")?))
        })
        .collect()
}

/// How far an attempt of a session has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u16,
    /// The session that says so; nothing is noted unless it holds the attempt.
    pub session_id: Uuid,
    /// From 0 to 100.
    pub percent: f64,
    /// In words.
    pub note: String,
}

/// Notes how far attempts have come.
pub async fn set_progress(executor: impl PgExecutor<'_>, progress: &[Progress]) -> Result<()> {
    let (tasks, numbers) = columns(progress.iter().map(|said| said.step));
    let attempts: Vec<i32> = progress.iter().map(|said| i32::from(said.attempt)).collect();
    let sessions: Vec<Uuid> = progress.iter().map(|said| said.session_id).collect();
    let percents: Vec<f64> = progress.iter().map(|said| said.percent).collect();
    let notes: Vec<&str> = progress.iter().map(|said| said.note.as_str()).collect();
    let query = sql!("leases/set_progress").bind(tasks).bind(numbers).bind(attempts).bind(sessions);
    query.bind(percents).bind(notes).execute(executor).await?;
    Ok(())
}

/// Whether attempts may be leased to a session that is over: one that expired before a time, or closed since another.
pub async fn any_over(pool: &Pool, expired_before: Micros, closed_since: Micros) -> Result<bool> {
    let query = sql!("sessions/over").bind(timestamp(expired_before)).bind(timestamp(closed_since));
    Ok(query.fetch_one(pool).await?.try_get("over")?)
}

/// Attempts whose session closed or expired before a time, or that are past their own deadline (`true`). Costs by what
/// runs.
pub async fn expired(pool: &Pool, now: Micros, expired_before: Micros, limit: i64) -> Result<Vec<(StepId, u16, bool)>> {
    let times = (timestamp(now), timestamp(expired_before));
    let rows = sql!("leases/expired").bind(times.0).bind(times.1).bind(limit).fetch_all(pool).await?;
    rows.iter().map(lost).collect()
}

/// Attempts that are past their own deadline, as [`expired`] tells of them. Costs by how many there are.
pub async fn overdue(pool: &Pool, now: Micros, limit: i64) -> Result<Vec<(StepId, u16, bool)>> {
    let rows = sql!("leases/overdue").bind(timestamp(now)).bind(limit).fetch_all(pool).await?;
    rows.iter().map(lost).collect()
}

fn lost(row: &PgRow) -> Result<(StepId, u16, bool)> {
    let (step, attempt) = attempt(row)?;
    Ok((step, attempt, row.try_get("overdue")?))
}

/// Removes those of these leases whose attempt does not run; how many there were. There should be none.
pub async fn remove_orphans(executor: impl PgExecutor<'_>, leases: &[(StepId, u16)]) -> Result<u64> {
    let (tasks, numbers) = columns(leases.iter().map(|(step, _)| *step));
    let attempts: Vec<i32> = leases.iter().map(|(_, attempt)| i32::from(*attempt)).collect();
    let removed = sql!("leases/remove_orphans").bind(tasks).bind(numbers).bind(attempts).execute(executor).await?;
    Ok(removed.rows_affected())
}

fn attempt(row: &PgRow) -> Result<(StepId, u16)> {
    let attempt: i32 = row.try_get("attempt")?;
    let attempt =
        u16::try_from(attempt).map_err(|_| super::Error::Corrupt("a lease has an impossible attempt".to_owned()))?;
    Ok((step(row)?, attempt))
}
