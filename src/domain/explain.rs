//! Why a step does not move.
//!
//! Owns: the verdict on a step and every cause that keeps it, as data: the cause, its begin, the operations that remove
//! it. The run says what the rules allow; the [`Facts`] say what only the engine knows. Never: looks anything up. Next:
//! `explain/judge.rs` for the judgement, `explain/groups.rs` for the steps at which others stand, `explain/words.rs`
//! for people; `service::explain` gathers the facts.
//!
//! ```text
//!   settled      it never moves again                 running   an attempt runs
//!   movable      a worker with a free slot gets it now
//!   waiting      it moves by itself, or once a pause ends or a worker connects
//!   stuck        no step that the engine takes will ever start it; a person has to act
//! ```

mod facts;
mod groups;
mod judge;
mod remedy;
mod words;

pub use facts::{Facts, Failure, Lease, Presence, SessionOccupancy};
pub use groups::{Group, roots, terminal_cause};
pub use judge::Explainer;
pub use remedy::Remedy;
pub use words::summary;

use super::{ids::StepNo, pause::Pause, run::Micros, state::State};

/// Parents named of a step that waits for more.
pub const PARENTS_NAMED: usize = 16;

/// Roots named of a step, at most.
pub const ROOTS_NAMED: usize = 8;

/// Workers named, at most.
pub const SESSIONS_NAMED: usize = 16;

/// Whether a step moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It can start now, and a worker has a slot for it.
    Movable,
    /// An attempt runs.
    Running,
    /// It will start without anybody's help to the step itself; at this time, if it is only that.
    Waiting {
        /// When, if that is known.
        until: Option<Micros>,
    },
    /// It never starts unless a person intervenes.
    Stuck,
    /// It is complete, cancelled or resolved.
    Settled,
}

/// One cause that keeps a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocker {
    /// The cause.
    pub cause: Cause,
    /// When it began to keep the step, if that is known.
    pub since: Option<Micros>,
}

/// The causes that keep steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// Its task is final.
    TaskSettled {
        /// The task's state.
        state: State,
        /// Why the task is in that state, empty when it does not say.
        reason: String,
    },
    /// Parents are neither complete nor resolved.
    Parents {
        /// The first of them, with their states.
        unsettled: Vec<(StepNo, State)>,
        /// How many there are.
        count: usize,
    },
    /// A step before it will never be done.
    Ancestor {
        /// That step.
        ancestor: StepNo,
        /// Why.
        terminal_cause: TerminalCause,
        /// How it failed, if it did.
        failure: Option<Failure>,
    },
    /// Its last attempt failed and the next may not begin yet.
    Backoff {
        /// When it may.
        until: Micros,
        /// How the last one failed.
        failure: Option<Failure>,
    },
    /// It has used all its attempts, or is allowed none.
    Exhausted {
        /// Attempts begun.
        attempts: u16,
        /// Attempts allowed.
        limit: u16,
        /// How the last one failed.
        failure: Option<Failure>,
    },
    /// It failed for good, whatever attempts are left.
    Permanent {
        /// Whether its handler allows more than one attempt at all.
        retryable: bool,
        /// How it failed.
        failure: Option<Failure>,
    },
    /// A worker runs it.
    Leased {
        /// The attempt.
        attempt: u16,
        /// Who, or nobody: then the sweeper ends the attempt.
        lease: Option<Lease>,
        /// Whether the lease or the attempt's own time is over, and the sweeper is about to end it.
        overdue: bool,
    },
    /// Its handler or namespace is paused.
    Paused(Pause),
    /// No worker is connected that runs its step handler.
    NoWorker {
        /// Workers that ran it a moment ago and may come back.
        disconnected: Vec<SessionOccupancy>,
    },
    /// Every worker that runs its step handler is full.
    NoFreeSlot {
        /// Who holds the slots, the first of them.
        holders: Vec<SessionOccupancy>,
        /// How many workers there are.
        count: usize,
    },
    /// The workers that run its step handler take no more work, because they or their servers are about to go.
    Draining {
        /// Who, the first of them.
        sessions: Vec<SessionOccupancy>,
    },
    /// It was cancelled itself, and others wait behind it.
    Cancelled,
    /// Nothing: it is about to be given to a worker.
    Dispatch {
        /// Free slots that it may take.
        free: usize,
    },
}

/// Why a step will never be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalCause {
    /// Somebody cancelled it, or its task was.
    Cancelled,
    /// It has used all its attempts, or is allowed none.
    Exhausted,
    /// It failed for good.
    Permanent,
}

/// What can be said of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The step.
    pub no: StepNo,
    /// Whether it moves.
    pub verdict: Verdict,
    /// The causes that keep it, the weightiest first. One that is movable has only [`Cause::Dispatch`]; one that is
    /// settled has none, but for [`Cause::Cancelled`] where others wait behind it.
    pub blockers: Vec<Blocker>,
}

/// How many steps got which verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Movable.
    pub movable: u32,
    /// Running.
    pub running: u32,
    /// Waiting.
    pub waiting: u32,
    /// Stuck.
    pub stuck: u32,
    /// Settled.
    pub settled: u32,
}

#[cfg(test)]
mod tests;
