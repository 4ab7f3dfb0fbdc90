//! The audit trail of the catalog as rows.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, Row, postgres::PgRow};

use crate::{
    domain::handler::OperationKind,
    store::{Error, Result, sql},
};

/// Who asks for a change, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The authenticated subject; empty when callers are not known.
    pub subject: String,
    /// Who asks, in the caller's words.
    pub requested_by: String,
    /// Why.
    pub reason: String,
}

/// An operation to record. Empty texts stand for all there are.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// What was done.
    pub kind: OperationKind,
    /// The namespace.
    pub namespace: String,
    /// The handler.
    pub name: String,
    /// The version.
    pub version: String,
}

/// An operation that was recorded.
#[derive(Debug, Clone)]
pub struct OperationRow {
    /// Its number.
    pub sequence: i64,
    /// What was done, and to what.
    pub operation: NewOperation,
    /// Who asked for it, and why.
    pub claims: Claims,
    /// When.
    pub at: DateTime<Utc>,
}

/// Which operations.
#[derive(Debug, Clone, Copy)]
pub struct OperationQuery<'a> {
    /// Of these namespaces, or of any.
    pub namespaces: Option<&'a [String]>,
    /// Of this handler.
    pub name: Option<&'a str>,
    /// Of these kinds, or of any.
    pub kinds: &'a [OperationKind],
    /// At or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    /// Before this number.
    pub before: Option<i64>,
}

impl Claims {
    /// Those of a row.
    pub(in crate::store) fn of(row: &PgRow) -> Result<Self> {
        Ok(Self {
            subject: row.try_get("subject")?,
            requested_by: row.try_get("requested_by")?,
            reason: row.try_get("reason")?,
        })
    }
}

/// Records operations, in this order.
pub async fn record_operations(
    connection: &mut PgConnection,
    operations: &[NewOperation],
    claims: &Claims,
) -> Result<()> {
    if operations.is_empty() {
        return Ok(());
    }
    sql!("handlers/record_operations")
        .bind(operations.iter().map(|one| one.kind.code()).collect::<Vec<_>>())
        .bind(operations.iter().map(|one| one.namespace.as_str()).collect::<Vec<_>>())
        .bind(operations.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())
        .bind(operations.iter().map(|one| one.version.as_str()).collect::<Vec<_>>())
        .bind(&claims.subject)
        .bind(&claims.requested_by)
        .bind(&claims.reason)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lists operations, newest first.
pub async fn list_operations(
    executor: impl PgExecutor<'_>,
    query: &OperationQuery<'_>,
    limit: i64,
) -> Result<Vec<OperationRow>> {
    let kinds = query.kinds.iter().map(|kind| kind.code()).collect::<Vec<_>>();
    let rows = sql!("handlers/list_operations")
        .bind(query.namespaces)
        .bind(query.name)
        .bind((!kinds.is_empty()).then_some(kinds))
        .bind(query.from)
        .bind(query.until)
        .bind(query.before)
        .bind(limit)
        .fetch_all(executor)
        .await?;
    rows.iter()
        .map(|row| {
            let kind = OperationKind::from_code(row.try_get("kind")?);
            Ok(OperationRow {
                sequence: row.try_get("sequence")?,
                operation: NewOperation {
                    kind: kind.ok_or_else(|| Error::Corrupt("an operation is of an unknown kind".to_owned()))?,
                    namespace: row.try_get("namespace")?,
                    name: row.try_get("name")?,
                    version: row.try_get("version")?,
                },
                claims: Claims::of(row)?,
                at: row.try_get("created_at")?,
            })
        })
        .collect()
}
