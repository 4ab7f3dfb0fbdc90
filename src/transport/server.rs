//! Serves the services on a bound listener until told to stop.

use std::{collections::BTreeSet, future, io, net::IpAddr};

use futures::StreamExt as _;
use tokio::net::TcpStream;
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

use super::{
    Bound, authority::Tolerant, bounds::Limits, deferred_routes::DeferredRoutes, drain::DrainLayer, layers::layers,
    reflection,
};
use crate::{
    auth::{
        Gate, catalog,
        per_address::{Entered, PerAddress},
    },
    config,
    telemetry::{Metrics, metrics::Counter},
};

/// What may be under way on one stream before the sender waits for us: one of the larger result batches.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// The headers of one request at most: a token of the largest size that is looked at, and room for others. More than
/// that is answered by HTTP's 431, which the library sends by itself.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// A message of a method that anyone may call, at most.
pub(super) const OPEN_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Calls of such methods that are open at once, in all and from one address.
const OPEN_CALLS_MAX: usize = 1_000;
const OPEN_CALLS_PER_ADDRESS_MAX: usize = 100;

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
        let health = HealthServer::new(HealthService::from_health_reporter(self.0.clone()));
        routes.add_service(health.max_decoding_message_size(OPEN_MESSAGE_BYTES_MAX));
        reflection::add(&mut routes);
        routes
    }

    /// The services to begin with: health and reflection now, the others when they are given.
    pub fn services(&self) -> DeferredRoutes {
        DeferredRoutes::new(self.routes().routes().prepare())
    }
}

const fn limits(settings: &config::Server) -> Limits {
    Limits {
        request_timeout: settings.request_timeout,
        request_memory_max_bytes: settings.request_memory_max_bytes,
        open_calls_max: OPEN_CALLS_MAX,
        open_calls_per_address_max: OPEN_CALLS_PER_ADDRESS_MAX,
    }
}

/// Lets connections in.
struct Admission {
    connections: PerAddress,
    refused: Counter,
}

impl Admission {
    /// Lets a connection in; one too many is closed at once.
    fn admit<IO>(
        &self,
        connection: io::Result<IO>,
        is_encrypted: bool,
        address: impl Fn(&IO) -> Option<IpAddr>,
    ) -> Option<io::Result<Tolerant<IO, Entered>>> {
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => return Some(Err(error)),
        };
        let address = address(&connection);
        let Some(entered) = self.connections.enter(address) else {
            self.refused.add(1);
            tracing::warn!(?address, "a connection is closed: there are as many as there may be");
            return None;
        };
        Some(Ok(Tolerant::new(connection, is_encrypted, entered)))
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
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .layer(layers(
            gate,
            metrics,
            limits(settings),
            DrainLayer::from(stop.clone()).with_age_max(settings.connection_age_max()),
        ));
    if let Some(age_max) = settings.connection_age_max() {
        server = server.max_connection_age(age_max);
    }
    let admission = Admission {
        connections: PerAddress::new(settings.connections_max, settings.connections_per_address_max),
        refused: metrics.connections_refused.with([]),
    };
    let stop = stop.cancelled_owned();
    match bound {
        Bound::Tcp(listener, tls) => {
            let is_encrypted = tls.is_some();
            if let Some(tls) = tls {
                server = server.tls_config(*tls)?;
            }
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).filter_map(move |connection| {
                let address = |tcp: &TcpStream| tcp.peer_addr().ok().map(|address| address.ip());
                future::ready(admission.admit(connection, is_encrypted, address))
            });
            server.serve_with_incoming_shutdown(services, incoming, stop).await
        }
        Bound::Unix(listener, file) => {
            let incoming = UnixListenerStream::new(listener)
                .filter_map(move |connection| future::ready(admission.admit(connection, false, |_| None)));
            let served = server.serve_with_incoming_shutdown(services, incoming, stop).await;
            drop(file);
            served
        }
    }
}
