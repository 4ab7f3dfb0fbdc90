//! How Postgres is reached.

use std::time::Duration;

use serde::Deserialize;

use super::{Secret, check::Check, values::millis};
use crate::store::pool;

/// The section `database`.
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    /// The address with its credentials; empty when there is none.
    pub url: Secret,
    /// Connections for reads and rare writes.
    pub pool_connections_max: u32,
    /// How long a call waits for a connection.
    #[serde(rename = "acquire_timeout_ms", deserialize_with = "millis")]
    pub acquire_timeout: Duration,
}

impl Database {
    /// What the store needs to know.
    pub fn pool_settings(&self) -> pool::Settings {
        pool::Settings {
            connections_max: self.pool_connections_max,
            acquire_timeout: self.acquire_timeout,
            ..pool::Settings::default()
        }
    }

    pub(super) fn validate(&self, check: &mut Check) {
        check.range("database.pool_connections_max", self.pool_connections_max, 1..=1_000);
        check.millis("database.acquire_timeout_ms", self.acquire_timeout, 10..=60_000);
        let url = self.url.expose();
        let known = url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://");
        check.rule("database.url", known, || "must begin with postgres:// or postgresql://".to_owned());
    }
}
