//! Waits between attempts. The section is the domain's own policy.

use serde::Deserialize;

use super::check::Check;
use crate::domain::backoff::Policy;

/// The section `backoff`, as it stands in the file.
#[derive(Debug, Deserialize)]
pub(super) struct Backoff {
    default_backoff_seconds: Vec<u32>,
    max_backoff_seconds: u32,
    retry_after_max_seconds: u32,
    backoff_multiplier: f64,
    jitter_enabled: bool,
    jitter_max_percentage: f64,
}

impl From<Backoff> for Policy {
    fn from(section: Backoff) -> Self {
        Self {
            default_backoff_seconds: section.default_backoff_seconds,
            max_backoff_seconds: section.max_backoff_seconds,
            retry_after_max_seconds: section.retry_after_max_seconds,
            backoff_multiplier: section.backoff_multiplier,
            jitter_enabled: section.jitter_enabled,
            jitter_max_percentage: section.jitter_max_percentage,
        }
    }
}

pub(super) fn validate(policy: &Policy, check: &mut Check) {
    let table = &policy.default_backoff_seconds;
    let key = "backoff.default_backoff_seconds";
    check.rule(key, !table.is_empty(), || "must have at least one entry".to_owned());
    check.rule("backoff.default_backoff_seconds", table.len() <= 100, || "has more than 100 entries".to_owned());
    for seconds in table {
        check.range("backoff.default_backoff_seconds", *seconds, 0..=86_400);
    }
    check.range("backoff.max_backoff_seconds", policy.max_backoff_seconds, 1..=86_400);
    check.range("backoff.retry_after_max_seconds", policy.retry_after_max_seconds, 1..=31_536_000);
    check.range("backoff.backoff_multiplier", policy.backoff_multiplier, 1.0..=10.0);
    check.range("backoff.jitter_max_percentage", policy.jitter_max_percentage, 0.0..=1.0);
}
