//! Puts the parts together and takes them apart again.
//!
//! Owns: the order. Up: the listener answers health probes, the schema is brought up to date, the services open.
//! Down: health says so, workers are drained, open calls end, the engine stops, the store closes.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::Gate,
    config::{self, Config},
    engine::{self, Engine},
    http::Port,
    lifecycle::Templates,
    store::{Store, databases, migrate},
    supervisor::spawn_short,
    telemetry::Metrics,
    transport::{
        Bound,
        deferred_routes::DeferredRoutes,
        server::{self, Health},
        tls,
    },
};

mod gate;
mod operations;
pub mod preflight;
mod reload;
mod services;

use operations::Operations;

pub use reload::Reloader;

/// How long calls that have begun may take when the grace is over already.
const LAST_CALLS: Duration = Duration::from_millis(500);
/// How long a start waits before it looks again whether the database is there: at first, and at most.
const UNAVAILABLE_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How long the batches that have begun may take.
const LAST_BATCH: Duration = Duration::from_secs(2);

/// The store on the configured databases.
pub fn store(config: &Config) -> anyhow::Result<Store> {
    let settings = &config.database;
    if settings.url.is_empty() {
        bail!(
            "no database is configured\n  give one with --database-url or DATABASE_URL, or try `tasker dev`, which \
             brings its own"
        );
    }
    let options = databases::address(settings.url.expose()).map_err(|problem| anyhow!("database.url: {problem}"))?;
    let mut store = Store::new(options, &settings.pool_settings());
    if let Some(listen) = config.listen() {
        let options =
            databases::address(listen.url.expose()).map_err(|problem| anyhow!("database.listen: {problem}"))?;
        store = store.with_direct(options, &listen.pool_settings());
    }
    if let Some(reads) = config.reads() {
        let options = databases::address(reads.url.expose()).map_err(|problem| anyhow!("database.reads: {problem}"))?;
        store = store.with_replica(options, &reads.pool_settings(), settings.reads_lag_max);
    }
    Ok(store)
}

/// What to do about a schema that is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Bring it up to date.
    Migrate,
    /// Refuse to start.
    Require,
}

/// What to do about a database that is unavailable at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Wait for it; meanwhile the server says that it is not ready.
    Wait,
    /// Refuse to start.
    Fail,
}

/// A running server.
#[derive(Debug)]
pub struct App {
    listening: Listening,
    engine: Engine,
    access: gate::Access,
    operations: Operations,
}

/// A listener that answers at least health probes.
#[derive(Debug)]
struct Listening {
    endpoint: String,
    settings: config::Server,
    health: Health,
    store: Store,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl App {
    /// Starts everything. When it returns, calls are served. Fails at once when the database is unavailable.
    pub async fn start(config: &Config, store: Store, schema: Schema) -> anyhow::Result<Self> {
        Self::start_when(config, store, schema, Unavailable::Fail).await
    }

    /// Starts everything, with a choice of what to do while the database is unavailable.
    pub async fn start_when(
        config: &Config,
        store: Store,
        schema: Schema,
        unavailable: Unavailable,
    ) -> anyhow::Result<Self> {
        // Off the caller's stack: all parts of a server are in it.
        Box::pin(Self::start_all(config, store, schema, unavailable)).await
    }

    async fn start_all(
        config: &Config,
        store: Store,
        schema: Schema,
        unavailable: Unavailable,
    ) -> anyhow::Result<Self> {
        let metrics = config.telemetry.metrics();
        let access = gate::build(config, &store, &metrics)?;
        let gate = access.gate.clone();
        let (listening, services) = Listening::start(&config.server, gate, &metrics, store.clone()).await?;
        let port = match operations::bind(config).await {
            Ok(port) => port,
            Err(error) => {
                listening.stop(Instant::now()).await;
                return Err(error);
            }
        };
        if let Err(error) = bring_up_when(&store, schema, unavailable, port.as_ref()).await {
            listening.stop(Instant::now()).await;
            return Err(error);
        }
        let templates = Templates::new(store.clone());
        let engine = Engine::start(
            engine::Settings { metrics: metrics.clone(), ..config.engine() },
            store.clone(),
            templates.clone(),
        );
        let mut routes = listening.health.routes();
        let monitor = operations::monitor(config, &store, &engine);
        services::add(&mut routes, config, &store, &templates, &engine, &monitor);
        services.open(routes.routes());
        let (gate, health) = (access.gate.clone(), listening.health.clone());
        let operations = Operations::start(config, port, monitor, &store, &engine, gate, health).await;
        tracing::info!(endpoint = listening.endpoint, version = env!("CARGO_PKG_VERSION"), "serving");
        Ok(Self { listening, engine, access, operations })
    }

    /// How clients name it: `http://address:port`, `https://address:port` or `unix:/path`.
    pub fn endpoint(&self) -> &str {
        &self.listening.endpoint
    }

    /// Where health and metrics are answered over HTTP, if anywhere.
    pub const fn http(&self) -> Option<SocketAddr> {
        self.operations.http()
    }

    /// What is counted and measured.
    pub const fn metrics(&self) -> &Metrics {
        self.engine.metrics()
    }

    /// The engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Takes over what can change while the server runs: roles and policies, waits between attempts, the age of lists,
    /// the time for a stop.
    ///
    /// Fails with everything that is wrong, and then nothing has changed.
    pub fn reload(&mut self, config: &Config) -> Result<(), Vec<String>> {
        self.access.reload(config)?;
        self.engine.writer().set_backoff(config.backoff.clone());
        if let Some(replica) = self.listening.store.replica() {
            replica.set_lag_max(config.database.reads_lag_max);
        }
        self.listening.settings.drain_grace = config.server.drain_grace;
        Ok(())
    }

    /// Waits until the server ends without being asked to, and says why.
    pub async fn failed(&mut self) -> anyhow::Error {
        let served = tokio::select! {
            served = &mut self.listening.serving => served,
            exhausted = self.engine.supervisor().exhausted() => return anyhow!(exhausted),
        };
        match served {
            Ok(Ok(())) => anyhow!("the listener closed"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the listener failed"),
            Err(error) => anyhow::Error::new(error).context("the server panicked"),
        }
    }

    /// Stops everything: workers report what they run while the grace lasts, open calls end, begun batches are
    /// written. What does not end in time is cut off; leases see to it that no work is lost.
    pub async fn stop(self) {
        Box::pin(self.stop_all()).await;
    }

    async fn stop_all(self) {
        let began = Instant::now();
        self.operations.leave();
        self.listening.health.not_serving().await;
        let grace = self.listening.settings.drain_grace;
        if !self.engine.drain(grace).await {
            tracing::warn!(?grace, "the grace is over before all workers have reported");
        }
        let store = self.listening.store.clone();
        self.listening.stop(began).await;
        if tokio::time::timeout(LAST_BATCH, self.engine.stop()).await.is_err() {
            tracing::warn!("the writer does not end: a call that was cut off still holds it");
        }
        self.operations.stop().await;
        store.close().await;
        tracing::info!(took = ?began.elapsed(), "stopped");
    }
}

impl Listening {
    async fn start(
        settings: &config::Server,
        gate: Gate,
        metrics: &Metrics,
        store: Store,
    ) -> anyhow::Result<(Self, DeferredRoutes)> {
        let tls = tls::load(&settings.tls).map_err(|problems| anyhow!(problems.join("\n  ")))?;
        let bound = Bound::bind(&settings.listen).await?.with_tls(tls);
        let endpoint = bound.endpoint();
        let health = Health::begin().await;
        let services = health.services();
        let stop = CancellationToken::new();
        #[expect(clippy::disallowed_methods, reason = "a listener cannot be started again; its end ends the process")]
        let serving = tokio::spawn({
            let (settings, metrics) = (settings.clone(), metrics.clone());
            let (services, stop) = (services.clone(), stop.clone());
            async move { server::serve(&settings, bound, gate, &metrics, services, stop).await }
        });
        Ok((Self { endpoint, settings: settings.clone(), health, store, stop, serving }, services))
    }

    /// Ends the open answers and waits for the calls that are under way, until the grace since `began` is over,
    /// but for a moment in any case.
    async fn stop(self, began: Instant) {
        self.stop.cancel();
        let left = self.settings.drain_grace.saturating_sub(began.elapsed()).max(LAST_CALLS);
        let abort = self.serving.abort_handle();
        if tokio::time::timeout(left, self.serving).await.is_err() {
            tracing::warn!("calls that are still open are cut off");
            abort.abort();
        }
    }
}

/// Brings the schema up, as soon as the database is there if it may take its time.
async fn bring_up_when(
    store: &Store,
    schema: Schema,
    unavailable: Unavailable,
    port: Option<&Port>,
) -> anyhow::Result<()> {
    let mut waiting = None;
    let mut pause = UNAVAILABLE_PAUSE.0;
    loop {
        let error = match bring_up(store, schema).await {
            Err(error) if unavailable == Unavailable::Wait && is_unavailable(&error) => error,
            done => return done,
        };
        tracing::warn!(error = format!("{error:#}"), ?pause, "the database is unavailable: waiting for it, not ready");
        if waiting.is_none()
            && let Some(port) = port.cloned()
        {
            let stop = CancellationToken::new();
            spawn_short("health while waiting", port.serve_waiting(stop.clone()));
            waiting = Some(stop.drop_guard());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(UNAVAILABLE_PAUSE.1);
    }
}

fn is_unavailable(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<crate::store::Error>(), Some(crate::store::Error::Unavailable(_)))
}

async fn bring_up(store: &Store, schema: Schema) -> anyhow::Result<()> {
    let missing = migrate::missing(store).await.context("cannot read the schema's state")?;
    match schema {
        _ if missing.is_empty() => {}
        Schema::Require => bail!(
            "the database lacks migrations: {} in all, the first is {}\n  run: tasker migrate",
            missing.len(),
            missing[0]
        ),
        Schema::Migrate => {
            let report = migrate::run(store).await.context("the migrations did not all run")?;
            for (version, description) in report.applied {
                tracing::info!(version, description, "migrated");
            }
        }
    }
    Ok(())
}

/// Resolves at SIGTERM or SIGINT; from the call on they do not end the process. It ends at once on a second one.
pub fn asked_to_stop() -> impl Future<Output = ()> {
    let mut signals = Signals::new();
    async move {
        signals.next().await;
        spawn_short("second signal", async move {
            signals.next().await;
            tracing::warn!("stopping at once: asked a second time");
            #[expect(clippy::disallowed_methods, reason = "the one who asks twice does not want to wait")]
            std::process::exit(130);
        });
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Self {
        let on = |kind| signal(kind).expect("signals can be waited for");
        Self { terminate: on(SignalKind::terminate()), interrupt: on(SignalKind::interrupt()) }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
