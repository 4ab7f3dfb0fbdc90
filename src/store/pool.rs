//! Connections.

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    Dedicated, Result, Transaction,
    connection::Duty,
    executor::{self, Pool},
    replica::Replica,
};

/// How long a connection that nobody uses is believed to lead to the database.
const BELIEVED: Duration = Duration::from_secs(1);

/// The way to the database: a pool for reads and rare writes, and single connections for the writer's lanes.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    options: PgConnectOptions,
    is_pooled: bool,
    direct: Direct,
    replica: Option<Replica>,
}

/// The way past a pooler, for what must keep its connection: LISTEN and migrations.
#[derive(Debug, Clone)]
struct Direct {
    options: PgConnectOptions,
    pool: PgPool,
    /// Whether it is known to be direct.
    is_direct: bool,
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
        let options = connect_options(options, settings);
        let inner = PgPoolOptions::new()
            .max_connections(settings.connections_max)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, known| Box::pin(is_usable(connection, known.idle_for)))
            .connect_lazy_with(options.clone());
        if settings.is_pooled {
            executor::give_no_names();
        }
        let direct = Direct { options: options.clone(), pool: inner.clone(), is_direct: !settings.is_pooled };
        let pool = Pool::new(inner, settings.is_pooled);
        Self { pool, options, is_pooled: settings.is_pooled, direct, replica: None }
    }

    /// The same with a direct way to the same database.
    #[must_use]
    pub fn with_direct(mut self, options: PgConnectOptions, settings: &Settings) -> Self {
        let options = connect_options(options, settings);
        // One that listens, and the next one while that is being given up.
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(settings.acquire_timeout)
            .connect_lazy_with(options.clone());
        self.direct = Direct { options, pool, is_direct: true };
        self
    }

    /// The same with a streaming replica that answers lists and analytics while it is not older than this.
    #[must_use]
    pub fn with_replica(mut self, options: PgConnectOptions, settings: &Settings, lag_max: Duration) -> Self {
        self.replica = Some(Replica::new(Self::new(options, settings), lag_max));
        self
    }

    /// The pool.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The replica, if there is one.
    pub const fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    /// Opens a connection of its own, for a writer lane or the dispatcher.
    ///
    /// Their statements join a few keys to large tables and their plans are kept for the connection's life, so
    /// plans that read whole tables are switched off: a plan made while a table was small would stay.
    pub async fn dedicated(&self) -> Result<Dedicated> {
        Dedicated::open(&self.options, self.is_pooled, Duty::Work).await
    }

    /// The same for what may be lost: commits do not wait for the disk, and a transaction that waits for long gives up
    /// what it holds, so that nobody waits for the one who waits.
    pub async fn dedicated_to_hints(&self) -> Result<Dedicated> {
        Dedicated::open(&self.options, self.is_pooled, Duty::Hints).await
    }

    /// Opens a connection of its own that plans as the database sees fit, for those who watch the database.
    pub async fn single(&self) -> Result<PgConnection> {
        Ok(self.options.connect().await?)
    }

    /// How the pool is used now.
    pub fn usage(&self) -> Usage {
        let connections = usize::try_from(self.pool.size()).unwrap_or(usize::MAX);
        let connections_max = usize::try_from(self.pool.size_max()).unwrap_or(usize::MAX);
        Usage { connections, idle: self.pool.num_idle(), connections_max }
    }

    /// A transaction on a connection of the pool.
    pub async fn begin(&self) -> Result<Transaction<'static>> {
        Ok(executor::begin(self.pool.inner(), "begin").await?)
    }

    /// A transaction that reads everything as it is at one moment, and writes nothing.
    pub async fn moment(&self) -> Result<Transaction<'static>> {
        Ok(executor::begin(self.pool.inner(), "begin isolation level repeatable read, read only").await?)
    }

    /// Whether the configuration says that a pooler in transaction mode stands between.
    pub const fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// How to connect, for tools.
    pub const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// How to connect past a pooler; `None` when no such way is known.
    pub fn direct_options(&self) -> Option<&PgConnectOptions> {
        self.direct.is_direct.then_some(&self.direct.options)
    }

    pub(super) const fn listening_pool(&self) -> &PgPool {
        &self.direct.pool
    }

    /// Closes the pools and waits for their connections.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.pool().inner().close().await;
        }
        self.direct.pool.close().await;
        self.pool.inner().close().await;
    }
}

/// Whether an idle connection still leads to the database. One that was used just now is believed to: to ask would be
/// another round trip before every statement, and it may break while the statement runs just as well.
async fn is_usable(connection: &mut PgConnection, idle_for: Duration) -> sqlx::Result<bool> {
    if idle_for > BELIEVED {
        connection.ping().await?;
    }
    Ok(true)
}

fn connect_options(options: PgConnectOptions, settings: &Settings) -> PgConnectOptions {
    let options = options.application_name(&settings.application_name).log_statements(tracing::log::LevelFilter::Off);
    if settings.is_pooled {
        // A pooler refuses start-up parameters that it does not know, and keeps no statement for us.
        return options.extra_float_digits(None).statement_cache_capacity(0);
    }
    options
}
