//! Whole databases: for the private Postgres and for tests. Names are ours, never a caller's.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgSslMode};

use super::Result;

/// How to connect to a database.
pub use sqlx::postgres::PgConnectOptions as Address;

/// The address of a server on this machine, by the directory of its socket.
pub fn socket(directory: &std::path::Path, port: u16, user: &str) -> Address {
    Address::new_without_pgpass()
        .host(&directory.display().to_string())
        .port(port)
        .username(user)
        .ssl_mode(PgSslMode::Disable)
}

/// Reads the address of a database.
pub fn address(url: &str) -> std::result::Result<Address, String> {
    url.parse().map_err(|error: sqlx::Error| match error {
        sqlx::Error::Configuration(cause) => cause.to_string(),
        other => other.to_string(),
    })
}

/// Whether what is said to the database stays on this machine or is always encrypted.
pub fn is_safe(address: &Address) -> bool {
    let host = address.get_host();
    let is_local = address.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_local || matches!(address.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull)
}

/// Creates the database unless it exists. `options` lead to another database of the same server.
pub async fn ensure(options: &Address, name: &str) -> Result<()> {
    let mut connection = options.connect().await?;
    let exists = super::sql!("databases/find").bind(name).fetch_optional(&mut connection).await?.is_some();
    if !exists {
        create(&mut connection, name, "template0").await?;
    }
    connection.close().await?;
    Ok(())
}

/// Creates a database as a copy of another one, to which nobody may be connected.
pub async fn create(connection: &mut PgConnection, name: &str, template: &str) -> Result<()> {
    let statement = format!("create database {} template {}", quoted(name), quoted(template));
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// Drops a database and the connections to it.
pub async fn drop(connection: &mut PgConnection, name: &str) -> Result<()> {
    let statement = format!("drop database if exists {} with (force)", quoted(name));
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The version that the server says it is.
pub async fn version(store: &super::Store) -> Result<String> {
    Ok(super::sql!("databases/version").fetch_one(store.pool()).await?.try_get(0)?)
}
