//! Serves the services on a bound listener until told to stop.

use std::collections::BTreeSet;

use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::RoutesBuilder,
    transport::{
        Error,
        server::{Server, TcpIncoming},
    },
};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use super::{Bound, deferred_routes::DeferredRoutes, drain::DrainLayer, layers::layers, reflection};
use crate::{
    auth::{Gate, catalog},
    config,
    telemetry::Metrics,
};

/// What may be under way on one stream before the sender waits for us: one of the larger result batches.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// The name under which probes ask whether the process is alive, whatever its database does.
pub const LIVENESS: &str = "liveness";

/// The names of our services.
fn services() -> BTreeSet<&'static str> {
    let names = catalog::rows().filter_map(|row| row.path.strip_prefix('/')?.split_once('/'));
    names.map(|(service, _)| service).filter(|service| service.starts_with("tasker.")).collect()
}

/// Tells the outside whether we take calls.
#[derive(Debug, Clone)]
pub struct Health(HealthReporter);

impl Health {
    /// Begins with "not serving"; the process is alive all the same.
    pub async fn begin() -> Self {
        let health = Self(HealthReporter::new());
        health.not_serving().await;
        health.0.set_service_status(LIVENESS, ServingStatus::Serving).await;
        health
    }

    /// Calls are welcome.
    pub async fn serving(&self) {
        self.tell(ServingStatus::Serving).await;
    }

    /// Calls should go elsewhere.
    pub async fn not_serving(&self) {
        self.tell(ServingStatus::NotServing).await;
    }

    /// For the whole server and for each service: none of them works without the others.
    async fn tell(&self, status: ServingStatus) {
        self.0.set_service_status("", status).await;
        for service in services() {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Begins a list of services with those that every server has: health and reflection.
    pub fn routes(&self) -> RoutesBuilder {
        let mut routes = RoutesBuilder::default();
        routes.add_service(HealthServer::new(HealthService::from_health_reporter(self.0.clone())));
        reflection::add(&mut routes);
        routes
    }

    /// The services to begin with: health and reflection now, the others when they are given.
    pub fn services(&self) -> DeferredRoutes {
        DeferredRoutes::new(self.routes().routes().prepare())
    }
}

/// Serves until `stop` is cancelled; then takes no more calls, ends the answers that stream, and waits for the
/// others.
pub async fn serve(
    settings: &config::Server,
    bound: Bound,
    gate: Gate,
    metrics: &Metrics,
    services: DeferredRoutes,
    stop: CancellationToken,
) -> Result<(), Error> {
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(settings.keepalive_interval))
        .http2_keepalive_timeout(Some(settings.keepalive_timeout))
        .max_concurrent_streams(settings.connection_streams_max)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .layer(layers(gate, metrics, DrainLayer::from(stop.clone()).with_age_max(settings.connection_age_max())));
    if let Some(age_max) = settings.connection_age_max() {
        server = server.max_connection_age(age_max);
    }
    let stop = stop.cancelled_owned();
    match bound {
        Bound::Tcp(listener, tls) => {
            if let Some(tls) = tls {
                server = server.tls_config(*tls)?;
            }
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            server.serve_with_incoming_shutdown(services, incoming, stop).await
        }
        Bound::Unix(listener, file) => {
            let served = server.serve_with_incoming_shutdown(services, UnixListenerStream::new(listener), stop).await;
            drop(file);
            served
        }
    }
}
