//! Puts the parts together and takes them apart again.
//!
//! Owns: the order. Up: the listener answers health probes, the schema is brought up to date, the services open.
//! Down: health says so, workers are drained, open calls end, the store closes, all within the grace.

use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Config},
    store::{Store, databases, migrate},
    transport::{
        Bound,
        server::{self, Health},
    },
};

/// The store on the configured database.
pub fn store(settings: &config::Database) -> anyhow::Result<Store> {
    if settings.url.is_empty() {
        bail!(
            "no database is configured\n  give one with --database-url or DATABASE_URL, or try `tasker dev`, which \
             brings its own"
        );
    }
    let options = databases::address(settings.url.expose()).map_err(|problem| anyhow!("database.url: {problem}"))?;
    Ok(Store::new(options, &settings.pool_settings()))
}

/// What to do about a schema that is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Bring it up to date.
    Migrate,
    /// Refuse to start.
    Require,
}

/// A running server.
#[derive(Debug)]
pub struct App {
    endpoint: String,
    settings: config::Server,
    health: Health,
    store: Store,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl App {
    /// Starts everything. When it returns, calls are served.
    pub async fn start(config: &Config, store: Store, schema: Schema) -> anyhow::Result<Self> {
        let bound = Bound::bind(&config.server.listen).await?;
        let endpoint = bound.endpoint();
        let health = Health::begin().await;
        let services = health.services();
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let (settings, services, stop) = (config.server.clone(), services.clone(), stop.clone());
            async move { server::serve(&settings, bound, services, stop.cancelled_owned()).await }
        });
        let app = Self { endpoint, settings: config.server.clone(), health, store, stop, serving };
        if let Err(error) = app.prepare(schema).await {
            app.stop().await;
            return Err(error);
        }
        services.open(app.health.routes().routes());
        app.health.serving().await;
        tracing::info!(endpoint = app.endpoint, version = env!("CARGO_PKG_VERSION"), "serving");
        Ok(app)
    }

    async fn prepare(&self, schema: Schema) -> anyhow::Result<()> {
        let missing = migrate::missing(&self.store).await.context("cannot read the schema's state")?;
        match schema {
            _ if missing.is_empty() => {}
            Schema::Require => bail!(
                "the database lacks {} migration(s), the first is {}\n  run: tasker migrate",
                missing.len(),
                missing[0]
            ),
            Schema::Migrate => {
                let report = migrate::run(&self.store).await.context("the migrations did not all run")?;
                for (version, description) in report.applied {
                    tracing::info!(version, description, "migrated");
                }
            }
        }
        Ok(())
    }

    /// How clients name it: `http://address:port` or `unix:/path`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the server ends without being asked to, and says why.
    pub async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.serving).await {
            Ok(Ok(())) => anyhow!("the listener closed"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the listener failed"),
            Err(error) => anyhow::Error::new(error).context("the server panicked"),
        }
    }

    /// Stops everything within the grace.
    pub async fn stop(self) {
        let began = Instant::now();
        self.health.not_serving().await;
        self.stop.cancel();
        let left = self.settings.drain_grace.saturating_sub(began.elapsed());
        let abort = self.serving.abort_handle();
        if tokio::time::timeout(left, self.serving).await.is_err() {
            tracing::warn!(grace = ?self.settings.drain_grace, "open calls are cut off: the grace is over");
            abort.abort();
        }
        self.store.close().await;
        tracing::info!(took = ?began.elapsed(), "stopped");
    }
}

/// Waits for SIGTERM or SIGINT. The process ends at once on a second one.
pub async fn asked_to_stop() {
    signal().await;
    tokio::spawn(async {
        signal().await;
        tracing::warn!("stopping at once: asked a second time");
        #[expect(clippy::disallowed_methods, reason = "the one who asks twice does not want to wait")]
        std::process::exit(130);
    });
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be waited for");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be waited for");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
