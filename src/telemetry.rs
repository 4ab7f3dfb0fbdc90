//! What the process tells about itself: log lines on stderr, metrics, traces to a collector.
//!
//! Owns: the subscriber, set once at the start, and the table of metrics. Never: decides what is worth telling; whoever
//! does something says so with `tracing` or records it. Uses nothing else of ours, so that everything may use it. Next:
//! `metrics` for numbers, `lines` for logs, `spans` for traces of tasks, which `otlp` sends.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use serde::Deserialize;
use tonic::transport::{Channel, Endpoint};

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, reload, util::SubscriberInitExt};

use lines::{Lines, Style};

pub mod lines;
pub mod mask;
pub mod metrics;
mod otlp;
pub mod spans;

pub(crate) use lines::suppressed;
pub use mask::Mask;
pub use metrics::Metrics;
pub use spans::{Ended, Place, Spans};

/// What the process tells, and where.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written: a level, or directives.
    pub log_level: String,
    /// What is hidden in lines and spans.
    pub mask: Mask,
    /// Whether payloads are written.
    pub log_payloads: bool,
    /// Lines of one place in the code in a second at most; zero for any number.
    pub log_burst: u32,
    /// The collector of traces and metrics; `None` sends nothing.
    pub collector: Option<Collector>,
    /// The share of traces that is sent.
    pub trace_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines: a JSON object a line.
    Json,
    /// For machines that people look over the shoulder of: a JSON object over several lines.
    PrettyJson,
    /// For machines: `key=value` pairs.
    Logfmt,
}

/// An OTLP collector.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Where it is: `http://` or `https://` with host and port.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How long one message may take.
    pub timeout: Duration,
    /// What this service is called there.
    pub service_name: String,
}

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// gRPC, usually on port 4317.
    Grpc,
    /// Protobuf over HTTP, usually on port 4318.
    Http,
}

impl Collector {
    /// A connection for gRPC, opened when it is needed.
    fn channel(&self) -> anyhow::Result<Channel> {
        Ok(Endpoint::from_shared(self.endpoint.clone())?.timeout(self.timeout).connect_lazy())
    }

    /// Where a signal goes over HTTP.
    fn url(&self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.endpoint.trim_end_matches('/'))
    }
}

/// Keeps the telemetry going; sends what is left when it goes.
#[derive(Debug)]
pub struct Guard {
    traces: Option<otlp::Traces>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Guard {
    /// Changes which log lines are written, for the lines to come.
    pub fn set_log_level(&self, directives: &str) -> anyhow::Result<()> {
        Ok(self.filter.reload(EnvFilter::builder().parse(directives)?)?)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(traces) = self.traces.take() {
            traces.finish();
        }
    }
}

/// A name for this process, as no other one has it.
fn process_id() -> String {
    let random = uuid::Uuid::now_v7().as_u128() & 0xffff_ffff_ffff;
    format!("prc_{random:012x}")
}

/// Begins to log and, if there is a collector, to send traces. To be called once, inside the runtime.
pub fn init(settings: &Settings) -> anyhow::Result<Guard> {
    let (filter, handle) = reload::Layer::new(EnvFilter::builder().parse(&settings.log_level)?);
    let style = Style {
        format: settings.log_format,
        mask: settings.mask.clone(),
        payloads: settings.log_payloads,
        burst: settings.log_burst,
        colours: stderr().is_terminal(),
        process: process_id().into(),
    };
    let log = Lines::to_stderr(style).with_filter(filter);
    let traces = settings.collector.as_ref();
    let traces = traces.map(|to| otlp::Traces::begin(to, settings.trace_ratio, settings.mask.clone())).transpose()?;
    let spans = traces.as_ref().map(otlp::Traces::layer);
    tracing_subscriber::registry().with(log).with(spans).try_init()?;
    Ok(Guard { traces, filter: handle })
}

/// Continues the trace that the caller began, if it sent one and traces are collected. Where the span is in its trace
/// then; `None` when traces are not collected.
pub fn adopt_parent(span: &tracing::Span, headers: &http::HeaderMap) -> Option<Place> {
    if !Spans::of_process().is_on() {
        return None;
    }
    otlp::adopt_parent(span, headers);
    otlp::place_of(span)
}
