//! What `tasker doctor` asks the database.

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row};

use super::{Result, databases};

/// The state of the database's server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// Such as 150018.
    pub version_number: i32,
    /// Whether it only follows another one.
    pub standby: bool,
    /// Whether commits reach the disk.
    pub fsync: bool,
    /// Whether a torn page can be fixed.
    pub full_page_writes: bool,
    /// Whether a commit is durable before it is answered.
    pub synchronous_commit: bool,
    /// Whether dead rows are cleaned away.
    pub autovacuum: bool,
    /// Connections that clients can have.
    pub connections_max: i32,
    /// Connections that clients have.
    pub connections_used: i32,
    /// Its clock, in microseconds since 1970.
    pub now_micros: i64,
}

/// Somebody who keeps dead rows from being cleaned away.
#[derive(Debug, Clone)]
pub struct OldSnapshot {
    /// Who.
    pub holder: String,
    /// For how long; 0 when unknown.
    pub seconds: i64,
}

/// Which database it is. Copies of a cluster have the same origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    origin: i64,
    name: String,
}

/// Asks a database for its state and identity, on a connection for that alone.
pub async fn ask(address: &databases::Address) -> Result<(Settings, Identity)> {
    // Behind a pooler, too: one that stays in the transaction, and start-up parameters that everybody knows.
    let mut connection = address.clone().extra_float_digits(None).connect().await?;
    let mut transaction = connection.begin().await?;
    let state = settings(&mut transaction).await?;
    let row = super::sql!("doctor/identity").persistent(false).fetch_one(&mut *transaction).await?;
    let identity = Identity { origin: row.try_get("origin")?, name: row.try_get("name")? };
    transaction.commit().await?;
    connection.close().await?;
    Ok((state, identity))
}

/// Reads the server's state.
pub async fn settings(connection: &mut PgConnection) -> Result<Settings> {
    let row = super::sql!("doctor/settings").persistent(false).fetch_one(connection).await?;
    Ok(Settings {
        version: row.try_get("version")?,
        version_number: row.try_get("version_number")?,
        standby: row.try_get("standby")?,
        fsync: row.try_get("fsync")?,
        full_page_writes: row.try_get("full_page_writes")?,
        synchronous_commit: row.try_get("synchronous_commit")?,
        autovacuum: row.try_get("autovacuum")?,
        connections_max: row.try_get("connections_max")?,
        connections_used: row.try_get("connections_used")?,
        now_micros: row.try_get("now_micros")?,
    })
}

/// Lists who holds a snapshot for longer than this many seconds, the longest first, ten at most.
pub async fn old_snapshots(connection: &mut PgConnection, seconds: i32) -> Result<Vec<OldSnapshot>> {
    let rows = super::sql!("doctor/old_snapshots").bind(seconds).fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok(OldSnapshot { holder: row.try_get("holder")?, seconds: row.try_get("seconds")? }))
        .collect()
}
