//! How the dependency graph of a task is judged. The section is the domain's own policy.

use super::check::Check;
use crate::domain::graph::Policy;

/// Weights beyond this would not be told apart any more.
const WEIGHT_MAX: u32 = 10_000;
const THRESHOLD_MAX: u32 = 1_000_000;
const SECONDS_MAX: u32 = 86_400;

pub(super) fn validate(policy: &Policy, check: &mut Check) {
    let Policy { impact_multipliers: weigh, severity_multipliers, penalty_constants, severity_thresholds, .. } = policy;
    let mut all = |group: &str, most: u32, values: &[(&str, u32)]| {
        for (name, value) in values {
            check.range(&format!("dependency_graph.{group}.{name}"), *value, 0..=most);
        }
    };
    all(
        "impact_multipliers",
        WEIGHT_MAX,
        &[
            ("downstream_weight", weigh.downstream_weight),
            ("blocked_weight", weigh.blocked_weight),
            ("path_length_weight", weigh.path_length_weight),
            ("completed_penalty", weigh.completed_penalty),
            ("blocked_penalty", weigh.blocked_penalty),
            ("error_penalty", weigh.error_penalty),
            ("retry_penalty", weigh.retry_penalty),
        ],
    );
    all(
        "penalty_constants",
        WEIGHT_MAX,
        &[
            ("retry_instability", penalty_constants.retry_instability),
            ("non_retryable", penalty_constants.non_retryable),
            ("exhausted_retry", penalty_constants.exhausted_retry),
        ],
    );
    let estimates = &policy.duration_estimates;
    all(
        "duration_estimates",
        SECONDS_MAX,
        &[
            ("base_step_seconds", estimates.base_step_seconds),
            ("error_penalty_seconds", estimates.error_penalty_seconds),
            ("retry_penalty_seconds", estimates.retry_penalty_seconds),
        ],
    );
    let (critical, high, medium) = (severity_thresholds.critical, severity_thresholds.high, severity_thresholds.medium);
    all("severity_thresholds", THRESHOLD_MAX, &[("critical", critical), ("high", high), ("medium", medium)]);
    let grows = |low: u32, high: u32, name: &str| {
        (low < high).then_some(()).ok_or(format!("must be more than {name}, which is {low}"))
    };
    for (key, grown) in [("high", grows(medium, high, "medium")), ("critical", grows(high, critical, "high"))] {
        if let Err(problem) = grown {
            check.finding(&format!("dependency_graph.severity_thresholds.{key}"), problem, "");
        }
    }
    for (name, value) in [
        ("error_state", severity_multipliers.error_state),
        ("exhausted_retry_bonus", severity_multipliers.exhausted_retry_bonus),
        ("dependency_issue", severity_multipliers.dependency_issue),
    ] {
        check.range(&format!("dependency_graph.severity_multipliers.{name}"), value, 0.0..=100.0);
    }
}
