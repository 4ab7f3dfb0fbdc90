//! Operations of people on a step: cancel, retry, resolve, and change.

use super::{
    super::ids::StepNo,
    super::state::{Owner, State},
    Cause, Changes, Claimed, Operation, Refusal, Released, Run, StateRefusal, Step,
};

impl Run {
    /// Cancels a step that is pending or runs. Its descendants can then never run.
    pub fn cancel_step(&mut self, no: StepNo, operation: Operation, changes: &mut Changes) -> Result<(), Refusal> {
        self.open()?;
        self.step(no).state.check(Owner::Step, State::Cancelled)?;
        self.cancel_one(no, Cause::Manual(operation), changes);
        Ok(())
    }

    /// Declares a pending or failed step done and releases its children.
    pub fn resolve_step(&mut self, no: StepNo, operation: Operation, changes: &mut Changes) -> Result<(), Refusal> {
        self.open()?;
        self.step(no).state.check(Owner::Step, State::ResolvedManually)?;
        changes.retryable -= i32::from(self.step(no).is_retryable_error());
        let attempt = self.step(no).token();
        let sequence = self.move_step(no, State::ResolvedManually, attempt, Cause::Manual(operation), changes);
        let step = &mut self.steps[usize::from(no)];
        step.outcome_sequence = sequence;
        step.next_retry_at = None;
        self.satisfy_children(no, changes);
        Ok(())
    }

    /// Makes a failed step pending again, to start now; an exhausted one gets `additional` more attempts.
    pub fn retry_step(
        &mut self,
        no: StepNo,
        additional: u16,
        operation: Operation,
        changes: &mut Changes,
    ) -> Result<(), Refusal> {
        self.open()?;
        let step = &mut self.steps[usize::from(no)];
        if step.state != State::Error {
            let refusal = match step.state {
                State::Pending => StateRefusal::AlreadyThere(State::Pending),
                from => StateRefusal::NotAllowed { owner: Owner::Step, from, to: State::Pending },
            };
            return Err(refusal.into());
        }
        changes.retryable -= i32::from(step.is_retryable_error());
        // A raised limit may have released it before.
        let waits_for_nothing = step.is_startable() && step.next_retry_at.is_none();
        step.permanent = false;
        step.next_retry_at = None;
        if step.attempts >= step.retry_limit {
            step.retry_limit = step.attempts.saturating_add(additional.max(1));
        }
        let attempt = step.token();
        self.move_step(no, State::Pending, attempt, Cause::Manual(operation), changes);
        if self.step(no).is_startable() && !waits_for_nothing {
            changes.released.push(Released::now(no));
        }
        Ok(())
    }

    /// Retries every failed step of a failed task; steps that its missed deadline cancelled are pending again.
    pub fn retry(&mut self, additional: u16, operation: &Operation, changes: &mut Changes) -> Result<(), Refusal> {
        if self.state != State::Error {
            return Err(Refusal::NotFailed(self.state));
        }
        let could_run = |step: &Step| match step.state {
            State::Error => true,
            _ => step.expired && step.unmet == 0 && (step.attempts > 0 || step.retry_limit > 0),
        };
        if !self.steps.iter().any(could_run) {
            return Err(Refusal::TaskSettled(self.state));
        }
        for no in 0..self.len() {
            if self.step(no).state == State::Error {
                self.retry_step(no, additional, operation.clone(), changes)?;
            } else if self.step(no).expired {
                self.revive_step(no, additional, operation.clone(), changes);
            }
        }
        self.move_task(State::Pending, None, Cause::Manual(operation.clone()), changes);
        Ok(())
    }

    /// Makes a step pending again that the missed deadline of its task cancelled.
    fn revive_step(&mut self, no: StepNo, additional: u16, operation: Operation, changes: &mut Changes) {
        let step = &mut self.steps[usize::from(no)];
        step.expired = false;
        let attempt = step.attempts;
        if attempt > 0 && attempt >= step.retry_limit {
            step.retry_limit = attempt.saturating_add(additional.max(1));
        }
        self.move_step(no, State::Pending, attempt, Cause::Manual(operation), changes);
        if self.step(no).is_startable() {
            changes.released.push(Released::now(no));
        }
    }

    /// Changes how many attempts a step that is not settled may have; more of them revive an exhausted one.
    pub fn limit_step(
        &mut self,
        no: StepNo,
        limit: u16,
        operation: Operation,
        changes: &mut Changes,
    ) -> Result<(), Refusal> {
        self.open_step(no)?;
        let before = self.step(no).is_startable();
        changes.retryable -= i32::from(self.step(no).is_retryable_error());
        self.steps[usize::from(no)].retry_limit = limit;
        changes.retryable += i32::from(self.step(no).is_retryable_error());
        self.record(Some(no), operation, changes);
        let step = self.step(no);
        if step.is_startable() && !before {
            changes.released.push(Released { no, not_before: step.next_retry_at });
        }
        Ok(())
    }

    /// Notes that the inputs of a step that is not settled were changed.
    pub fn change_inputs(&mut self, no: StepNo, operation: Operation, changes: &mut Changes) -> Result<(), Refusal> {
        self.open_step(no)?;
        self.steps[usize::from(no)].inputs_changed = true;
        self.record(Some(no), operation, changes);
        Ok(())
    }

    /// Appends to the audit trail without a move.
    pub fn record(&mut self, step: Option<StepNo>, operation: Operation, changes: &mut Changes) {
        let (state, attempt) = match step {
            Some(no) => (self.step(no).state, self.step(no).token()),
            None => (self.state, 0),
        };
        self.append(step, Some(state), state, attempt, Cause::Manual(operation), changes);
    }

    /// Cancels a step. If an attempt runs it ends, its worker is told, and the move is the step's outcome.
    pub(super) fn cancel_one(&mut self, no: StepNo, cause: Cause, changes: &mut Changes) {
        let Step { state, .. } = *self.step(no);
        let attempt = self.step(no).token();
        let sequence = self.move_step(no, State::Cancelled, attempt, cause, changes);
        if state == State::InProgress {
            let claimed = Claimed { no, attempt };
            changes.ended.push(claimed);
            changes.stopped.push(claimed);
            self.steps[usize::from(no)].outcome_sequence = sequence;
        }
    }

    /// Steps move by hand while the task is pending, runs, or has failed.
    fn open(&self) -> Result<(), Refusal> {
        match self.state {
            State::Pending | State::InProgress | State::Error => Ok(()),
            settled => Err(Refusal::TaskSettled(settled)),
        }
    }

    fn open_step(&self, no: StepNo) -> Result<(), Refusal> {
        self.open()?;
        let state = self.step(no).state;
        if state.is_settled_step() {
            return Err(Refusal::State(StateRefusal::NotAllowed {
                owner: Owner::Step,
                from: state,
                to: State::Pending,
            }));
        }
        Ok(())
    }
}
