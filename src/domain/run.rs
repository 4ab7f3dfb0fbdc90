//! One task as it runs: the aggregate that decides every move.
//!
//! Owns: the states of a task and of all its steps, and the rules by which they change. A caller applies
//! operations and gets the [`Changes`] to be written down; nothing here knows how. Never: IO, clocks, dice.
//! Next: `lifecycle`, which loads a run, applies operations to it and writes the changes.
//!
//! ```text
//!        created --claim--> running --complete--> complete, children released
//!                   ^          |
//!                   |          +--fail--> error --(backoff elapses)--+
//!                   +----------------------------------------------- +
//!                   +--hand back--+  the attempt does not count
//! ```

mod changes;
mod codec;
mod hand_back;
mod manual;
mod settle;

use std::{borrow::Cow, sync::Arc};

use super::{
    execution::Counts,
    ids::StepNo,
    state::{Owner, Refusal as StateRefusal, State},
    template::{StepSpec, Template},
};

pub use changes::{
    Cause, Changes, Claimed, Failure, HandBackReason, Move, Operation, OperationKind, Released, UNAUTHENTICATED,
};
pub use codec::{Corrupt, Stored};
pub use hand_back::HAND_BACKS_MAX;
pub use settle::DEADLINE_EXCEEDED;

/// A point in time: microseconds since 1970 in UTC.
pub type Micros = i64;

/// A task and the condition of all its steps.
#[derive(Debug, Clone)]
pub struct Run {
    template: Arc<Template>,
    state: State,
    reason: Option<Cow<'static, str>>,
    revision: u32,
    steps: Vec<Step>,
}

/// The condition of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The state.
    pub state: State,
    /// Its last failure ended the retries.
    pub permanent: bool,
    /// It was completed without running.
    pub bypassed: bool,
    /// It is cancelled because the task missed its deadline.
    pub expired: bool,
    /// Somebody changed its inputs.
    pub inputs_changed: bool,
    /// Attempts begun, those left out that were handed back.
    pub attempts: u16,
    /// Attempts that were handed back, at most [`HAND_BACKS_MAX`].
    pub handed_back: u8,
    /// Attempts allowed in total.
    pub retry_limit: u16,
    /// The sequence number of the transition that carries its newest results or error, 0 for none.
    pub outcome_sequence: u32,
    /// Not before this time.
    pub next_retry_at: Option<Micros>,
    /// Parents that are neither complete nor resolved.
    pub unmet: u16,
}

/// An operation that the rules refuse. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state machine has no such move.
    #[error(transparent)]
    State(#[from] StateRefusal),
    /// The attempt that the caller names does not run.
    #[error("the lease is no longer held: attempt {named} was named, the step is {state} at attempt {current}")]
    Stale {
        /// The attempt named.
        named: u16,
        /// The newest attempt.
        current: u16,
        /// The step's state.
        state: State,
    },
    /// The step cannot start now.
    #[error("the step is not ready")]
    NotReady,
    /// Only a failed task can be retried.
    #[error("the task is {0}, only a failed one can be retried")]
    NotFailed(State),
    /// The task is in a state in which its steps do not move.
    #[error("the task is {0}")]
    TaskSettled(State),
}

impl Step {
    /// The token of the newest attempt: it grows with every attempt, whether it counts or not.
    pub const fn token(&self) -> u16 {
        self.attempts.saturating_add(self.handed_back as u16)
    }

    /// Whether attempts are left.
    pub const fn is_retry_eligible(&self) -> bool {
        self.attempts < self.retry_limit && !self.permanent
    }

    /// Whether it has failed and has attempts left.
    pub fn is_retryable_error(&self) -> bool {
        self.state == State::Error && self.is_retry_eligible()
    }

    /// Whether it has failed and will never be tried again by itself.
    pub fn is_permanently_blocked(&self) -> bool {
        self.state == State::Error && !self.is_retry_eligible()
    }

    /// Whether it could start now or later without anybody's help, its parents being done.
    pub const fn is_startable(&self) -> bool {
        matches!(self.state, State::Pending | State::Error) && self.unmet == 0 && self.is_retry_eligible()
    }

    /// Whether it could start now.
    pub fn is_ready(&self, now: Micros) -> bool {
        self.is_startable() && self.next_retry_at.is_none_or(|at| at <= now)
    }
}

impl Run {
    /// A new task: all steps pending, those bypassed complete at once, roots ready.
    ///
    /// `bypass` names skippable steps; the caller has checked that they are.
    pub fn create(template: Arc<Template>, bypass: &[StepNo]) -> (Self, Changes) {
        let steps = template.steps.iter().map(Step::fresh).collect();
        let mut run = Self { template, state: State::Pending, reason: None, revision: 0, steps };
        let mut changes = Changes::default();
        run.append(None, None, State::Pending, 0, Cause::Engine, &mut changes);
        for no in bypass.iter().copied() {
            run.steps[usize::from(no)].bypassed = true;
            run.steps[usize::from(no)].state = State::Complete;
            let sequence = run.append(Some(no), None, State::Complete, 0, Cause::Bypassed, &mut changes);
            run.steps[usize::from(no)].outcome_sequence = sequence;
        }
        for no in bypass.iter().copied() {
            run.satisfy_children(no, &mut Changes::default());
        }
        changes.released.extend((0..run.len()).filter(|no| run.step(*no).is_startable()).map(Released::now));
        (run, changes)
    }

    /// Begins an attempt of a step.
    ///
    /// A failed step passes through pending, a pending task starts. The attempt's number, which only grows, is
    /// the lease token.
    pub fn claim(&mut self, no: StepNo, now: Micros, changes: &mut Changes) -> Result<Claimed, Refusal> {
        if self.state.is_settled_task() {
            return Err(Refusal::TaskSettled(self.state));
        }
        if !self.step(no).is_ready(now) {
            return Err(Refusal::NotReady);
        }
        if self.state == State::Pending {
            self.move_task(State::InProgress, None, Cause::Engine, changes);
        }
        if self.step(no).state == State::Error {
            let attempt = self.step(no).token();
            changes.retryable -= 1;
            self.move_step(no, State::Pending, attempt, Cause::Engine, changes);
        }
        let step = &mut self.steps[usize::from(no)];
        step.attempts += 1;
        step.next_retry_at = None;
        let attempt = step.token();
        self.move_step(no, State::InProgress, attempt, Cause::Claimed, changes);
        let claimed = Claimed { no, attempt };
        changes.claimed.push(claimed);
        Ok(claimed)
    }

    /// Ends an attempt well and releases the children that waited only for it.
    pub fn complete(&mut self, no: StepNo, token: u16, changes: &mut Changes) -> Result<(), Refusal> {
        self.hold(no, token)?;
        let sequence = self.move_step(no, State::Complete, token, Cause::Completed, changes);
        self.steps[usize::from(no)].outcome_sequence = sequence;
        changes.ended.push(Claimed { no, attempt: token });
        self.satisfy_children(no, changes);
        Ok(())
    }

    /// Ends an attempt badly. `wait` is how long the next attempt is to wait, should there be one.
    pub fn fail(
        &mut self,
        no: StepNo,
        token: u16,
        failure: Failure,
        now: Micros,
        wait: std::time::Duration,
        changes: &mut Changes,
    ) -> Result<(), Refusal> {
        self.hold(no, token)?;
        let permanent = failure.permanent || !self.template.step(no).retryable;
        let step = &mut self.steps[usize::from(no)];
        step.permanent = permanent;
        let retry_at = step.is_retry_eligible().then(|| now.saturating_add(micros(wait)));
        step.next_retry_at = retry_at;
        let cause = Cause::Failed { failure, permanent, retry_at };
        let sequence = self.move_step(no, State::Error, token, cause, changes);
        changes.retryable += i32::from(retry_at.is_some());
        self.steps[usize::from(no)].outcome_sequence = sequence;
        changes.ended.push(Claimed { no, attempt: token });
        changes.released.extend(retry_at.map(|at| Released { no, not_before: Some(at) }));
        Ok(())
    }

    /// The handler version that the task pinned.
    pub const fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// The task's state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Why the task is in that state.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The sequence number of the newest transition.
    pub const fn revision(&self) -> u32 {
        self.revision
    }

    /// The condition of a step.
    pub fn step(&self, no: StepNo) -> &Step {
        &self.steps[usize::from(no)]
    }

    /// The conditions of all steps, in the handler's order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many steps there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a run always has a step")]
    pub fn len(&self) -> StepNo {
        StepNo::try_from(self.steps.len()).expect("steps_per_task is checked at registration")
    }

    /// Whether the step exists.
    pub fn has(&self, no: StepNo) -> bool {
        usize::from(no) < self.steps.len()
    }

    /// The steps counted, at this time.
    pub fn counts(&self, now: Micros) -> Counts {
        let mut counts = Counts { total: u32::from(self.len()), ..Counts::default() };
        for step in &self.steps {
            match step.state {
                State::Pending => counts.pending += 1,
                State::InProgress => counts.in_progress += 1,
                State::Complete | State::ResolvedManually => counts.completed += 1,
                State::Error => counts.failed += 1,
                State::Cancelled => counts.cancelled += 1,
            }
            counts.permanently_blocked += u32::from(step.is_permanently_blocked());
            if step.is_startable() {
                if step.is_ready(now) {
                    counts.ready += 1;
                } else {
                    counts.waiting += 1;
                }
            }
        }
        counts
    }

    /// Checks that the attempt is the one that runs.
    fn hold(&self, no: StepNo, token: u16) -> Result<(), Refusal> {
        let step = self.step(no);
        if step.state == State::InProgress && step.token() == token {
            Ok(())
        } else {
            Err(Refusal::Stale { named: token, current: step.token(), state: step.state })
        }
    }

    /// Tells the children of a step that it is done; those that waited only for it are released.
    fn satisfy_children(&mut self, no: StepNo, changes: &mut Changes) {
        let template = Arc::clone(&self.template);
        for child in template.step(no).children.iter().copied() {
            let step = &mut self.steps[usize::from(child)];
            step.unmet -= 1;
            if step.is_startable() {
                changes.released.push(Released { no: child, not_before: step.next_retry_at });
            }
        }
    }

    fn move_step(&mut self, no: StepNo, to: State, attempt: u16, cause: Cause, changes: &mut Changes) -> u32 {
        let from = std::mem::replace(&mut self.steps[usize::from(no)].state, to);
        debug_assert_eq!(from.check(Owner::Step, to), Ok(()));
        self.append(Some(no), Some(from), to, attempt, cause, changes)
    }

    fn move_task(&mut self, to: State, reason: Option<Cow<'static, str>>, cause: Cause, changes: &mut Changes) {
        let from = std::mem::replace(&mut self.state, to);
        debug_assert_eq!(from.check(Owner::Task, to), Ok(()));
        self.reason = reason;
        self.append(None, Some(from), to, 0, cause, changes);
    }

    fn append(
        &mut self,
        step: Option<StepNo>,
        from: Option<State>,
        to: State,
        attempt: u16,
        cause: Cause,
        changes: &mut Changes,
    ) -> u32 {
        self.revision += 1;
        changes.moves.push(Move { sequence: self.revision, step, from, to, attempt, cause });
        self.revision
    }
}

impl Step {
    fn fresh(spec: &StepSpec) -> Self {
        Self {
            state: State::Pending,
            permanent: false,
            bypassed: false,
            expired: false,
            inputs_changed: false,
            attempts: 0,
            handed_back: 0,
            retry_limit: spec.retry_limit,
            outcome_sequence: 0,
            next_retry_at: None,
            unmet: u16::try_from(spec.parents.len()).expect("steps_per_task is checked at registration"),
        }
    }
}

fn micros(wait: std::time::Duration) -> Micros {
    Micros::try_from(wait.as_micros()).unwrap_or(Micros::MAX)
}

#[cfg(test)]
pub(in crate::domain) mod tests;
