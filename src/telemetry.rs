//! What the process tells about itself: log lines on stderr, traces to a collector.
//!
//! Owns: the subscriber, set once at the start. Never: decides what is worth telling; whoever does something
//! says so with `tracing`. Next: `otlp` sends traces.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, Telemetry};

mod otlp;

/// Keeps the telemetry going; sends what is left when it goes.
#[derive(Debug)]
pub struct Guard {
    traces: Option<otlp::Traces>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(traces) = self.traces.take() {
            traces.finish();
        }
    }
}

/// Begins to log and, if there is a collector, to send traces. To be called once, inside the runtime.
pub fn init(settings: &Telemetry) -> anyhow::Result<Guard> {
    let filter = EnvFilter::builder().parse(&settings.log_level)?;
    let log: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
        LogFormat::Json => Box::new(
            tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(stderr).with_filter(filter),
        ),
        LogFormat::Pretty => Box::new(
            tracing_subscriber::fmt::layer()
                .with_ansi(stderr().is_terminal())
                .with_target(false)
                .with_writer(stderr)
                .with_filter(filter),
        ),
    };
    let traces =
        settings.otlp_endpoint.as_deref().map(|to| otlp::Traces::begin(to, settings.trace_ratio)).transpose()?;
    let spans = traces.as_ref().map(otlp::Traces::layer);
    tracing_subscriber::registry().with(log).with(spans).try_init()?;
    Ok(Guard { traces })
}

/// Continues the trace that the caller began, if it sent one and traces are collected.
pub fn adopt_parent(span: &tracing::Span, headers: &http::HeaderMap) {
    otlp::adopt_parent(span, headers);
}
