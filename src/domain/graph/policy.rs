//! What weighs how much. The section `dependency_graph` of the configuration is this policy.

use serde::{Deserialize, Serialize};

/// Weights, thresholds and estimates, under the specification's keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// What steps on a path and behind a step weigh.
    pub impact_multipliers: ImpactMultipliers,
    /// By what the condition of a bottleneck multiplies its impact.
    pub severity_multipliers: SeverityMultipliers,
    /// What is added to the impact of a step in trouble.
    pub penalty_constants: PenaltyConstants,
    /// From which impact on a step is how severe.
    pub severity_thresholds: SeverityThresholds,
    /// How long steps take that nobody has measured.
    pub duration_estimates: DurationEstimates,
}

/// What steps on a path and behind a step weigh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactMultipliers {
    /// For each downstream step.
    pub downstream_weight: u32,
    /// For each downstream step with unmet dependencies.
    pub blocked_weight: u32,
    /// For each step of a path.
    pub path_length_weight: u32,
    /// Subtracted for each completed step of a path.
    pub completed_penalty: u32,
    /// Added for each blocked step of a path.
    pub blocked_penalty: u32,
    /// Added for each failed step of a path.
    pub error_penalty: u32,
    /// Added for each failed step of a path that has been attempted.
    pub retry_penalty: u32,
}

/// By what the condition of a bottleneck multiplies its impact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeverityMultipliers {
    /// A step in error.
    pub error_state: f64,
    /// Added to that when its attempts are used up.
    pub exhausted_retry_bonus: f64,
    /// A pending step with unmet dependencies.
    pub dependency_issue: f64,
}

/// What is added to the impact of a step in trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PenaltyConstants {
    /// For each attempt.
    pub retry_instability: u32,
    /// When it will not be tried again.
    pub non_retryable: u32,
    /// When its attempts are used up.
    pub exhausted_retry: u32,
}

/// From which impact on a step is how severe. They grow from medium to critical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityThresholds {
    /// Critical from here on.
    pub critical: u32,
    /// High from here on.
    pub high: u32,
    /// Medium from here on, low below.
    pub medium: u32,
}

/// How long steps take that nobody has measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationEstimates {
    /// One step.
    pub base_step_seconds: u32,
    /// A failed step takes so much more.
    pub error_penalty_seconds: u32,
    /// Each attempt takes so much more.
    pub retry_penalty_seconds: u32,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Below every threshold.
    Low,
    /// From the lowest threshold on.
    Medium,
    /// From the second on.
    High,
    /// From the highest on.
    Critical,
}

impl SeverityThresholds {
    /// How severe an impact is.
    pub fn severity(&self, impact: i64) -> Severity {
        if impact >= i64::from(self.critical) {
            Severity::Critical
        } else if impact >= i64::from(self.high) {
            Severity::High
        } else if impact >= i64::from(self.medium) {
            Severity::Medium
        } else {
            Severity::Low
        }
    }
}

impl Default for ImpactMultipliers {
    fn default() -> Self {
        Self {
            downstream_weight: 5,
            blocked_weight: 15,
            path_length_weight: 10,
            completed_penalty: 15,
            blocked_penalty: 25,
            error_penalty: 30,
            retry_penalty: 10,
        }
    }
}

impl Default for SeverityMultipliers {
    fn default() -> Self {
        Self { error_state: 2.0, exhausted_retry_bonus: 0.5, dependency_issue: 1.2 }
    }
}

impl Default for PenaltyConstants {
    fn default() -> Self {
        Self { retry_instability: 3, non_retryable: 10, exhausted_retry: 20 }
    }
}

impl Default for SeverityThresholds {
    fn default() -> Self {
        Self { critical: 100, high: 50, medium: 20 }
    }
}

impl Default for DurationEstimates {
    fn default() -> Self {
        Self { base_step_seconds: 30, error_penalty_seconds: 60, retry_penalty_seconds: 30 }
    }
}
