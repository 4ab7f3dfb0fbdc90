//! Traces to a collector over OTLP.

use std::sync::Arc;

use opentelemetry::{
    propagation::Extractor,
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter as Exporter},
};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, registry::LookupSpan};

use super::{
    Collector, Protocol,
    mask::Mask,
    spans::{Ids, Place, Spans},
};

/// The sender of traces.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends the spans of this process from now on. To be called inside the runtime.
    pub(super) fn begin(collector: &Collector, ratio: f64, mask: Mask) -> anyhow::Result<Self> {
        let exporter = match collector.protocol {
            Protocol::Grpc => SpanExporter::builder()
                .with_tonic()
                .with_endpoint(&collector.endpoint)
                .with_timeout(collector.timeout)
                .build()?,
            Protocol::Http => SpanExporter::builder()
                .with_http()
                .with_endpoint(collector.url("traces"))
                .with_timeout(collector.timeout)
                .build()?,
        };
        let resource = Resource::builder()
            .with_service_name(collector.service_name.clone())
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(OnRuntime { exporter: Arc::new(exporter), runtime: Handle::current() })
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
            .with_id_generator(Ids::default())
            .with_resource(resource)
            .build();
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        Spans::begin(provider.tracer("tasker"), &collector.service_name, mask);
        Ok(Self(provider))
    }

    /// Turns our spans into traces; those of the libraries below are left out, the exporter's own first of all.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("tasker"))
            .with_filter(EnvFilter::new("off,tasker=info"))
    }

    pub(super) fn finish(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Exports on the runtime: the SDK exports on a thread of its own, where HTTP clients find no reactor.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
}

impl Exporter for OnRuntime {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let exporter = Arc::clone(&self.exporter);
        let sent = self.runtime.spawn(async move { exporter.export(batch).await });
        async move { sent.await.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string()))) }
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}

/// Continues the trace of the headers. Without a collector there is no propagator, and nothing happens.
pub(super) fn adopt_parent(span: &tracing::Span, headers: &http::HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // Refused only when no layer collects traces.
    let _ = span.set_parent(parent);
}

/// Where a span is in its trace; `None` when it is in none.
pub(super) fn place_of(span: &tracing::Span) -> Option<Place> {
    Place::of(span.context().span().span_context())
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
