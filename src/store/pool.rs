//! Connections.

use std::time::Duration;

use sqlx::{
    ConnectOptions, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Result, Transaction};

/// The way to the database: a pool for reads and rare writes, and single connections for the writer's lanes.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    options: PgConnectOptions,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections in the pool at most.
    pub connections_max: u32,
    /// How long to wait for a connection of the pool.
    pub acquire_timeout: Duration,
    /// Whether a pooler in transaction mode stands between.
    pub is_pooled: bool,
    /// The name that Postgres shows for these connections.
    pub application_name: String,
}

/// How a pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Connections that it has.
    pub connections: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// Connections that it may have.
    pub connections_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: 8,
            acquire_timeout: Duration::from_secs(5),
            is_pooled: false,
            application_name: "tasker".to_owned(),
        }
    }
}

impl Store {
    /// Makes the pool; connections are opened when they are needed.
    pub fn new(options: PgConnectOptions, settings: &Settings) -> Self {
        let options =
            options.application_name(&settings.application_name).log_statements(tracing::log::LevelFilter::Off);
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections_max)
            .acquire_timeout(settings.acquire_timeout)
            .connect_lazy_with(options.clone());
        Self { pool, options }
    }

    /// The pool.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Opens a connection of its own, for a writer lane or the dispatcher.
    ///
    /// Their statements join a few keys to large tables and their plans are kept for the connection's life, so
    /// plans that read whole tables are switched off: a plan made while a table was small would stay.
    pub async fn dedicated(&self) -> Result<PgConnection> {
        let mut connection = self.options.connect().await?;
        super::sql!("session/plan_by_key").execute(&mut connection).await?;
        Ok(connection)
    }

    /// Opens a connection of its own that plans as the database sees fit, for those who watch the database.
    pub async fn single(&self) -> Result<PgConnection> {
        Ok(self.options.connect().await?)
    }

    /// How the pool is used now.
    pub fn usage(&self) -> Usage {
        let connections = usize::try_from(self.pool.size()).unwrap_or(usize::MAX);
        let connections_max = usize::try_from(self.pool.options().get_max_connections()).unwrap_or(usize::MAX);
        Usage { connections, idle: self.pool.num_idle(), connections_max }
    }

    /// A transaction on a connection of the pool.
    pub async fn begin(&self) -> Result<Transaction<'static>> {
        self.begin_with("begin").await
    }

    /// A transaction that reads everything as it is at one moment, and writes nothing.
    pub async fn moment(&self) -> Result<Transaction<'static>> {
        self.begin_with("begin isolation level repeatable read, read only").await
    }

    /// A beginning that is given up half-way, by a caller that goes away, would bring a connection back to the pool
    /// inside a transaction that nobody knows of. So it goes to its end in a task of its own, and is undone there.
    async fn begin_with(&self, statement: &'static str) -> Result<Transaction<'static>> {
        let pool = self.pool.clone();
        match tokio::spawn(async move { pool.begin_with(statement).await }).await {
            Ok(begun) => Ok(begun?),
            Err(_) => Err(super::Error::Away(sqlx::Error::WorkerCrashed)),
        }
    }

    /// How to connect, for listeners and tools.
    pub const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Closes the pool and waits for its connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
