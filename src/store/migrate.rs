//! The migrations, embedded in the binary and run under a lock.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{Result, Store};

const MIGRATIONS: &[(i64, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// What a migration run found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Versions applied before.
    pub before: usize,
    /// Versions applied now, with their descriptions.
    pub applied: Vec<(i64, &'static str)>,
}

/// Brings the schema up to date. Safe to run from any number of processes at once: a lock that belongs to the
/// connection lets one go first, so the way to the database must be direct.
pub async fn run(store: &Store) -> Result<Report> {
    let Some(options) = store.direct_options() else { return Err(super::Error::NotDirect) };
    let mut connection = options.connect().await?;
    let before = applied(&mut connection).await?;
    migrator().run(&mut connection).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => error.into(),
        other => super::Error::Corrupt(other.to_string()),
    })?;
    connection.close().await?;
    Ok(Report {
        before: before.len(),
        applied: MIGRATIONS
            .iter()
            .filter(|(version, ..)| !before.contains(version))
            .map(|(version, description, _)| (*version, *description))
            .collect(),
    })
}

/// The versions that this binary knows and the database lacks.
pub async fn missing(store: &Store) -> Result<Vec<i64>> {
    missing_on(&mut *store.pool().acquire().await?).await
}

/// The same, on a connection that the caller has.
pub async fn missing_on(connection: &mut sqlx::PgConnection) -> Result<Vec<i64>> {
    let applied = applied(connection).await?;
    Ok(MIGRATIONS.iter().map(|(version, ..)| *version).filter(|version| !applied.contains(version)).collect())
}

async fn applied(connection: &mut sqlx::PgConnection) -> Result<Vec<i64>> {
    connection.ping().await?;
    let exists: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar("select version from _sqlx_migrations where success order by version")
        .persistent(false)
        .fetch_all(connection)
        .await?)
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, description, sql)| {
        let without_transaction = sql.starts_with("-- no-transaction");
        Migration::new(
            *version,
            Cow::Borrowed(*description),
            MigrationType::Simple,
            AssertSqlSafe(*sql).into_sql_str(),
            without_transaction,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
