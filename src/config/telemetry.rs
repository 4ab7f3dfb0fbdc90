//! Logs, metrics and traces.

use std::time::Duration;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::{
    check::Check,
    values::{millis, optional_text},
};
use crate::telemetry::{Collector, LogFormat, Mask, Metrics, Protocol, Settings, metrics::push};

/// The section `telemetry`.
#[derive(Debug, Clone, Deserialize)]
pub struct Telemetry {
    /// What this service is called where telemetry is gathered.
    pub service_name: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written.
    pub log_level: String,
    /// Lines of one place in the code in a second at most.
    pub log_burst_per_second: u32,
    /// Whether payloads are written.
    pub log_payloads: bool,
    /// Keys that contain one of these have their values hidden.
    pub filter_parameters: Vec<String>,
    /// What stands in their place.
    pub filter_mask: String,
    /// The collector for traces and metrics; `None` sends nothing.
    #[serde(deserialize_with = "optional_text")]
    pub otlp_endpoint: Option<String>,
    /// How the collector is spoken to.
    pub otlp_protocol: Protocol,
    /// How long one message to the collector may take.
    #[serde(rename = "otlp_timeout_ms", deserialize_with = "millis")]
    pub otlp_timeout: Duration,
    /// The share of traces that is sent.
    pub trace_ratio: f64,
    /// Whether anything is counted and measured.
    pub metrics_enabled: bool,
    /// Whether they need a permission over HTTP.
    pub metrics_auth_required: bool,
    /// How often metrics go to the collector; zero is never.
    #[serde(rename = "metrics_interval_ms", deserialize_with = "millis")]
    pub metrics_interval: Duration,
    /// Series of one metric at most.
    pub metrics_series_max: usize,
}

impl Telemetry {
    /// What the process tells, and where.
    pub fn settings(&self) -> Settings {
        Settings {
            log_format: self.log_format,
            log_level: self.log_level.clone(),
            mask: Mask::new(&self.filter_parameters, &self.filter_mask),
            log_payloads: self.log_payloads,
            log_burst: self.log_burst_per_second,
            collector: self.collector(),
            trace_ratio: self.trace_ratio,
        }
    }

    /// The numbers of a server.
    pub fn metrics(&self) -> Metrics {
        if self.metrics_enabled { Metrics::new(self.metrics_series_max) } else { Metrics::disabled() }
    }

    /// Where metrics are sent; `None` for nowhere.
    pub fn push(&self) -> Option<push::Settings> {
        let wanted = self.metrics_enabled && !self.metrics_interval.is_zero();
        let collector = self.collector().filter(|_| wanted)?;
        Some(push::Settings { collector, interval: self.metrics_interval })
    }

    fn collector(&self) -> Option<Collector> {
        Some(Collector {
            endpoint: self.otlp_endpoint.clone()?,
            protocol: self.otlp_protocol,
            timeout: self.otlp_timeout,
            service_name: self.service_name.clone(),
        })
    }

    pub(super) fn validate(&self, check: &mut Check) {
        let chars = self.service_name.chars().count();
        check.rule("telemetry.service_name", (1..=255).contains(&chars), || {
            "must have from 1 to 255 characters".to_owned()
        });
        if let Err(error) = EnvFilter::builder().parse(&self.log_level) {
            check.finding("telemetry.log_level", format!("is no level and no directive: {error}"), "");
        }
        // The parser takes any word for the name of a module.
        for directive in self.log_level.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            check.rule("telemetry.log_level", has_level(directive), || {
                format!("has `{directive}`, which is none of off, error, warn, info, debug, trace, nor module=level")
            });
        }
        if let Some(endpoint) = &self.otlp_endpoint {
            let known = endpoint.starts_with("http://") || endpoint.starts_with("https://");
            check.rule("telemetry.otlp_endpoint", known, || "must begin with http:// or https://".to_owned());
        }
        check.range("telemetry.log_burst_per_second", self.log_burst_per_second, 0..=1_000_000);
        check.millis("telemetry.otlp_timeout_ms", self.otlp_timeout, 100..=60_000);
        check.range("telemetry.trace_ratio", self.trace_ratio, 0.0..=1.0);
        check.millis("telemetry.metrics_interval_ms", self.metrics_interval, 0..=3_600_000);
        check.range("telemetry.metrics_series_max", self.metrics_series_max, 10..=100_000);
    }
}

/// Whether a directive names a level.
fn has_level(directive: &str) -> bool {
    let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
    ["off", "error", "warn", "info", "debug", "trace"].iter().any(|known| known.eq_ignore_ascii_case(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_none() {
        for good in ["info", "INFO", "off", "tasker=debug", "tasker::engine=trace", "[call]=debug"] {
            assert!(has_level(good), "{good}");
        }
        for bad in ["inof", "tasker", "tasker=loud", "5"] {
            assert!(!has_level(bad), "{bad}");
        }
    }
}
