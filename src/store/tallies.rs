//! How many tasks there are in which state, without looking at them.
//!
//! Owns: reading the kept counts, and folding into them what batches have changed since. The changes themselves
//! are part of `store::lifecycle`'s write. Next: the migration that makes the tables says why there are two.

use sqlx::{PgExecutor, Row};

use super::{Result, sql, tasks::state};
use crate::domain::{state::State, template::NamedTaskId};

/// Counts tasks by state, of some handler versions or of all. States without tasks may be left out.
pub async fn count(executor: impl PgExecutor<'_>, handlers: Option<&[NamedTaskId]>) -> Result<Vec<(State, i64)>> {
    let rows = sql!("tallies/count").bind(handlers).fetch_all(executor).await?;
    rows.iter().map(|row| Ok((state(row.try_get("state")?)?, row.try_get("tasks")?))).collect()
}

/// Folds at most so many changes into the counts.
pub async fn fold(executor: impl PgExecutor<'_>, limit: i64) -> Result<()> {
    sql!("tallies/fold").bind(limit).execute(executor).await?;
    Ok(())
}
