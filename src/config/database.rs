//! How Postgres is reached.
//!
//! A role names an entry of `[databases]`. The store is described by `[database]` itself when it names none; else the
//! named entry takes its place there, so that everybody finds the store in one place.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{Secret, check::Check, values::millis};
use crate::store::{databases, pool};

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
    /// What stands between us and Postgres.
    pub pooler: Pooler,
    /// Which of the named databases keeps the tasks; empty for this one.
    pub store: String,
    /// Which one answers lists and analytics; empty for the store.
    pub reads: String,
    /// How old an answer from it may be.
    #[serde(rename = "reads_lag_max_ms", deserialize_with = "millis")]
    pub reads_lag_max: Duration,
    /// Which one is the direct way to the store; empty for the store's own.
    pub listen: String,
}

/// An entry of `databases`.
#[derive(Debug, Clone, Deserialize)]
pub struct NamedDatabase {
    /// The address with its credentials.
    pub url: Secret,
    /// Connections at most.
    pub pool_connections_max: u32,
    /// How long a call waits for a connection.
    #[serde(rename = "acquire_timeout_ms", deserialize_with = "millis")]
    pub acquire_timeout: Duration,
    /// What stands between us and Postgres.
    pub pooler: Pooler,
}

/// What stands between us and Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooler {
    /// Nothing, or something that gives each connection one of the server's.
    None,
    /// PgBouncer in transaction mode, or its like: the server's connection changes between transactions.
    Transaction,
}

/// The databases by name.
pub type Databases = BTreeMap<String, NamedDatabase>;

impl Database {
    /// What the store needs to know.
    pub fn pool_settings(&self) -> pool::Settings {
        pool::Settings {
            connections_max: self.pool_connections_max,
            acquire_timeout: self.acquire_timeout,
            is_pooled: self.pooler == Pooler::Transaction,
            ..pool::Settings::default()
        }
    }

    /// Puts the named store in its place.
    pub(super) fn resolve(&mut self, databases: &Databases) {
        if let Some(store) = databases.get(&self.store) {
            self.url.clone_from(&store.url);
            self.pool_connections_max = store.pool_connections_max;
            self.acquire_timeout = store.acquire_timeout;
            self.pooler = store.pooler;
        }
    }

    pub(super) fn validate(&self, databases: &Databases, hints: bool, check: &mut Check) {
        address("database.url", &self.url, check);
        check.range("database.pool_connections_max", self.pool_connections_max, 1..=1_000);
        check.millis("database.acquire_timeout_ms", self.acquire_timeout, 10..=60_000);
        check.millis("database.reads_lag_max_ms", self.reads_lag_max, 10..=3_600_000);
        for (name, database) in databases {
            database.validate(&format!("databases.{name}"), check);
        }
        for (key, name) in
            [("database.store", &self.store), ("database.reads", &self.reads), ("database.listen", &self.listen)]
        {
            defined(key, name, databases, check);
        }
        check.demand(
            "database.store",
            self.store.is_empty() || self.url.is_empty(),
            "names the store, and so does database.url",
            "give one of the two; DATABASE_URL stands for database.url",
        );
        let store = databases.get(&self.store).map_or(self.pooler, |store| store.pooler);
        let listen = databases.get(&self.listen);
        check.demand(
            "database.listen",
            store == Pooler::None || !hints || !self.listen.is_empty(),
            "must name a direct way to the store: behind a pooler in transaction mode LISTEN hears nothing",
            "define it under [databases] and name it here, or set dispatch.hints = false",
        );
        check.demand(
            "database.listen",
            listen.is_none_or(|listen| listen.pooler == Pooler::None),
            "must be a direct way, and this one has a pooler in transaction mode",
            "give it Postgres' own address and pooler = \"none\"",
        );
        check.demand(
            "database.reads",
            self.reads.is_empty() || self.reads != self.store,
            "is the store itself",
            "leave it empty, or name a replica",
        );
    }
}

impl NamedDatabase {
    /// What a pool of it needs to know.
    pub fn pool_settings(&self) -> pool::Settings {
        pool::Settings {
            connections_max: self.pool_connections_max,
            acquire_timeout: self.acquire_timeout,
            is_pooled: self.pooler == Pooler::Transaction,
            ..pool::Settings::default()
        }
    }

    fn validate(&self, key: &str, check: &mut Check) {
        let url = format!("{key}.url");
        check.demand(&url, !self.url.is_empty(), "must be given", "write postgres://user:password@host:port/name");
        address(&url, &self.url, check);
        check.range(&format!("{key}.pool_connections_max"), self.pool_connections_max, 1..=1_000);
        check.millis(&format!("{key}.acquire_timeout_ms"), self.acquire_timeout, 10..=60_000);
    }
}

fn address(key: &str, url: &Secret, check: &mut Check) {
    let url = url.expose();
    if url.is_empty() {
        return;
    }
    let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let fix = "write postgres://user:password@host:port/name";
    check.demand(key, known, "must begin with postgres:// or postgresql://", fix);
    if known && let Err(problem) = databases::address(url) {
        check.add(key, "", format!("is no address: {problem}"), fix, "");
    }
}

fn defined(key: &str, name: &str, databases: &Databases, check: &mut Check) {
    if name.is_empty() || databases.contains_key(name) {
        return;
    }
    let there: Vec<&str> = databases.keys().map(String::as_str).collect();
    let there = if there.is_empty() { "none is".to_owned() } else { format!("there is {}", there.join(", ")) };
    let problem = format!("names a database that is not defined under [databases]; {there}");
    check.add(key, "", problem, format!("write [databases.{name}] with its url, or correct the name"), "");
}
