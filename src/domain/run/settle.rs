//! The task's own state, decided from its steps after every batch of operations.
//!
//! With nothing ready and nothing running, a task that can still move is pending, with its reason; it is in progress
//! again when it moves.

use std::borrow::Cow;

use super::{
    super::execution::{Counts, ExecutionStatus},
    super::ids::StepNo,
    super::state::State,
    Cause, Changes, Micros, Operation, Refusal, Run,
};

/// The reason of a task that waits.
pub(super) const WAITING: &str = "waiting_for_dependencies";
/// The reason of a task that failed because of its steps.
pub(super) const STEPS_IN_ERROR: &str = "steps_in_error_state";
/// The reason of a task that cannot go on because of cancelled steps.
pub(super) const STEPS_CANCELLED: &str = "steps_cancelled";
/// The reason of a task whose next step is allowed no attempt at all.
pub(super) const NO_ATTEMPTS_LEFT: &str = "no_attempts_left";
/// The reason of a task that missed its deadline.
pub const DEADLINE_EXCEEDED: &str = "deadline_exceeded";

impl Run {
    /// Brings the task's state in line with its steps. Called once after the operations of a batch.
    pub fn settle(&mut self, now: Micros, changes: &mut Changes) {
        if matches!(self.state, State::Complete | State::Cancelled | State::ResolvedManually) {
            return;
        }
        let counts = self.counts(now);
        match counts.status() {
            ExecutionStatus::AllComplete => {
                self.revive(changes);
                if self.state == State::Pending {
                    self.move_task(State::InProgress, None, Cause::Engine, changes);
                }
                self.move_task(State::Complete, None, Cause::Engine, changes);
            }
            ExecutionStatus::BlockedByFailures => {
                let reason = match counts {
                    Counts { failed: 1.., .. } => STEPS_IN_ERROR,
                    Counts { cancelled: 1.., .. } => STEPS_CANCELLED,
                    _ => NO_ATTEMPTS_LEFT,
                };
                self.go(State::Error, reason, changes);
            }
            ExecutionStatus::HasReadySteps => self.revive(changes),
            ExecutionStatus::Processing => {
                self.revive(changes);
                if self.state == State::Pending {
                    self.move_task(State::InProgress, None, Cause::Engine, changes);
                }
            }
            ExecutionStatus::WaitingForDependencies => self.go(State::Pending, WAITING, changes),
        }
    }

    /// Cancels the task: what has not settled is cancelled, what runs is stopped. A task that is complete or
    /// resolved is final.
    pub fn cancel(&mut self, operation: Operation, changes: &mut Changes) -> Result<(), Refusal> {
        if matches!(self.state, State::Complete | State::ResolvedManually) {
            return Err(Refusal::TaskSettled(self.state));
        }
        self.state.check(super::Owner::Task, State::Cancelled)?;
        let cause = Cause::Manual(operation.clone());
        self.cancel_open_steps(&cause, changes);
        self.end_retries(&cause, changes);
        let reason = Some(Cow::Borrowed("cancelled"));
        self.move_task(State::Cancelled, reason, Cause::Manual(operation), changes);
        Ok(())
    }

    /// Ends a task that missed its deadline: what has not settled is cancelled, what has failed stays so, the
    /// task fails. A retry of the task brings back what was cancelled so.
    pub fn exceed_deadline(&mut self, deadline_at: Micros, changes: &mut Changes) -> Result<(), Refusal> {
        if self.state.is_settled_task() {
            return Err(Refusal::TaskSettled(self.state));
        }
        let cause = Cause::DeadlineExceeded { deadline_at };
        for no in self.cancel_open_steps(&cause, changes) {
            self.steps[usize::from(no)].expired = true;
        }
        self.end_retries(&cause, changes);
        self.move_task(State::Error, Some(Cow::Borrowed(DEADLINE_EXCEEDED)), cause, changes);
        Ok(())
    }

    /// A failed task that can move again becomes pending.
    fn revive(&mut self, changes: &mut Changes) {
        if self.state == State::Error {
            self.move_task(State::Pending, None, Cause::Engine, changes);
        }
    }

    fn go(&mut self, to: State, reason: &'static str, changes: &mut Changes) {
        if self.state != to {
            self.move_task(to, Some(Cow::Borrowed(reason)), Cause::Because(Cow::Borrowed(reason)), changes);
        }
    }

    /// A failed step that waits for its next attempt would move an ended task: its failure becomes final.
    fn end_retries(&mut self, cause: &Cause, changes: &mut Changes) {
        for no in 0..self.len() {
            let step = &mut self.steps[usize::from(no)];
            if step.is_retryable_error() {
                step.permanent = true;
                changes.retryable -= 1;
                step.next_retry_at = None;
                let attempt = step.token();
                self.append(Some(no), Some(State::Error), State::Error, attempt, cause.clone(), changes);
            }
        }
    }

    /// Cancels the steps that are pending or run, and tells which they were.
    fn cancel_open_steps(&mut self, cause: &Cause, changes: &mut Changes) -> Vec<StepNo> {
        let is_open = |no: &StepNo| matches!(self.step(*no).state, State::Pending | State::InProgress);
        let open: Vec<StepNo> = (0..self.len()).filter(is_open).collect();
        for no in &open {
            self.cancel_one(*no, cause.clone(), changes);
        }
        open
    }
}
