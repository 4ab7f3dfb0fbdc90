//! What every integration test stands on.
//!
//! Owns: one private Postgres for the process, a migrated template, a clone of it for each test, and waiting
//! with a deadline. Everything is gone when the process ends, however it ends.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use tasker::{
    app::{App, Schema},
    auth::{Gate, Scope},
    config::{Config, Sources},
    store::{Store, pool},
};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

mod postgres;
mod redis;

pub use redis::Redis;

/// How long anything may take. Generous, because it is reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A database of the test's own.
#[derive(Debug)]
pub struct Database {
    /// How to connect.
    pub options: PgConnectOptions,
    /// A store on it.
    pub store: Store,
    name: String,
}

impl Database {
    /// Its address, for processes.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/{}?host={}", self.name, self.options.get_host())
    }
}

/// The scope of everything, for parts that are used without a listener.
pub fn everything() -> Scope {
    Scope::of_everything(&Gate::open()).expect("the gate is open")
}

/// A migrated database, dropped with the value.
pub async fn database() -> Database {
    on(postgres::clone(postgres::TEMPLATE).await)
}

/// A database with nothing in it, dropped with the value.
pub async fn empty_database() -> Database {
    on(postgres::clone("template0").await)
}

fn on((name, options): (String, PgConnectOptions)) -> Database {
    let store = Store::new(options.clone(), &pool::Settings::default());
    Database { options, store, name }
}

impl Drop for Database {
    fn drop(&mut self) {
        postgres::forget(std::mem::take(&mut self.name));
    }
}

/// Waits until the condition holds; fails the test, naming it, when it does not in time.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    found(what, async || condition().await.then_some(())).await;
}

/// Waits until there is something; fails the test, naming it, when there is nothing in time.
pub async fn found<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Awaits something that must come in time; fails the test, naming it, when it does not.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {PATIENCE:?}: {what}"),
    }
}

/// A server of the test's own on the database, with the defaults and a free port.
pub async fn serve(database: &Database) -> App {
    serve_with(database, &[]).await
}

/// A server of the test's own with some keys of the configuration set.
pub async fn serve_with(database: &Database, keys: &[(&str, &str)]) -> App {
    let config = config(keys);
    let store = Store::new(database.options.clone(), &config.database.pool_settings());
    App::start(&config, store, Schema::Migrate).await.unwrap()
}

/// The defaults, a free port, and some keys set.
pub fn config(keys: &[(&str, &str)]) -> Config {
    let sources = Sources {
        flags: [("server.listen", "127.0.0.1:0"), ("http.listen", "")]
            .iter()
            .chain(keys)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Sources::default()
    };
    Config::load(&sources).unwrap()
}

/// Whether a server says that it serves. One that is gone does not.
pub async fn serving(channel: &Channel) -> bool {
    let answer = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

/// A connection to a server.
pub async fn connect(app: &App) -> Channel {
    Channel::from_shared(app.endpoint().to_owned()).unwrap().connect().await.unwrap()
}

/// A handler; empty for the defaults.
pub fn handler_ref(namespace: &str, name: &str, version: &str) -> Option<tasker_sdk::proto::tasker::v1::HandlerRef> {
    Some(tasker_sdk::proto::tasker::v1::HandlerRef {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}
