//! Connections and transactions, under names of ours, for those who hold one across several calls.

use std::ops::{Deref, DerefMut};

use sqlx::{
    ConnectOptions as _, Connection as _, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgListener},
};

use super::{Result, Store};

/// A connection.
pub use sqlx::PgConnection as Connection;

/// A transaction; what it did is undone when it is dropped.
pub type Transaction<'connection> = sqlx::Transaction<'connection, Postgres>;

/// Begins a transaction. On a [`Dedicated`] one of its own method makes the settings that it needs behind a pooler.
pub async fn begin(connection: &mut Connection) -> Result<Transaction<'_>> {
    Ok(connection.begin().await?)
}

/// Ends a transaction well: what it did is durable.
pub async fn commit(transaction: Transaction<'_>) -> Result<()> {
    Ok(transaction.commit().await?)
}

/// What a connection of its own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// What must be kept.
    Work,
    /// What may be lost.
    Hints,
}

/// How a transaction begins where a connection keeps no settings: those of `session/plan_by_key.sql`, for it alone.
const BEGIN_WORK: &str = "begin; set local enable_seqscan = off; set local enable_hashjoin = off; \
     set local enable_mergejoin = off; set local enable_bitmapscan = off; set local jit = off";

/// The same, with those of `hints/no_flush.sql`.
const BEGIN_HINTS: &str = "begin; set local enable_seqscan = off; set local enable_hashjoin = off; \
     set local enable_mergejoin = off; set local enable_bitmapscan = off; set local jit = off; \
     set local synchronous_commit = off; set local idle_in_transaction_session_timeout = '10s'";

/// A connection that belongs to one part of the engine.
///
/// Behind a pooler in transaction mode it is one to the pooler only: its settings are made anew in each transaction,
/// and there must be one around every statement.
#[derive(Debug)]
pub struct Dedicated {
    connection: Connection,
    is_pooled: bool,
    duty: Duty,
}

impl Dedicated {
    pub(super) async fn open(options: &PgConnectOptions, is_pooled: bool, duty: Duty) -> Result<Self> {
        let mut connection = options.connect().await?;
        if !is_pooled {
            super::sql!("session/plan_by_key").execute(&mut connection).await?;
            if duty == Duty::Hints {
                super::sql!("hints/no_flush").execute(&mut connection).await?;
            }
        }
        Ok(Self { connection, is_pooled, duty })
    }

    /// Whether every statement needs a transaction around it.
    pub const fn needs_transactions(&self) -> bool {
        self.is_pooled
    }

    /// Begins a transaction.
    pub async fn begin(&mut self) -> Result<Transaction<'_>> {
        Ok(match (self.is_pooled, self.duty) {
            (false, _) => self.connection.begin().await?,
            (true, Duty::Work) => self.connection.begin_with(BEGIN_WORK).await?,
            (true, Duty::Hints) => self.connection.begin_with(BEGIN_HINTS).await?,
        })
    }

    /// For a few statements that stand alone, with [`ReadConnection::end`] after them.
    pub async fn read(&mut self) -> Result<ReadConnection<'_>> {
        Ok(if self.is_pooled {
            ReadConnection::Transaction(self.begin().await?)
        } else {
            ReadConnection::Own(&mut self.connection)
        })
    }

    /// Carries out what a transaction that was dropped has left to do: its locks are held until then.
    pub async fn settle(&mut self) -> Result<()> {
        Ok(self.connection.ping().await?)
    }
}

/// The connection itself, where a transaction is begun on it or nothing stands between.
impl Deref for Dedicated {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Dedicated {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// A connection for statements that stand alone. Behind a pooler in transaction mode it is a transaction, which is
/// undone unless it is ended.
#[derive(Debug)]
pub enum ReadConnection<'connection> {
    /// Of the pool.
    Pooled(PoolConnection<Postgres>),
    /// Somebody's own.
    Own(&'connection mut Connection),
    /// A transaction around what is done.
    Transaction(Transaction<'connection>),
}

impl ReadConnection<'_> {
    /// Makes what was done durable.
    pub async fn end(self) -> Result<()> {
        match self {
            Self::Transaction(transaction) => commit(transaction).await,
            Self::Pooled(_) | Self::Own(_) => Ok(()),
        }
    }
}

impl Deref for ReadConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Own(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for ReadConnection<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Own(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// Hears what is notified on a channel.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Listens on a channel, on a direct connection of its own.
    pub async fn open(store: &Store, channel: &str) -> Result<Self> {
        let mut listener = PgListener::connect_with(store.listening_pool()).await?;
        listener.listen(channel).await?;
        Ok(Self(listener))
    }

    /// The next payload. After a loss of the connection it goes on listening; what was said meanwhile is lost.
    pub async fn next(&mut self) -> Result<String> {
        Ok(self.0.recv().await?.payload().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN_HINTS, BEGIN_WORK};

    #[test]
    fn a_transaction_has_the_settings_that_a_session_has_elsewhere() {
        let session = include_str!("sql/session/plan_by_key.sql");
        let hints = include_str!("sql/hints/no_flush.sql");
        let settings =
            |text: &'static str| text.split("set_config('").skip(1).filter_map(|rest| rest.split('\'').next());
        // There are no plans to keep where statements have no names.
        for setting in settings(session).filter(|setting| *setting != "plan_cache_mode") {
            assert!(BEGIN_WORK.contains(&format!("set local {setting} = off")), "{setting}");
        }
        for setting in settings(hints) {
            assert!(BEGIN_HINTS.contains(&format!("set local {setting} = ")), "{setting}");
        }
        assert!(BEGIN_HINTS.starts_with(BEGIN_WORK));
    }
}
