//! Error chains: what each failed step holds up, and what to do about it.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{
    Policy, Shape, StepStates,
    parallelism::percent,
    policy::Severity,
    reach::{self, Behind},
    step_states::Condition,
};
use crate::domain::ids::StepNo;

/// Chains that are shown.
pub const CHAINS_MAX: usize = 25;

/// Steps behind a failed one that are named.
pub const DOWNSTREAM_MAX: usize = 1_000;

/// The error chains of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorChains {
    /// Failed steps.
    pub errors: u32,
    /// Failed steps in percent of all, to one decimal.
    pub percentage: f64,
    /// Blocked steps behind failed ones; one behind two counts twice.
    pub blocked: u64,
    /// One for each failed step, those with the highest impact first, ties by name; at most [`CHAINS_MAX`].
    pub chains: Vec<Chain>,
}

/// A failed step and what lies behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The failed step.
    pub step: StepNo,
    /// The steps behind it, depth first; at most [`DOWNSTREAM_MAX`].
    pub downstream: Vec<StepNo>,
    /// How many there are.
    pub downstream_total: u32,
    /// How many of them wait for parents.
    pub blocked: u32,
    /// How bad it is.
    pub impact: i64,
    /// How urgent that makes it.
    pub priority: Severity,
}

/// What can be done about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Somebody has to resolve or retry it.
    ManualResolution,
    /// More attempts may help.
    IncreaseRetryLimit,
    /// It is tried again by itself when its backoff has elapsed.
    WaitForBackoff,
    /// It is about to be tried again.
    MonitorRetries,
    /// Somebody has to find out why it failed for good.
    InvestigateRootCause,
}

impl Recovery {
    /// What can be done about a failed step, the first thing first.
    pub fn of(step: &Condition) -> &'static [Self] {
        if step.is_exhausted() {
            &[Self::ManualResolution, Self::IncreaseRetryLimit]
        } else if step.in_backoff {
            &[Self::WaitForBackoff]
        } else if step.retry_eligible {
            &[Self::MonitorRetries]
        } else {
            &[Self::InvestigateRootCause]
        }
    }

    /// How urgent it is.
    pub const fn priority(self) -> Severity {
        match self {
            Self::ManualResolution | Self::InvestigateRootCause => Severity::High,
            Self::IncreaseRetryLimit | Self::MonitorRetries => Severity::Medium,
            Self::WaitForBackoff => Severity::Low,
        }
    }
}

pub(super) fn analyse(shape: &Shape, states: &StepStates, policy: &Policy) -> ErrorChains {
    let errors: Vec<StepNo> = states.numbered().filter(|(_, step)| step.is_error()).map(|(no, _)| no).collect();
    let behind = reach::count(shape, states, &errors);
    let blocked = behind.iter().map(|behind| u64::from(behind.blocked)).sum();
    let mut ranked: Vec<(i64, StepNo, Behind)> =
        errors.iter().zip(behind).map(|(no, behind)| (impact(states.step(*no), behind, policy), *no, behind)).collect();
    ranked.sort_by_key(|(impact, no, _)| (Reverse(*impact), shape.rank(*no)));
    ranked.truncate(CHAINS_MAX);
    let chain = |(impact, step, behind): (i64, StepNo, Behind)| {
        let mut downstream = reach::descendants(shape, step);
        downstream.truncate(DOWNSTREAM_MAX);
        Chain {
            step,
            downstream,
            downstream_total: behind.steps,
            blocked: behind.blocked,
            impact,
            priority: policy.severity_thresholds.severity(impact),
        }
    };
    ErrorChains {
        errors: u32::try_from(errors.len()).expect("there are fewer steps than numbers"),
        percentage: percent(errors.len(), shape.steps()),
        blocked,
        chains: ranked.into_iter().map(chain).collect(),
    }
}

fn impact(step: &Condition, behind: Behind, policy: &Policy) -> i64 {
    let (weigh, penalty) = (&policy.impact_multipliers, &policy.penalty_constants);
    let exhausted = if step.is_exhausted() { i64::from(penalty.exhausted_retry) } else { 0 };
    i64::from(weigh.blocked_weight) * i64::from(behind.blocked)
        + i64::from(weigh.downstream_weight) * i64::from(behind.steps)
        + exhausted
        + i64::from(penalty.retry_instability) * i64::from(step.attempts)
}
