//! An OTLP collector of the test's own: takes what is sent over gRPC or HTTP, decodes it and keeps it.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    metrics::v1::{Metric, metric::Data, number_data_point::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, task::AbortHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Response, Status};

/// What came in.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// The newest message's metrics.
    metrics: Vec<Metric>,
    spans: Vec<Span>,
}

/// The collector; gone with the value.
pub struct Collector {
    pub endpoint: String,
    pub kept: Kept,
    serving: AbortHandle,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    Http,
}

impl Protocol {
    pub const fn key(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

pub async fn collector(protocol: Protocol) -> Collector {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let kept = Kept::default();
    let serving = match protocol {
        Protocol::Grpc => {
            let server = tonic::transport::Server::builder()
                .add_service(MetricsServiceServer::new(kept.clone()))
                .add_service(TraceServiceServer::new(kept.clone()));
            tokio::spawn(async move {
                server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
            })
        }
        Protocol::Http => {
            let router = Router::new()
                .route("/v1/metrics", post(http_metrics))
                .route("/v1/traces", post(http_traces))
                .with_state(kept.clone());
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
        }
    };
    Collector { endpoint, kept, serving: serving.abort_handle() }
}

async fn http_metrics(State(kept): State<Kept>, request: Request) -> Result<StatusCode, Infallible> {
    Ok(kept.take_metrics(read(request).await))
}

async fn http_traces(State(kept): State<Kept>, request: Request) -> Result<StatusCode, Infallible> {
    Ok(kept.take_traces(read(request).await))
}

async fn read<M: Message + Default>(request: Request<Body>) -> M {
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    M::decode(to_bytes(request.into_body(), 16 << 20).await.unwrap()).unwrap()
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take_metrics(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take_traces(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Kept {
    fn take_metrics(&self, message: ExportMetricsServiceRequest) -> StatusCode {
        let scopes = message.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        self.0.lock().unwrap().metrics = scopes.flat_map(|scope| scope.metrics).collect();
        StatusCode::OK
    }

    fn take_traces(&self, message: ExportTraceServiceRequest) -> StatusCode {
        let scopes = message.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        self.0.lock().unwrap().spans.extend(scopes.flat_map(|scope| scope.spans));
        StatusCode::OK
    }

    /// The spans that have come in.
    pub fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }

    /// The names of the metrics of the newest message.
    pub fn metrics(&self) -> Vec<String> {
        self.0.lock().unwrap().metrics.iter().map(|metric| metric.name.clone()).collect()
    }

    /// All series of a metric added up: the values of a number, the counts of a histogram.
    pub fn total(&self, name: &str) -> f64 {
        let kept = self.0.lock().unwrap();
        let Some(metric) = kept.metrics.iter().find(|metric| metric.name == name) else { return 0.0 };
        let value = |value: &Option<Value>| match value {
            Some(Value::AsDouble(number)) => *number,
            _ => panic!("{name} has {value:?}"),
        };
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => sum.data_points.iter().map(|point| value(&point.value)).sum(),
            Data::Gauge(gauge) => gauge.data_points.iter().map(|point| value(&point.value)).sum(),
            Data::Histogram(histogram) =>
            {
                #[expect(clippy::cast_precision_loss, reason = "a test counts little")]
                histogram.data_points.iter().map(|point| point.count as f64).sum()
            }
            other => panic!("{name} is {other:?}"),
        }
    }
}
