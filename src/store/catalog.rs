//! The catalog of namespaces and handlers as a whole: how often it has changed.

use sqlx::{PgExecutor, Row};

use super::{Result, sql};

/// How often the catalog has changed. Whatever was read after this number was, is at least as new.
pub async fn revision(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sql!("catalog/revision").fetch_one(executor).await?.try_get(0)?)
}
