//! What would take a blocker away.
//!
//! Owns: which operations help against what, so that no remedy is offered that the rules would refuse. Next:
//! `rpc::explain`, which names the calls.

use super::{Cause, Explanation, TerminalCause};
use crate::domain::{
    ids::StepNo,
    pause::Pause,
    run::{Micros, Run},
    state::State,
};

/// Something that would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing has to be done: it goes on by itself, at this time if that is known.
    Wait(Option<Micros>),
    /// Retry a failed step now.
    RetryStep(StepNo),
    /// Retry every failed step of the failed task.
    RetryTask,
    /// Declare a step done.
    ResolveStep(StepNo),
    /// Allow a step so many attempts in total.
    RaiseLimit(StepNo, u16),
    /// End a running attempt, and the step with it.
    CancelStep(StepNo),
    /// Create the task again: what is final stays so.
    CreateTask,
    /// Let the handler, or the namespace, be given work again.
    Resume(Pause),
    /// Connect a worker that runs the step handler of this step.
    StartWorker(StepNo),
    /// Look at a step before it.
    LookAt(StepNo),
}

impl Cause {
    /// What would take it away from this step, the likeliest first.
    pub fn remedies(&self, run: &Run, of: &Explanation) -> Vec<Remedy> {
        let no = of.no;
        match self {
            // A task that went well needs none.
            Self::TaskSettled { state: State::Cancelled, .. } => vec![Remedy::CreateTask],
            Self::TaskSettled { .. } => Vec::new(),
            Self::Parents { unsettled, .. } => {
                unsettled.iter().take(1).map(|(parent, _)| Remedy::LookAt(*parent)).collect()
            }
            Self::Ancestor { ancestor, terminal_cause, .. } => helps(run, *ancestor, *terminal_cause),
            Self::Backoff { until, .. } => vec![Remedy::Wait(Some(*until)), Remedy::RetryStep(no)],
            Self::Exhausted { .. } => helps(run, no, TerminalCause::Exhausted),
            Self::Permanent { .. } => helps(run, no, TerminalCause::Permanent),
            Self::Leased { overdue: true, .. } => vec![Remedy::Wait(None)],
            Self::Leased { .. } => vec![Remedy::Wait(None), Remedy::CancelStep(no)],
            Self::Paused(pause) => vec![Remedy::Resume(pause.clone())],
            Self::NoWorker { .. } | Self::Draining { .. } => vec![Remedy::StartWorker(no)],
            Self::NoFreeSlot { .. } => vec![Remedy::Wait(None), Remedy::StartWorker(no)],
            Self::Cancelled => helps(run, no, TerminalCause::Cancelled),
            Self::Dispatch { .. } => vec![Remedy::Wait(None)],
        }
    }
}

/// What helps a step that will never be done by itself.
fn helps(run: &Run, no: StepNo, terminal_cause: TerminalCause) -> Vec<Remedy> {
    if !matches!(run.state(), State::Pending | State::InProgress | State::Error)
        || terminal_cause == TerminalCause::Cancelled
    {
        return vec![Remedy::CreateTask];
    }
    let step = run.step(no);
    let mut remedies = Vec::new();
    if step.state == State::Error {
        remedies.push(Remedy::RetryStep(no));
        if run.state() == State::Error {
            remedies.push(Remedy::RetryTask);
        }
    }
    if terminal_cause == TerminalCause::Exhausted {
        remedies.push(Remedy::RaiseLimit(no, step.attempts.saturating_add(1)));
    }
    remedies.push(Remedy::ResolveStep(no));
    remedies
}
