//! Why a step does not move.
//!
//! Owns: the verdict on a step and everything that stands in its way, as data: what, since when, what would take it
//! away. The run says what the rules allow; the [`Facts`] says what only the engine knows: who is connected, who
//! holds what, what is paused. Never: looks anything up. Next: `service::explain`, which gathers the facts;
//! `explain/words.rs` for people.
//!
//! ```text
//!   settled      it never moves again                 running   an attempt runs
//!   movable      a worker with a free slot gets it now
//!   waiting      it moves by itself, or once somebody pauses less or connects more
//!   never        nothing that the engine does will ever start it; a person has to
//! ```

mod remedy;
mod words;

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

pub use remedy::Remedy;
pub use words::summary;

use super::{
    ids::StepNo,
    run::{Micros, Run},
    state::State,
    template::QueueId,
};

/// Parents named of a step that waits for more.
pub const PARENTS_NAMED: usize = 16;

/// Steps at the bottom of it named, at most.
pub const ROOTS_NAMED: usize = 8;

/// Runs with more steps than this are not searched for every cause once for each step that is explained.
const SEARCHED_STEPS_MAX: usize = 500;

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
    Never,
    /// It is complete, cancelled or resolved.
    Settled,
}

/// What stands in the way of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocker {
    /// What.
    pub cause: Cause,
    /// Since when, if that is known.
    pub since: Option<Micros>,
}

/// What can stand in the way of a step.
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

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The attempt.
    pub attempt: u16,
    /// The class of the error.
    pub error_class: String,
    /// The message.
    pub message: String,
    /// When.
    pub at: Micros,
}

/// The hold of a worker on an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The session.
    pub session_id: Uuid,
    /// The worker, empty when its session is forgotten.
    pub worker_id: String,
    /// Since when.
    pub since: Micros,
    /// Until when, unless the worker shows a sign of life; `None` when its session is gone.
    pub expires_at: Option<Micros>,
    /// When the attempt times out.
    pub deadline_at: Option<Micros>,
    /// How far the worker says it has come.
    pub percent: Option<f64>,
    /// What the worker says it does now.
    pub note: String,
}

/// A handler, or all of a namespace, that is given no work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The namespace.
    pub namespace: String,
    /// The handler, or `None` for all of the namespace.
    pub handler: Option<String>,
    /// Since when.
    pub since: Micros,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A worker's session as far as it could run a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOccupancy {
    /// The session.
    pub session_id: Uuid,
    /// The worker.
    pub worker_id: String,
    /// The server that it is connected to.
    pub server_id: Uuid,
    /// Attempts that it runs at once.
    pub slots: usize,
    /// Attempts that it has.
    pub held: usize,
    /// Whether it takes more.
    pub presence: Presence,
    /// Since when it is connected.
    pub since: Micros,
}

/// Whether a session takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Open,
    /// It, or its server, is about to go.
    Draining,
    /// It is alive, and neither has a stream nor a claim that waits.
    Disconnected,
}

impl SessionOccupancy {
    /// How many more attempts it takes now.
    pub fn free(&self) -> usize {
        if self.presence == Presence::Open { self.slots.saturating_sub(self.held) } else { 0 }
    }
}

/// What only the engine knows, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The moment.
    pub now: Micros,
    /// When the task was stored.
    pub created_at: Micros,
    /// When it reached its final state.
    pub finished_at: Option<Micros>,
    /// The pauses of the task's namespace and handler.
    pub pauses: Vec<Pause>,
    /// Sessions by the queue that they serve.
    pub sessions: HashMap<QueueId, Vec<SessionOccupancy>>,
    /// The running attempts.
    pub leases: HashMap<StepNo, Lease>,
    /// How steps failed last.
    pub failures: HashMap<StepNo, Failure>,
    /// When steps came to their present end: completed, failed, cancelled, resolved.
    pub ended_at: HashMap<StepNo, Micros>,
}

/// What can be said of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The step.
    pub no: StepNo,
    /// Whether it moves.
    pub verdict: Verdict,
    /// What stands in its way, the weightiest first. One that is movable has only [`Cause::Dispatch`].
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
    /// Never.
    pub never: u32,
    /// Settled.
    pub settled: u32,
}

/// Explains the steps of one run among the facts of one moment.
#[derive(Debug)]
pub struct Explainer<'a> {
    run: &'a Run,
    facts: &'a Facts,
    /// For each step that will never be done without help the nearest one that is the cause of it, maybe itself.
    root_blockers: Vec<Option<StepNo>>,
}

/// Why the step itself, whatever is before it, will never be done; `None` when it may be.
pub fn terminal_cause(run: &Run, no: StepNo) -> Option<TerminalCause> {
    let step = run.step(no);
    match step.state {
        State::Cancelled => Some(TerminalCause::Cancelled),
        State::Pending | State::Error if step.permanent => Some(TerminalCause::Permanent),
        State::Pending | State::Error if !step.is_retry_eligible() => Some(TerminalCause::Exhausted),
        _ => None,
    }
}

/// The steps at the bottom of it: those before this one that are not done although nothing before them keeps
/// them, nearest first, at most so many.
pub fn roots(run: &Run, no: StepNo, most: usize) -> Vec<StepNo> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([no]);
    let mut next = VecDeque::from([no]);
    while let Some(at) = next.pop_front() {
        for parent in run.template().step(at).parents.iter().copied() {
            if run.step(parent).state.is_satisfied() || !seen.insert(parent) {
                continue;
            }
            if terminal_cause(run, parent).is_none() && run.step(parent).unmet > 0 {
                next.push_back(parent);
                continue;
            }
            found.push(parent);
            if found.len() == most {
                return found;
            }
        }
    }
    found
}

impl<'a> Explainer<'a> {
    /// Looks over the run once.
    pub fn new(run: &'a Run, facts: &'a Facts) -> Self {
        let mut root_blockers: Vec<Option<StepNo>> =
            (0..run.len()).map(|no| terminal_cause(run, no).map(|_| no)).collect();
        let mut next: VecDeque<StepNo> = root_blockers.iter().flatten().copied().collect();
        while let Some(no) = next.pop_front() {
            for child in run.template().step(no).children.iter().copied() {
                let is_open = matches!(run.step(child).state, State::Pending | State::Error);
                if is_open && root_blockers[usize::from(child)].is_none() {
                    root_blockers[usize::from(child)] = root_blockers[usize::from(no)];
                    next.push_back(child);
                }
            }
        }
        Self { run, facts, root_blockers }
    }

    /// Whether a step moves.
    pub fn verdict(&self, no: StepNo) -> Verdict {
        let step = self.run.step(no);
        if step.state.is_settled_step() {
            return Verdict::Settled;
        }
        if step.state == State::InProgress {
            return Verdict::Running;
        }
        if self.is_over() || self.root_blockers[usize::from(no)].is_some() {
            return Verdict::Never;
        }
        if step.unmet > 0 {
            return Verdict::Waiting { until: None };
        }
        let due = step.next_retry_at.filter(|at| *at > self.facts.now);
        let is_free = self.facts.pauses.is_empty() && self.free(no) > 0;
        match due {
            Some(_) => Verdict::Waiting { until: due },
            None if is_free => Verdict::Movable,
            None => Verdict::Waiting { until: None },
        }
    }

    /// Whether a step moves, and what stands in its way.
    pub fn step(&self, no: StepNo) -> Explanation {
        let verdict = self.verdict(no);
        let mut blockers = Vec::new();
        match verdict {
            Verdict::Settled => {}
            Verdict::Running => blockers.push(self.leased(no)),
            Verdict::Never => self.add_finals(no, &mut blockers),
            Verdict::Waiting { .. } | Verdict::Movable => self.add_waits(no, &mut blockers),
        }
        Explanation { no, verdict, blockers }
    }

    /// Whether the task moves: final, stuck, or the best that one of its steps can do.
    pub fn task(&self) -> (Verdict, Tally) {
        let mut tally = Tally::default();
        let mut until: Option<Micros> = None;
        for no in 0..self.run.len() {
            match self.verdict(no) {
                Verdict::Movable => tally.movable += 1,
                Verdict::Running => tally.running += 1,
                Verdict::Waiting { until: at } => {
                    tally.waiting += 1;
                    until = [until, at].into_iter().flatten().min();
                }
                Verdict::Never => tally.never += 1,
                Verdict::Settled => tally.settled += 1,
            }
        }
        let verdict = match tally {
            _ if self.is_over() => Verdict::Settled,
            Tally { movable: 1.., .. } => Verdict::Movable,
            Tally { running: 1.., .. } => Verdict::Running,
            Tally { waiting: 1.., .. } => Verdict::Waiting { until },
            _ => Verdict::Never,
        };
        (verdict, tally)
    }

    /// The steps worth explaining, at most so many: first those that nothing before them keeps, then the others;
    /// none that is settled.
    pub fn to_explain(&self, most: usize) -> Vec<StepNo> {
        let open = || (0..self.run.len()).filter(|no| !self.run.step(*no).state.is_settled_step());
        let is_root = |no: &StepNo| self.run.step(*no).unmet == 0 || terminal_cause(self.run, *no).is_some();
        let (roots, others) = (open().filter(is_root), open().filter(|no| !is_root(no)));
        roots.chain(others).take(most).collect()
    }

    /// What keeps the whole task, beside its steps.
    pub fn task_blockers(&self) -> Vec<Blocker> {
        let mut blockers = Vec::new();
        if self.is_over() {
            blockers.push(self.over());
        } else {
            self.add_pauses(&mut blockers);
        }
        blockers
    }

    /// Whether the task is final: nothing in it moves, and nobody can move it.
    fn is_over(&self) -> bool {
        matches!(self.run.state(), State::Complete | State::Cancelled | State::ResolvedManually)
    }

    fn over(&self) -> Blocker {
        let reason = self.run.reason().unwrap_or_default().to_owned();
        Blocker { cause: Cause::TaskSettled { state: self.run.state(), reason }, since: self.facts.finished_at }
    }

    /// What keeps a step for ever.
    fn add_finals(&self, no: StepNo, blockers: &mut Vec<Blocker>) {
        if self.is_over() {
            blockers.push(self.over());
        }
        if let Some(terminal_cause) = terminal_cause(self.run, no) {
            let step = self.run.step(no);
            let failure = self.facts.failures.get(&no).cloned();
            let cause = match terminal_cause {
                TerminalCause::Permanent => {
                    Cause::Permanent { retryable: self.run.template().step(no).retryable, failure }
                }
                _ => Cause::Exhausted { attempts: step.attempts, limit: step.retry_limit, failure },
            };
            blockers.push(Blocker { cause, since: Some(self.ended_or_created(no)) });
        }
        self.add_parents(no, blockers);
        if self.run.step(no).unmet > 0 {
            for ancestor in self.dead_ends(no) {
                let Some(terminal_cause) = terminal_cause(self.run, ancestor) else { continue };
                let failure = self.facts.failures.get(&ancestor).cloned();
                let since = self.facts.ended_at.get(&ancestor).copied();
                blockers.push(Blocker { cause: Cause::Ancestor { ancestor, terminal_cause, failure }, since });
            }
        }
    }

    /// The steps before this one that will never be done, the nearest first; in a large run only the nearest.
    fn dead_ends(&self, no: StepNo) -> Vec<StepNo> {
        if usize::from(self.run.len()) > SEARCHED_STEPS_MAX {
            return self.root_blockers[usize::from(no)].filter(|blocker| *blocker != no).into_iter().collect();
        }
        let dead = roots(self.run, no, usize::MAX).into_iter().filter(|root| terminal_cause(self.run, *root).is_some());
        dead.take(ROOTS_NAMED).collect()
    }

    /// What keeps a step for now.
    fn add_waits(&self, no: StepNo, blockers: &mut Vec<Blocker>) {
        let step = self.run.step(no);
        self.add_parents(no, blockers);
        if let Some(until) = step.next_retry_at.filter(|at| *at > self.facts.now) {
            let failure = self.facts.failures.get(&no).cloned();
            let since = failure.as_ref().map(|failure| failure.at);
            blockers.push(Blocker { cause: Cause::Backoff { until, failure }, since });
        }
        self.add_pauses(blockers);
        let is_ready = step.is_ready(self.facts.now);
        if let Some(cause) = self.missing_capacity(no) {
            // A slot that is taken now may be free by then; a worker that is missing may be missing still.
            if is_ready || matches!(cause, Cause::NoWorker { .. }) {
                let since = is_ready.then(|| self.ready_since(no));
                blockers.push(Blocker { cause, since });
            }
        }
        if blockers.is_empty() {
            let cause = Cause::Dispatch { free: self.free(no) };
            blockers.push(Blocker { cause, since: Some(self.ready_since(no)) });
        }
    }

    fn add_parents(&self, no: StepNo, blockers: &mut Vec<Blocker>) {
        let unsettled = self.run.template().step(no).parents.iter().copied();
        let unsettled = unsettled.map(|parent| (parent, self.run.step(parent).state));
        let mut unsettled = unsettled.filter(|(_, state)| !state.is_satisfied());
        let count = usize::from(self.run.step(no).unmet);
        if count > 0 {
            let unsettled = unsettled.by_ref().take(PARENTS_NAMED).collect();
            let cause = Cause::Parents { unsettled, count };
            blockers.push(Blocker { cause, since: Some(self.facts.created_at) });
        }
    }

    fn add_pauses(&self, blockers: &mut Vec<Blocker>) {
        for pause in &self.facts.pauses {
            blockers.push(Blocker { since: Some(pause.since), cause: Cause::Paused(pause.clone()) });
        }
    }

    fn leased(&self, no: StepNo) -> Blocker {
        let lease = self.facts.leases.get(&no).cloned();
        let past = |at: Option<Micros>| at.is_some_and(|at| at <= self.facts.now);
        let overdue = lease
            .as_ref()
            .is_none_or(|lease| lease.expires_at.is_none() || past(lease.expires_at) || past(lease.deadline_at));
        let since = lease.as_ref().map(|lease| lease.since);
        Blocker { cause: Cause::Leased { attempt: self.run.step(no).token(), lease, overdue }, since }
    }

    fn sessions(&self, no: StepNo) -> &[SessionOccupancy] {
        self.facts.sessions.get(&self.run.template().step(no).queue).map_or(&[], Vec::as_slice)
    }

    /// How many slots are free for a step.
    fn free(&self, no: StepNo) -> usize {
        self.sessions(no).iter().map(SessionOccupancy::free).sum()
    }

    /// Why no slot is free for a step; `None` when one is.
    fn missing_capacity(&self, no: StepNo) -> Option<Cause> {
        if self.free(no) > 0 {
            return None;
        }
        let sessions = |wanted: &dyn Fn(&SessionOccupancy) -> bool| {
            self.sessions(no).iter().filter(|session| wanted(session)).cloned().collect::<Vec<_>>()
        };
        let first = |mut sessions: Vec<SessionOccupancy>| {
            sessions.truncate(SESSIONS_NAMED);
            sessions
        };
        // One that is disconnected and has nothing in hand is nobody's hope but its own.
        let holders = sessions(&|session| match session.presence {
            Presence::Open => true,
            Presence::Disconnected => session.held > 0,
            Presence::Draining => false,
        });
        if !holders.is_empty() {
            return Some(Cause::NoFreeSlot { count: holders.len(), holders: first(holders) });
        }
        let draining = sessions(&|session| session.presence == Presence::Draining);
        if !draining.is_empty() {
            return Some(Cause::Draining { sessions: first(draining) });
        }
        Some(Cause::NoWorker { disconnected: first(sessions(&|_| true)) })
    }

    fn ended_or_created(&self, no: StepNo) -> Micros {
        self.facts.ended_at.get(&no).copied().unwrap_or(self.facts.created_at)
    }

    /// Since when nothing but workers is missing.
    fn ready_since(&self, no: StepNo) -> Micros {
        let parents = self.run.template().step(no).parents.iter();
        let ended = parents.chain([&no]).filter_map(|no| self.facts.ended_at.get(no).copied());
        ended.chain(self.run.step(no).next_retry_at).fold(self.facts.created_at, Micros::max)
    }
}

#[cfg(test)]
mod tests;
