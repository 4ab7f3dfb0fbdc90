//! How many tasks and steps there are in which state, without looking at them.
//!
//! Owns: what is counted, reading the kept counts, and folding into them what batches have changed since. The changes
//! themselves are part of `store::lifecycle`'s write. Next: the migrations that make the tables say why there are
//! three.

use sqlx::{PgExecutor, Row, postgres::PgRow};

use super::{Result, sql, tasks::state};
use crate::domain::{state::State, template::NamedTaskId};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Tasks in a state.
    Tasks(State),
    /// Steps in a state.
    Steps(State),
    /// Steps in error that have attempts left.
    Retryable,
}

impl Kind {
    /// The number under which it is stored.
    pub const fn code(self) -> i16 {
        match self {
            Self::Tasks(state) => state.code() as i16,
            Self::Steps(state) => 8 + state.code() as i16,
            Self::Retryable => 14,
        }
    }
}

/// Counts tasks of some handler versions by state. States without tasks may be left out.
pub async fn count(executor: impl PgExecutor<'_>, handlers: &[NamedTaskId]) -> Result<Vec<(State, i64)>> {
    let rows = sql!("tallies/count").bind(handlers).fetch_all(executor).await?;
    rows.iter().map(counted).collect()
}

/// Counts tasks of some namespaces, or of all, by state. States without tasks may be left out.
pub async fn of_namespaces(executor: impl PgExecutor<'_>, namespaces: Option<&[String]>) -> Result<Vec<(State, i64)>> {
    let rows = sql!("tallies/of_namespaces").bind(namespaces).fetch_all(executor).await?;
    rows.iter().map(counted).collect()
}

/// Folds at most so many changes into the counts.
pub async fn fold(executor: impl PgExecutor<'_>, limit: i64) -> Result<()> {
    sql!("tallies/fold").bind(limit).execute(executor).await?;
    Ok(())
}

fn counted(row: &PgRow) -> Result<(State, i64)> {
    Ok((state(row.try_get("state")?)?, row.try_get("tasks")?))
}
