//! The HTTP port, and how health is looked at.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::{check::Check, values::millis};
use crate::health;

/// What `auto` means.
pub(super) const AUTO: &str = "127.0.0.1:9077";

/// The section `http`.
#[derive(Debug, Clone, Deserialize)]
pub struct Http {
    /// Where probes and metrics are answered over HTTP: an address, `auto`, or empty.
    pub listen: String,
}

/// The section `health`.
#[derive(Debug, Clone, Deserialize)]
pub struct Health {
    /// How often readiness is checked.
    #[serde(rename = "interval_ms", deserialize_with = "millis")]
    pub interval: Duration,
    /// How long the database may take to answer.
    #[serde(rename = "readiness_timeout_ms", deserialize_with = "millis")]
    pub readiness_timeout: Duration,
    /// How long a loop may be at the same piece of work.
    #[serde(rename = "stall_ms", deserialize_with = "millis")]
    pub stall: Duration,
    /// How long the detailed status is good for.
    #[serde(rename = "cache_duration_ms", deserialize_with = "millis")]
    pub cache_duration: Duration,
    /// How long making it may take.
    #[serde(rename = "status_timeout_ms", deserialize_with = "millis")]
    pub status_timeout: Duration,
    /// Whether the detailed status needs a permission over HTTP.
    pub status_requires_authentication: bool,
}

impl Http {
    /// The address to listen on, if any, and whether it must be had.
    pub fn address(&self) -> Option<(SocketAddr, bool)> {
        match self.listen.as_str() {
            "" => None,
            "auto" => Some((AUTO.parse().expect("the default is an address"), false)),
            address => address.parse().ok().map(|address| (address, true)),
        }
    }

    pub(super) fn validate(&self, check: &mut Check) {
        let fine = self.listen.is_empty() || self.address().is_some();
        check.rule("http.listen", fine, || {
            "must be an address with a port such as 127.0.0.1:9077, or auto, or empty".to_owned()
        });
    }
}

impl Health {
    /// How looks are taken.
    pub const fn settings(&self) -> health::Settings {
        health::Settings {
            interval: self.interval,
            readiness_timeout: self.readiness_timeout,
            stall: self.stall,
            status_interval: self.cache_duration,
            status_timeout: self.status_timeout,
        }
    }

    pub(super) fn validate(&self, check: &mut Check) {
        check.millis("health.interval_ms", self.interval, 50..=60_000);
        check.millis("health.readiness_timeout_ms", self.readiness_timeout, 10..=60_000);
        check.millis("health.stall_ms", self.stall, 100..=600_000);
        check.millis("health.cache_duration_ms", self.cache_duration, 100..=3_600_000);
        check.millis("health.status_timeout_ms", self.status_timeout, 100..=600_000);
    }
}
