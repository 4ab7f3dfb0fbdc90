//! Bottlenecks: the steps that hold up the most.
//!
//! While steps have failed, these alone; otherwise whatever waits, has been tried more than once or has been given up.
//! Completed and cancelled steps are none, and neither is a running step for being on its last attempt.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{
    Policy, Shape, StepStates,
    policy::Severity,
    reach::{self, Behind},
    step_states::Condition,
};
use crate::domain::{ids::StepNo, state::State};

/// Bottlenecks that are shown.
pub const BOTTLENECKS_MAX: usize = 10;

/// The bottlenecks of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bottlenecks {
    /// Those with the highest impact, ties by name; at most [`BOTTLENECKS_MAX`].
    pub worst: Vec<Bottleneck>,
    /// How many there are.
    pub total: u32,
    /// How many of them are critical.
    pub critical: u32,
    /// How many of them are of high severity.
    pub high: u32,
    /// Blocked steps behind them; one behind two counts twice.
    pub blocked: u64,
    /// What they mean for the task.
    pub overall: Impact,
}

/// A step that holds others up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// The step.
    pub step: StepNo,
    /// Steps behind it.
    pub downstream: u32,
    /// Those of them that wait for parents.
    pub blocked: u32,
    /// How bad it is.
    pub impact: i64,
    /// How severe that is.
    pub severity: Severity,
}

/// What the bottlenecks mean for the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Impact {
    /// There are none.
    None,
    /// They are few and harmless.
    Low,
    /// One is of high severity, or there are many.
    Medium,
    /// One is critical, or several are of high severity.
    High,
    /// Several are critical, or most of the task has failed.
    Severe,
}

/// What makes a step a bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It will not be tried again.
    PermanentFailure,
    /// It has failed and will be tried again.
    ActiveError,
    /// It waits for parents.
    DependencyBlock,
    /// It has been tried more than once.
    RetryExhaustion,
}

/// What to do about a bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Somebody has to resolve or retry it.
    ManualIntervention,
    /// Somebody should look why it failed.
    InvestigateError,
    /// What it waits for holds the answer.
    CheckUpstream,
    /// It is tried again by itself.
    WaitForBackoff,
    /// It is being tried again.
    MonitorRetries,
    /// Nothing else explains it.
    ReviewConfiguration,
}

impl Kind {
    /// What makes this step a bottleneck.
    pub fn of(step: &Condition) -> Self {
        if step.is_given_up() {
            Self::PermanentFailure
        } else if step.is_error() {
            Self::ActiveError
        } else if step.blocked {
            Self::DependencyBlock
        } else {
            Self::RetryExhaustion
        }
    }
}

impl Strategy {
    /// What to do about this step.
    pub fn of(step: &Condition) -> Self {
        if step.is_given_up() {
            Self::ManualIntervention
        } else if step.is_error() {
            Self::InvestigateError
        } else if step.blocked {
            Self::CheckUpstream
        } else if step.in_backoff {
            Self::WaitForBackoff
        } else if step.attempts >= 1 {
            Self::MonitorRetries
        } else {
            Self::ReviewConfiguration
        }
    }
}

pub(super) fn analyse(shape: &Shape, states: &StepStates, policy: &Policy) -> Bottlenecks {
    let failed = states.counts().failed;
    let is_candidate = |step: &Condition| match failed {
        0 => !step.state.is_settled_step() && (step.blocked || step.attempts >= 2 || step.is_given_up()),
        _ => step.is_error(),
    };
    let candidates: Vec<StepNo> = states.numbered().filter(|(_, step)| is_candidate(step)).map(|(no, _)| no).collect();
    let behind = reach::count(shape, states, &candidates);
    let entry = |(step, behind): (&StepNo, Behind)| {
        let impact = impact(states.step(*step), behind, policy);
        let severity = policy.severity_thresholds.severity(impact);
        Bottleneck { step: *step, downstream: behind.steps, blocked: behind.blocked, impact, severity }
    };
    let mut worst: Vec<Bottleneck> = candidates.iter().zip(behind).map(entry).collect();
    worst.sort_by_key(|entry| (Reverse(entry.impact), shape.rank(entry.step)));
    let of = |severity| number(worst.iter().filter(|entry| entry.severity == severity).count());
    let (critical, high, total) = (of(Severity::Critical), of(Severity::High), number(worst.len()));
    let blocked = worst.iter().map(|entry| u64::from(entry.blocked)).sum();
    let overall = if total == 0 {
        Impact::None
    } else if critical >= 3 || failed > number(shape.steps()) / 2 {
        Impact::Severe
    } else if critical >= 1 || high >= 3 {
        Impact::High
    } else if high >= 1 || total >= 5 {
        Impact::Medium
    } else {
        Impact::Low
    };
    worst.truncate(BOTTLENECKS_MAX);
    Bottlenecks { worst, total, critical, high, blocked, overall }
}

fn impact(step: &Condition, behind: Behind, policy: &Policy) -> i64 {
    let (weigh, penalty) = (&policy.impact_multipliers, &policy.penalty_constants);
    let base = f64::from(weigh.downstream_weight) * f64::from(behind.steps)
        + f64::from(weigh.blocked_weight) * f64::from(behind.blocked);
    let when = |holds: bool, penalty: u32| if holds { f64::from(penalty) } else { 0.0 };
    let penalties = f64::from(penalty.retry_instability) * f64::from(step.attempts)
        + when(step.is_given_up(), penalty.non_retryable)
        + when(step.is_exhausted(), penalty.exhausted_retry);
    // Weights and steps are bounded far below what a double holds exactly.
    (base * multiplier(step, policy) + penalties).round() as i64
}

fn multiplier(step: &Condition, policy: &Policy) -> f64 {
    let multiply = &policy.severity_multipliers;
    match step.state {
        State::Error if step.is_exhausted() => multiply.error_state + multiply.exhausted_retry_bonus,
        State::Error => multiply.error_state,
        State::Pending if step.blocked => multiply.dependency_issue,
        _ => 1.0,
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("there are fewer steps than numbers")
}
