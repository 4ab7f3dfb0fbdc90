//! A run as the analysis sees it.
//!
//! Owns: what of a run the analysis depends on, and nothing else: two runs with the same step states have the same
//! analysis, whichever tasks they are. Time enters only through steps whose backoff has elapsed or not, so they
//! stay the same until a step moves or a backoff ends.

use crate::domain::{
    execution::{Counts, HealthStatus},
    ids::StepNo,
    run::{Micros, Run, Step},
    state::State,
};

/// The conditions of all steps of a run at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStates {
    steps: Vec<Condition>,
    counts: Counts,
    ended: bool,
}

/// What the analysis sees of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The state.
    pub state: State,
    /// Attempts begun.
    pub attempts: u16,
    /// Attempts allowed in total.
    pub retry_limit: u16,
    /// It could be tried again.
    pub retry_eligible: bool,
    /// It waits for parents: some are neither complete nor resolved. Never so for a settled step.
    pub blocked: bool,
    /// It could start now.
    pub ready: bool,
    /// It could start once its backoff has elapsed.
    pub in_backoff: bool,
}

impl StepStates {
    /// The states of a run's steps at this time.
    pub fn of(run: &Run, now: Micros) -> Self {
        Self {
            steps: run.steps().iter().map(|step| Condition::of(step, now)).collect(),
            counts: run.counts(now),
            ended: run.state().is_ended_task(),
        }
    }

    /// The steps counted.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether the task has ended: then the durations are those of this very task, and they alone decide between paths.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The condition of a step.
    pub fn step(&self, no: StepNo) -> &Condition {
        &self.steps[usize::from(no)]
    }

    /// The conditions of all steps, in the handler's order.
    pub fn steps(&self) -> &[Condition] {
        &self.steps
    }

    /// The steps with their conditions.
    pub fn numbered(&self) -> impl Iterator<Item = (StepNo, &Condition)> {
        (0..).zip(&self.steps)
    }

    /// Whether nothing has failed.
    pub fn is_healthy(&self) -> bool {
        self.counts.health() == HealthStatus::Healthy
    }

    /// Completed steps in hundredths of a percent, rounded half up.
    pub fn completion(&self) -> i64 {
        let (completed, total) = (i64::from(self.counts.completed), i64::from(self.counts.total));
        if total == 0 { 0 } else { (completed * 20_000 + total) / (total * 2) }
    }

    /// Everything about a step in a few bytes, for keys.
    pub fn bytes(&self) -> impl Iterator<Item = [u8; 6]> {
        self.steps.iter().map(|step| {
            let flags = [step.retry_eligible, step.blocked, step.ready, step.in_backoff];
            let flags = flags.iter().enumerate().fold(0, |bits, (at, set)| bits | u8::from(*set) << at);
            let ([a, b], [c, d]) = (step.attempts.to_be_bytes(), step.retry_limit.to_be_bytes());
            [step.state.code(), flags, a, b, c, d]
        })
    }
}

impl Condition {
    fn of(step: &Step, now: Micros) -> Self {
        let (startable, ready) = (step.is_startable(), step.is_ready(now));
        Self {
            state: step.state,
            attempts: step.attempts,
            retry_limit: step.retry_limit,
            retry_eligible: step.is_retry_eligible(),
            blocked: step.unmet > 0 && !step.state.is_settled_step(),
            ready,
            in_backoff: startable && !ready,
        }
    }

    /// Whether it has failed.
    pub fn is_error(&self) -> bool {
        self.state == State::Error
    }

    /// Whether it is complete or resolved.
    pub const fn is_done(&self) -> bool {
        self.state.is_satisfied()
    }

    /// Whether its attempts are used up and it is not running the last of them.
    pub fn is_exhausted(&self) -> bool {
        self.attempts >= self.retry_limit && matches!(self.state, State::Error | State::Pending)
    }

    /// Whether it has been given up: no attempt will begin by itself.
    pub fn is_given_up(&self) -> bool {
        !self.retry_eligible && matches!(self.state, State::Error | State::Pending)
    }
}

#[cfg(test)]
impl StepStates {
    /// The states made of these conditions.
    pub(super) fn made_of(steps: Vec<Condition>) -> Self {
        let mut counts = Counts { total: u32::try_from(steps.len()).unwrap(), ..Counts::default() };
        for step in &steps {
            counts.completed += u32::from(step.is_done());
            counts.failed += u32::from(step.is_error());
        }
        Self { steps, counts, ended: false }
    }
}
