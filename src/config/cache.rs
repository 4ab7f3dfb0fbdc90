//! What is remembered of analyses, and with whom that is shared.

use std::time::Duration;

use serde::Deserialize;

use super::{check::Check, secret::Secret, values::millis};

/// The section `cache`.
#[derive(Debug, Clone, Deserialize)]
pub struct Cache {
    /// Where analyses are remembered.
    pub backend: CacheBackend,
    /// Memory for analyses on this server, as much for the shapes of graphs, and as much for answers.
    pub memory_bytes: u64,
    /// Where Redis is.
    pub redis_url: Secret,
    /// How long Redis keeps an analysis.
    pub redis_ttl_seconds: u64,
    /// How long Redis may take to answer.
    #[serde(rename = "redis_timeout_ms", deserialize_with = "millis")]
    pub redis_timeout: Duration,
    /// How long Redis is left alone after it did not answer.
    #[serde(rename = "redis_pause_ms", deserialize_with = "millis")]
    pub redis_pause: Duration,
}

/// Where analyses are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheBackend {
    /// On each server by itself.
    Memory,
    /// In Redis as well, for all servers together.
    Redis,
}

impl Cache {
    pub(super) fn validate(&self, check: &mut Check) {
        check.range("cache.memory_bytes", self.memory_bytes, 0..=64 << 30);
        check.range("cache.redis_ttl_seconds", self.redis_ttl_seconds, 1..=86_400);
        check.millis("cache.redis_timeout_ms", self.redis_timeout, 1..=10_000);
        check.millis("cache.redis_pause_ms", self.redis_pause, 10..=3_600_000);
        if self.backend == CacheBackend::Redis {
            let url = self.redis_url.expose();
            let fix = "set cache.redis_url, or cache.backend to \"memory\"";
            check.demand("cache.redis_url", !url.is_empty(), "is needed when cache.backend is redis", fix);
        }
        let url = self.redis_url.expose();
        if !url.is_empty() {
            let known = ["redis://", "redis+unix://", "unix://"].iter().any(|scheme| url.starts_with(scheme));
            let problem = "must begin with redis://, redis+unix:// or unix://";
            check.demand("cache.redis_url", known, problem, "write redis://host:6379/0");
        }
    }
}
