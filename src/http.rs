//! The small HTTP port, for everything that speaks no gRPC: probes and metrics.
//!
//! ```text
//! GET /health/live     200 as long as the process answers; never asks who calls, never looks at the database
//! GET /health/ready    200 or 503, with the checks; never asks who calls
//! GET /health/status   200 or 503, the detailed status; needs tasker.health_status:index
//! GET /metrics         Prometheus' text, compressed for who accepts gzip; needs tasker.metrics:index when that is configured
//! ```
//!
//! Everything is answered from memory. Next: `health`, which looks.

mod bodies;

use std::{io::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    routing::get,
    serve::Listener,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Credentials, Gate, Permission, Rejection, Scope, audit::Call, catalog::Access},
    error::{Error, Reason},
    health::{Check, DATABASE, Monitor, Readiness},
    telemetry::{Metrics, metrics::text},
};

/// How long open answers may take at the end.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What the port shows.
#[derive(Debug, Clone)]
pub struct HttpState {
    /// How everything is.
    pub monitor: Monitor,
    /// The numbers.
    pub metrics: Metrics,
    /// Who may see what.
    pub gate: Gate,
    /// Whether anything is counted.
    pub metrics_enabled: bool,
    /// Whether the metrics need a permission.
    pub metrics_auth_required: bool,
    /// Whether the detailed status needs a permission.
    pub status_auth_required: bool,
}

/// Takes an address and answers on it until `stop`. Clones share the address.
#[derive(Debug, Clone)]
pub struct Port {
    listener: Arc<TcpListener>,
    address: SocketAddr,
}

impl Port {
    /// Takes the address.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener: Arc::new(listener), address })
    }

    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`.
    pub async fn serve(self, state: HttpState, stop: CancellationToken) {
        let stopped = stop.clone();
        let served =
            axum::serve(SharedListener(self.listener), router(state)).with_graceful_shutdown(stopped.cancelled_owned());
        tokio::select! {
            served = async { served.await } => if let Err(error) = served {
                tracing::error!(%error, "the HTTP port failed");
            },
            () = async { stop.cancelled().await; tokio::time::sleep(LAST_ANSWERS).await } => {}
        }
    }
}

impl Port {
    /// Answers until `stop` that the process lives and is not ready, because the database is unavailable.
    pub async fn serve_waiting(self, stop: CancellationToken) {
        let waiting = async || {
            let message = "the server waits for the database".to_owned();
            let check = Check { name: DATABASE, healthy: false, message, took: None };
            let readiness = Readiness { ready: false, draining: false, checks: vec![check], took: Duration::ZERO };
            answer(StatusCode::SERVICE_UNAVAILABLE, &bodies::ready(&readiness))
        };
        let router =
            Router::new().route("/health/live", get(live)).route("/health/ready", get(waiting)).fallback(async || {
                refused(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", "the server waits for the database")
            });
        let stopped = stop.clone().cancelled_owned();
        let served = axum::serve(SharedListener(self.listener), router).with_graceful_shutdown(stopped);
        tokio::select! {
            _ended = async { served.await } => {}
            () = stop.cancelled() => {}
        }
    }
}

/// A listener that outlives one run of the server on it.
struct SharedListener(Arc<TcpListener>);

impl Listener for SharedListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        /// How long to wait when there are too many connections to take one more.
        const PAUSE: Duration = Duration::from_millis(100);
        loop {
            match self.0.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::debug!(%error, "a connection to the HTTP port was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn router(state: HttpState) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/status", get(status))
        .route("/metrics", get(metrics))
        .fallback(async || refused(StatusCode::NOT_FOUND, "Not Found", "there is nothing here"))
        .with_state(state)
}

async fn live() -> Response<Body> {
    answer(StatusCode::OK, &bodies::live())
}

async fn ready(State(state): State<HttpState>) -> Response<Body> {
    let readiness = state.monitor.readiness();
    answer(good_or_bad(readiness.ready), &bodies::ready(&readiness))
}

async fn status(State(state): State<HttpState>, request: Request) -> Response<Body> {
    const INDEX: Permission = Permission { resource: "tasker.health_status", action: "index" };
    let parts = CallParts::of(&request);
    let scope = match state.status_auth_required {
        true => match admit(&state.gate, INDEX, parts).await {
            Ok(scope) => Some(scope),
            Err(refusal) => return refusal,
        },
        false => None,
    };
    let mut status = state.monitor.status();
    if let Some(scope) = scope.filter(|scope| !scope.covers_all()) {
        status = status.within(|namespace| !scope.select([namespace]).is_empty());
    }
    answer(good_or_bad(status.healthy), &bodies::status(&status, &state.monitor.readiness()))
}

async fn metrics(State(state): State<HttpState>, request: Request) -> Response<Body> {
    const INDEX: Permission = Permission { resource: "tasker.metrics", action: "index" };
    let parts = CallParts::of(&request);
    let accepts_gzip = accepts_gzip(&request);
    if state.metrics_auth_required {
        match admit(&state.gate, INDEX, parts).await {
            // Their labels name handlers of every namespace.
            Ok(scope) if !scope.covers_all() => {
                return refused(StatusCode::FORBIDDEN, "Forbidden", "the permission must hold in every namespace");
            }
            Ok(_) => {}
            Err(refusal) => return refusal,
        }
    }
    if !state.metrics_enabled {
        let body = bodies::metrics_disabled();
        return answer(StatusCode::SERVICE_UNAVAILABLE, &body);
    }
    let rendered = text::render(&state.metrics);
    let compressed = accepts_gzip.then(|| gzip(rendered.as_bytes())).flatten();
    let is_compressed = compressed.is_some();
    let mut response = plain(StatusCode::OK, text::CONTENT_TYPE, compressed.map_or(Body::from(rendered), Body::from));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the caller takes an answer that is compressed with gzip.
fn accepts_gzip(request: &Request) -> bool {
    let lists = request.headers().get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_refused = parts.any(|part| {
            let quality = part.strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
            quality == Some(0.0)
        });
        is_gzip && !is_refused
    })
}

fn gzip(text: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).ok()
}

/// What of a request the gate looks at.
struct CallParts {
    path: String,
    correlation_id: String,
    credentials: Result<Credentials, Rejection>,
}

impl CallParts {
    fn of(request: &Request) -> Self {
        let correlation_id = request.headers().get("x-correlation-id").and_then(|id| id.to_str().ok());
        Self {
            path: request.uri().path().to_owned(),
            correlation_id: correlation_id.unwrap_or_default().to_owned(),
            credentials: Credentials::of_headers(request.headers()),
        }
    }
}

/// Asks the gate, as it is asked for every gRPC call.
async fn admit(gate: &Gate, permission: Permission, parts: CallParts) -> Result<Scope, Response<Body>> {
    let CallParts { path, correlation_id, credentials } = parts;
    let call = Call { method: &path, correlation_id: &correlation_id };
    let access = Access::Requires { permission, or_creator: false };
    let admitted = gate.admit(&call, access, credentials).await.map_err(|error| denied(&error))?;
    let permit = admitted.ok_or_else(|| denied(&Error::new(Reason::Internal, "no permit")))?;
    gate.record(&call, &permit);
    let mut extensions = axum::http::Extensions::new();
    extensions.insert(permit);
    extensions.insert(gate.clone());
    Scope::of(&extensions).map_err(|error| denied(&error))
}

fn denied(error: &Error) -> Response<Body> {
    let (status, title) = match error.reason().code() {
        tonic::Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        tonic::Code::PermissionDenied => (StatusCode::FORBIDDEN, "Forbidden"),
        tonic::Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Error"),
    };
    let message = if error.reason() == Reason::Internal { "internal error" } else { error.message() };
    refused(status, title, message)
}

fn refused(status: StatusCode, error: &str, message: &str) -> Response<Body> {
    answer(status, &json!({ "error": error, "message": message }))
}

const fn good_or_bad(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    plain(status, "application/json", Body::from(body.to_string()))
}

fn plain(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "0"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
