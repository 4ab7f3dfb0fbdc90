//! The judgement: the verdict on each step of a run, and the causes that keep it.
//!
//! Owns: the rules by which facts and run become blockers. Next: `explain/groups.rs`, which says at which step others
//! stand.

use std::collections::VecDeque;

use super::{
    Blocker, Cause, Explanation, Facts, PARENTS_NAMED, Presence, ROOTS_NAMED, SESSIONS_NAMED, SessionOccupancy, Tally,
    TerminalCause, Verdict, roots, terminal_cause,
};
use crate::domain::{
    ids::StepNo,
    run::{Micros, Run},
    state::State,
};

/// Runs with more steps than this are not searched for every cause once for each step that is explained.
const SEARCHED_STEPS_MAX: usize = 500;

/// Explains the steps of one run among the facts of one moment.
#[derive(Debug)]
pub struct Explainer<'a> {
    run: &'a Run,
    facts: &'a Facts,
    /// For each step that will never be done without help the nearest one that is the cause of it, maybe itself.
    root_blockers: Vec<Option<StepNo>>,
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
            return Verdict::Stuck;
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

    /// The run.
    pub(super) const fn run(&self) -> &'a Run {
        self.run
    }

    /// For each step that will never be done without help the nearest one that is the cause of it, maybe itself.
    pub(super) fn root_blockers(&self) -> &[Option<StepNo>] {
        &self.root_blockers
    }

    /// Whether a step moves, and the causes that keep it.
    pub fn step(&self, no: StepNo) -> Explanation {
        let verdict = self.verdict(no);
        let mut blockers = Vec::new();
        match verdict {
            Verdict::Settled => self.add_cancelled(no, &mut blockers),
            Verdict::Running => blockers.push(self.leased(no)),
            Verdict::Stuck => self.add_finals(no, &mut blockers),
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
                Verdict::Stuck => tally.stuck += 1,
                Verdict::Settled => tally.settled += 1,
            }
        }
        let verdict = match tally {
            _ if self.is_over() => Verdict::Settled,
            Tally { movable: 1.., .. } => Verdict::Movable,
            Tally { running: 1.., .. } => Verdict::Running,
            Tally { waiting: 1.., .. } => Verdict::Waiting { until },
            _ => Verdict::Stuck,
        };
        (verdict, tally)
    }

    /// The causes that keep the whole task, beside its steps.
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
        self.run.state().is_ended_task()
    }

    fn over(&self) -> Blocker {
        let reason = self.run.reason().unwrap_or_default().to_owned();
        Blocker { cause: Cause::TaskSettled { state: self.run.state(), reason }, since: self.facts.finished_at }
    }

    /// That a step was cancelled, where others wait behind it.
    fn add_cancelled(&self, no: StepNo, blockers: &mut Vec<Blocker>) {
        let keeps = |child: &StepNo| !self.run.step(*child).state.is_settled_step();
        if self.run.step(no).state == State::Cancelled && self.run.template().step(no).children.iter().any(keeps) {
            blockers.push(Blocker { cause: Cause::Cancelled, since: self.facts.ended_at.get(&no).copied() });
        }
    }

    /// The causes that keep a step for ever.
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

    /// The causes that keep a step for now.
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
