//! Whether a pooler in transaction mode stands before the database.
//!
//! Owns: one experiment. Two connections that are open at the same time lead to two processes of Postgres, and each
//! stays with its own, unless a pooler lends processes out by the transaction. Nothing is prepared and nothing is left
//! behind, so asking is harmless whatever stands between.

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _, postgres::PgConnectOptions};

use super::{Error, Result};

/// What is wrong when there is a pooler that the configuration does not know of, and what to do.
pub const FORGOTTEN: &str = "a pooler in transaction mode stands before the database, and the configuration does not \
                             say so: set pooler = \"transaction\" for this database";

/// How often the connections are asked in turn: other clients of a busy pooler may get between two questions.
const ROUNDS: usize = 4;

/// Whether a pooler in transaction mode stands between. Opens two connections and closes them.
pub async fn is_between(options: &PgConnectOptions) -> Result<bool> {
    // A pooler refuses start-up parameters that it does not know.
    let options = options.clone().extra_float_digits(None).statement_cache_capacity(0);
    let (mut one, mut other) = (options.connect().await?, options.connect().await?);
    let (mut first, mut second) = (None, None);
    let mut is_between = false;
    for _ in 0..ROUNDS {
        let (now, beside) = (process(&mut one).await?, process(&mut other).await?);
        is_between |= now == beside;
        is_between |= first.replace(now).is_some_and(|before| before != now);
        is_between |= second.replace(beside).is_some_and(|before| before != beside);
    }
    // Whether they part well does not matter.
    let _gone = (one.close().await, other.close().await);
    Ok(is_between)
}

/// Whether an error is what comes of a pooler in transaction mode that nobody was told of: a statement that was prepared
/// on one connection is not there on the next, or another one is there under its name.
pub(super) fn explains(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("26000" | "42P05"))
}

/// The process of Postgres that answers.
async fn process(connection: &mut PgConnection) -> Result<i32> {
    let row = sqlx::raw_sql("select pg_backend_pid() as process").fetch_one(connection).await?;
    row.try_get("process").map_err(Error::from)
}
