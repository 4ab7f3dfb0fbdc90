//! Connections and transactions, under names of ours, for those who hold one across several calls.

use sqlx::{Acquire, Postgres, postgres::PgListener};

use super::{Result, Store};

/// A connection.
pub use sqlx::PgConnection as Connection;

/// A transaction; what it did is undone when it is dropped.
pub type Transaction<'connection> = sqlx::Transaction<'connection, Postgres>;

/// Begins a transaction.
pub async fn begin(connection: &mut Connection) -> Result<Transaction<'_>> {
    Ok(connection.begin().await?)
}

/// Ends a transaction well: what it did is durable.
pub async fn commit(transaction: Transaction<'_>) -> Result<()> {
    Ok(transaction.commit().await?)
}

/// Hears what is notified on a channel.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Listens on a channel, on a connection of its own.
    pub async fn open(store: &Store, channel: &str) -> Result<Self> {
        let mut listener = PgListener::connect_with(store.pool()).await?;
        listener.listen(channel).await?;
        Ok(Self(listener))
    }

    /// The next payload. After a loss of the connection it goes on listening; what was said meanwhile is lost.
    pub async fn next(&mut self) -> Result<String> {
        Ok(self.0.recv().await?.payload().to_owned())
    }
}
