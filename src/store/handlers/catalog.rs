//! Handlers as rows: what there is, who may still use it, how it does.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row};

use super::{Claims, Registration};
use crate::{
    domain::template::{NamedTaskId, QueueId},
    store::{Error, Result, sql},
};

/// A namespace.
#[derive(Debug, Clone)]
pub struct NamespaceRow {
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
}

/// A present handler version.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Its three numbers.
    pub order: [i64; 3],
    /// Its number.
    pub named_task_id: NamedTaskId,
    /// Whether it takes no new tasks.
    pub deprecated: bool,
}

/// A step handler of a handler version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepHandler {
    /// The handler version.
    pub named_task_id: NamedTaskId,
    /// The name under which workers offer it.
    pub name: String,
    /// Its queue.
    pub queue: QueueId,
}

/// Why and since when a version takes no new tasks.
#[derive(Debug, Clone)]
pub struct Deprecation {
    /// Who said so, and why.
    pub claims: Claims,
    /// When.
    pub at: DateTime<Utc>,
}

/// How a version has done lately.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Tasks looked at.
    pub tasks: i64,
    /// Complete or resolved.
    pub complete: i64,
    /// Failed.
    pub failed: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// Not finished.
    pub unfinished: i64,
    /// The median and the 95th percentile of how long the complete ones took, in milliseconds.
    pub took_ms: Option<(i64, i64)>,
    /// When the newest was created.
    pub last_at: Option<DateTime<Utc>>,
}

/// Lists the namespaces, in no order.
pub async fn namespaces(executor: impl PgExecutor<'_>) -> Result<Vec<NamespaceRow>> {
    let rows = sql!("handlers/namespaces").fetch_all(executor).await?;
    rows.iter()
        .map(|row| Ok(NamespaceRow { name: row.try_get("name")?, description: row.try_get("description")? }))
        .collect()
}

/// Describes a namespace; whether that changes anything.
pub async fn describe_namespace(connection: &mut PgConnection, name: &str, description: &str) -> Result<bool> {
    let done = sql!("handlers/describe_namespace").bind(name).bind(description).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Lists every present handler version, in no order.
pub async fn catalog(executor: impl PgExecutor<'_>) -> Result<Vec<VersionRow>> {
    let rows = sql!("handlers/catalog").fetch_all(executor).await?;
    rows.iter()
        .map(|row| {
            let order: Vec<i64> = row.try_get("version_order")?;
            Ok(VersionRow {
                namespace: row.try_get("namespace")?,
                name: row.try_get("name")?,
                version: row.try_get("version")?,
                order: order.try_into().map_err(|_| Error::Corrupt("a version has not three numbers".to_owned()))?,
                named_task_id: row.try_get("named_task_id")?,
                deprecated: row.try_get("deprecated")?,
            })
        })
        .collect()
}

/// Lists the step handlers of handler versions, by version and name.
pub async fn queues(executor: impl PgExecutor<'_>, versions: &[NamedTaskId]) -> Result<Vec<StepHandler>> {
    let rows = sql!("handlers/queues").bind(versions).fetch_all(executor).await?;
    let step_handler = |row: &sqlx::postgres::PgRow| -> Result<StepHandler> {
        Ok(StepHandler {
            named_task_id: row.try_get("named_task_id")?,
            name: row.try_get("name")?,
            queue: row.try_get("step_handler_id")?,
        })
    };
    let mut found = rows.iter().map(step_handler).collect::<Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

/// Reads a handler version as it was registered.
pub async fn details(executor: impl PgExecutor<'_>, id: NamedTaskId) -> Result<Option<Registration>> {
    let row = sql!("handlers/details").bind(id).fetch_optional(executor).await?;
    row.map(|row| {
        Ok(Registration {
            named_task_id: row.try_get("named_task_id")?,
            revision: row.try_get("revision")?,
            created_at: row.try_get("created_at")?,
            configuration: row.try_get("configuration")?,
        })
    })
    .transpose()
}

/// Reads the deprecation of a handler version, if it is deprecated.
pub async fn deprecation(executor: impl PgExecutor<'_>, id: NamedTaskId) -> Result<Option<Deprecation>> {
    let row = sql!("handlers/deprecation").bind(id).fetch_optional(executor).await?;
    row.map(|row| Ok(Deprecation { claims: Claims::of(&row)?, at: row.try_get("deprecated_at")? })).transpose()
}

/// Deprecates a handler version, all revisions of it; whether it was not before.
pub async fn deprecate(connection: &mut PgConnection, id: NamedTaskId, claims: Claims) -> Result<bool> {
    let Claims { subject, requested_by, reason } = claims;
    let query = sql!("handlers/deprecate").bind(id).bind(reason).bind(requested_by).bind(subject);
    let done = query.execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Takes the deprecation of a handler version back; whether there was one.
pub async fn restore(connection: &mut PgConnection, id: NamedTaskId) -> Result<bool> {
    let done = sql!("handlers/restore").bind(id).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// How a handler version has done with its newest tasks, at most so many.
pub async fn record(executor: impl PgExecutor<'_>, id: NamedTaskId, most: i64) -> Result<Record> {
    let row = sql!("handlers/record").bind(id).bind(most).fetch_one(executor).await?;
    let took: Option<Vec<Option<i64>>> = row.try_get("took_ms")?;
    let took_ms = match took.as_deref() {
        Some([Some(median), Some(p95)]) => Some((*median, *p95)),
        _ => None,
    };
    Ok(Record {
        tasks: row.try_get("tasks")?,
        complete: row.try_get("complete")?,
        failed: row.try_get("failed")?,
        cancelled: row.try_get("cancelled")?,
        unfinished: row.try_get("unfinished")?,
        took_ms,
        last_at: row.try_get("last_at")?,
    })
}
