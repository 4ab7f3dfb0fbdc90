//! What runs beside the calls for those who operate the server: health, the HTTP port, metrics on their way.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::Gate,
    config::Config,
    engine::Engine,
    health::{Monitor, Vitals},
    http::{HttpState, Port},
    store::Store,
    supervisor::Group,
    telemetry::metrics::push,
    transport::server::Health,
};

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The loops.
#[derive(Debug)]
pub(super) struct Operations {
    loops: Group,
    /// What tells of readiness: it ends when the server is about to go.
    telling: Group,
    http: Option<SocketAddr>,
}

/// What looks at the store and the engine.
pub(super) fn monitor(config: &Config, store: &Store, engine: &Engine) -> Monitor {
    let vitals = Vitals {
        store: store.clone(),
        lanes: engine.writer().view(),
        workforce: engine.workforce().clone(),
        sweeper: engine.sweeper().clone(),
        supervisor: engine.supervisor().clone(),
        clock: engine.clock().clone(),
        metrics: engine.metrics().clone(),
    };
    Monitor::new(config.health.settings(), vitals)
}

impl Operations {
    /// Starts them. When it returns, readiness was looked at once and told.
    pub(super) async fn start(
        config: &Config,
        port: Option<Port>,
        monitor: Monitor,
        store: &Store,
        engine: &Engine,
        gate: Gate,
        health: Health,
    ) -> Self {
        let metrics = engine.metrics();
        let mut loops = engine.supervisor().group(CancellationToken::new());
        let mut telling = engine.supervisor().group(CancellationToken::new());
        let stop = loops.stop().clone();
        metrics.build.with([env!("CARGO_PKG_VERSION")]).set(1.0);
        metrics.start_time.with([]).set(now());
        let http = port.as_ref().map(Port::address);
        monitor.first_look().await;
        if monitor.readiness().ready {
            health.serving().await;
        }
        let (looks, leaving) = (monitor.clone(), telling.stop().clone());
        telling.spawn("readiness_teller", move || tell(looks.clone(), health.clone(), leaving.clone()));
        if let Some(port) = port {
            let state = HttpState {
                monitor: monitor.clone(),
                metrics: metrics.clone(),
                gate,
                metrics_enabled: config.telemetry.metrics_enabled,
                metrics_auth_required: config.telemetry.metrics_auth_required,
                status_auth_required: config.health.status_requires_authentication,
            };
            let stop = stop.clone();
            loops.spawn("http", move || port.clone().serve(state.clone(), stop.clone()));
        }
        if let Some(settings) = config.telemetry.push() {
            let (metrics, stop) = (metrics.clone(), stop.clone());
            loops.spawn("metrics_push", move || push::run(metrics.clone(), settings.clone(), stop.clone()));
        }
        if store.replica().is_some() {
            let (store, stop) = (store.clone(), stop.clone());
            loops.spawn("replica_watch", move || watch_replica(store.clone(), stop.clone()));
        }
        let (looks, stopped) = (monitor.clone(), stop.clone());
        loops.spawn("readiness", move || looks.clone().check(stopped.clone()));
        loops.spawn("status", move || monitor.clone().observe(stop.clone()));
        Self { loops, telling, http }
    }

    /// Where the HTTP port is, if there is one.
    pub(super) const fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// The server is about to go: it does not become ready again.
    pub(super) fn leave(&self) {
        self.telling.stop().cancel();
    }

    /// Ends them after their last words.
    pub(super) async fn stop(mut self) {
        self.leave();
        self.loops.stop().cancel();
        let ended = async {
            self.telling.finished().await;
            self.loops.finished().await;
        };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            tracing::debug!("last metrics not sent");
        }
    }
}

/// Takes the address of the HTTP port. Only one that was asked for by name must be had.
pub(super) async fn bind(config: &Config) -> anyhow::Result<Option<Port>> {
    let Some((address, must)) = config.http.address() else { return Ok(None) };
    match Port::bind(address).await {
        Ok(port) => {
            tracing::info!(address = %port.address(), "health and metrics over HTTP");
            Ok(Some(port))
        }
        Err(error) if must => Err(error).with_context(|| format!("http.listen: cannot listen on {address}")),
        Err(error) => {
            tracing::warn!(%address, %error, "no health and metrics over HTTP: set http.listen to choose an address");
            Ok(None)
        }
    }
}

/// Tells the gRPC health service of every change of readiness, until the server is about to go.
async fn tell(monitor: Monitor, health: Health, leaving: CancellationToken) {
    let mut changes = monitor.changes();
    // A run before this one may have missed a change.
    changes.mark_changed();
    while let Some(Ok(())) = leaving.run_until_cancelled(changes.changed()).await {
        let ready = *changes.borrow_and_update();
        if leaving.is_cancelled() {
            return;
        }
        if ready { health.serving().await } else { health.not_serving().await }
    }
}

/// Watches how fresh the replica is, as long as the server runs.
async fn watch_replica(store: Store, stop: CancellationToken) {
    let _stopped: Option<()> = stop.run_until_cancelled(store.watch_replica()).await;
}

#[expect(clippy::disallowed_methods, reason = "the start of a process is told in the time of its machine")]
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
