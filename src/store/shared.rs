//! What servers share beside the database: a memory in Redis that nobody depends on.
//!
//! Owns: one connection, made when it is needed, and a pause after every failure, so that a Redis that is unavailable or slow
//! costs one short wait every few seconds and nothing else. What is read from it is a guess that the reader checks.
//! Never: an error; there is a value or there is none.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};

/// Larger values are not shared: they take longer to bring than to make.
const VALUE_BYTES_MAX: usize = 8 << 20;

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis://…` or `redis+unix://…`.
    pub url: String,
    /// How long a value is kept.
    pub ttl: Duration,
    /// How long connecting, and one answer, may take.
    pub timeout: Duration,
    /// How long Redis is left alone after a failure.
    pub pause: Duration,
}

/// The shared memory. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    settings: Settings,
    connection: tokio::sync::Mutex<Option<Connected>>,
    paused_until: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Connected(MultiplexedConnection);

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connected")
    }
}

/// What became of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// There is a value.
    Found(Vec<u8>),
    /// There is none.
    Nothing,
    /// Redis did not answer, or is left alone for now.
    Unavailable,
}

impl Shared {
    /// A shared memory at an address; says what is wrong with the address. Connects later.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let client = Client::open(settings.url.as_str()).map_err(|error| error.to_string())?;
        let inner =
            Inner { client, settings, connection: tokio::sync::Mutex::default(), paused_until: Mutex::default() };
        Ok(Self(Arc::new(inner)))
    }

    /// Looks for a value.
    pub async fn get(&self, key: &str) -> Lookup {
        let mut command = redis::cmd("GET");
        command.arg(key);
        match self.ask::<Option<Vec<u8>>>(&command).await {
            Some(Some(value)) => Lookup::Found(value),
            Some(None) => Lookup::Nothing,
            None => Lookup::Unavailable,
        }
    }

    /// Keeps a value for some time; false when it was not kept.
    pub async fn put(&self, key: &str, value: &[u8]) -> bool {
        if value.len() > VALUE_BYTES_MAX {
            return false;
        }
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value).arg("EX").arg(self.0.settings.ttl.as_secs().max(1));
        self.ask::<()>(&command).await.is_some()
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        if self.is_paused() {
            return None;
        }
        // Whatever the driver's own timeouts cover, this covers all of it.
        let answered = async {
            let Connected(mut connection) = self.connected().await?;
            command.query_async::<T>(&mut connection).await
        };
        match tokio::time::timeout(self.0.settings.timeout * 2, answered).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => self.fail(&error.to_string()).await,
            Err(_) => self.fail("no answer in time").await,
        }
    }

    async fn connected(&self) -> RedisResult<Connected> {
        let mut connection = self.0.connection.lock().await;
        if let Some(connected) = &*connection {
            return Ok(connected.clone());
        }
        let timeout = Some(self.0.settings.timeout);
        let config = AsyncConnectionConfig::new().set_connection_timeout(timeout).set_response_timeout(timeout);
        let made = Connected(self.0.client.get_multiplexed_async_connection_with_config(&config).await?);
        tracing::info!("the shared cache answers");
        Ok(connection.insert(made).clone())
    }

    /// Leaves Redis alone for a while and forgets the connection.
    async fn fail<T>(&self, why: &str) -> Option<T> {
        let pause = self.0.settings.pause;
        if !self.is_paused() {
            tracing::warn!(why, ?pause, "the shared cache is unavailable; going on without it");
        }
        *self.0.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + pause);
        *self.0.connection.lock().await = None;
        None
    }

    fn is_paused(&self) -> bool {
        let until = *self.0.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}
