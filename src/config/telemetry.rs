//! Logs and traces.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::{check::Check, values::optional_text};

/// The section `telemetry`.
#[derive(Debug, Clone, Deserialize)]
pub struct Telemetry {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written.
    pub log_level: String,
    /// The collector for traces; `None` sends nothing.
    #[serde(deserialize_with = "optional_text")]
    pub otlp_endpoint: Option<String>,
    /// The share of traces that is sent.
    pub trace_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

impl Telemetry {
    pub(super) fn validate(&self, check: &mut Check) {
        if let Err(error) = EnvFilter::builder().parse(&self.log_level) {
            check.finding("telemetry.log_level", format!("is no level and no directive: {error}"), "");
        }
        if let Some(endpoint) = &self.otlp_endpoint {
            let known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
            check.rule("telemetry.otlp_endpoint", known, || "must begin with http:// or https://".to_owned());
        }
        check.range("telemetry.trace_ratio", self.trace_ratio, 0.0..=1.0);
    }
}
