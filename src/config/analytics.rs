//! What analytics may cost.

use std::time::Duration;

use serde::Deserialize;

use super::{check::Check, values::millis};

/// The section `analytics`.
#[derive(Debug, Clone, Deserialize)]
pub struct Analytics {
    /// How long answers about performance are kept.
    #[serde(rename = "performance_ttl_ms", deserialize_with = "millis")]
    pub performance_ttl: Duration,
    /// How long answers about bottlenecks are kept.
    #[serde(rename = "bottlenecks_ttl_ms", deserialize_with = "millis")]
    pub bottlenecks_ttl: Duration,
    /// How long health counts are kept.
    #[serde(rename = "health_ttl_ms", deserialize_with = "millis")]
    pub health_ttl: Duration,
    /// How long one statement may take.
    #[serde(rename = "statement_timeout_ms", deserialize_with = "millis")]
    pub statement_timeout: Duration,
    /// Tasks of a period that are looked at.
    pub tasks_max: i32,
    /// The longest period.
    pub period_max_hours: u32,
    /// Answers of one kind that are kept.
    pub answers_max: u64,
}

impl Analytics {
    pub(super) fn validate(&self, check: &mut Check) {
        check.millis("analytics.performance_ttl_ms", self.performance_ttl, 0..=3_600_000);
        check.millis("analytics.bottlenecks_ttl_ms", self.bottlenecks_ttl, 0..=3_600_000);
        check.millis("analytics.health_ttl_ms", self.health_ttl, 0..=3_600_000);
        check.millis("analytics.statement_timeout_ms", self.statement_timeout, 10..=600_000);
        check.range("analytics.tasks_max", self.tasks_max, 1_000..=10_000_000);
        check.range("analytics.period_max_hours", self.period_max_hours, 1..=8_784);
        check.range("analytics.answers_max", self.answers_max, 1..=100_000);
    }
}
