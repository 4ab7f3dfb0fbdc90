//! What is paused, and the steps that were parked because of it.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row};

use super::{Result, handlers::Claims, lifecycle::timestamp, sql};
use crate::domain::{pause::Pause, run::Micros};

/// The time that stands for parked: a row of a queue that is not to be looked at until its handler is resumed. It is
/// the last second of the year 9999, which the queue's order puts behind everything.
pub const PARKED_UNTIL: Micros = 253_402_300_799_000_000;

/// Lists what is paused.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Pause>> {
    let rows = sql!("pauses/list").fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            let name: String = row.try_get("name")?;
            let paused_at: DateTime<Utc> = row.try_get("paused_at")?;
            Ok(Pause {
                namespace: row.try_get("namespace")?,
                handler: (!name.is_empty()).then_some(name),
                since: paused_at.timestamp_micros(),
                subject: row.try_get("subject")?,
                requested_by: row.try_get("requested_by")?,
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

/// Pauses a handler, or a namespace; whether it was not paused before, `None` when there is no such namespace.
pub async fn insert(
    connection: &mut PgConnection,
    namespace: &str,
    handler: Option<&str>,
    claims: Claims,
) -> Result<Option<bool>> {
    let Claims { subject, requested_by, reason } = claims;
    let query = sql!("pauses/insert").bind(namespace).bind(handler.unwrap_or_default()).bind(reason);
    let query = query.bind(requested_by).bind(subject);
    let row = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Ends the pause of a handler, or of a namespace; whether it was paused.
pub async fn delete(connection: &mut PgConnection, namespace: &str, handler: Option<&str>) -> Result<bool> {
    let deleted = sql!("pauses/delete").bind(namespace).bind(handler.unwrap_or_default()).execute(connection).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Brings back the steps that were parked because of a handler, or of a namespace; how many.
pub async fn release(
    executor: impl PgExecutor<'_>,
    namespace: &str,
    handler: Option<&str>,
    now: Micros,
) -> Result<u64> {
    let query = sql!("pauses/release").bind(namespace).bind(handler).bind(timestamp(now)).bind(timestamp(PARKED_UNTIL));
    Ok(query.execute(executor).await?.rows_affected())
}
