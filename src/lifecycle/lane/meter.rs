//! What a lane counts and measures, once a batch is durable.
//!
//! Owns: the handles, found once for each handler and step and then only added to. Never: allocates or looks names up
//! for every step. The numbers say what this server wrote; what another one was faster with is counted there.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::super::{
    assignment::{AckTo, Outcome, Verdict},
    batch::{Answer, Batch, Entry},
    item::{ClaimVerdict, Item},
};
use crate::{
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::{Cause, Claimed, HandBackReason, Micros, Move},
        state::State,
        template::{NamedTaskId, Template},
    },
    telemetry::{
        Metrics,
        metrics::{Counter, Histogram},
    },
};

/// Handlers whose handles are kept; beyond it they are found anew.
const HANDLERS_MAX: usize = 1_000;

/// The classes of failures that the engine itself makes, and what they are called.
const LOST: [(&str, &str); 2] = [("LeaseExpired", "lease_expired"), ("StepTimeout", "timed_out")];

/// The class of the failure that stands for an unacceptable result.
const INVALID: &str = "InvalidResult";

/// A lane's handles.
#[derive(Debug)]
pub(super) struct Meter {
    metrics: Metrics,
    handlers: HashMap<NamedTaskId, Handler>,
    items: Histogram,
    batch: Histogram,
    commit: Histogram,
    committed: Counter,
    moved: Counter,
    unverified: Counter,
    failed: Counter,
    direct: Counter,
    dispatched: Counter,
    accepted: Counter,
    stale: Counter,
    retry: Counter,
    invalid: Counter,
}

/// How a try to write a batch ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Try {
    /// It is durable.
    Committed,
    /// A task had moved.
    Moved,
    /// A refusal rested on a cached run that the batch does not write.
    Unverified,
    /// The store refused it, or was unavailable.
    Failed,
}

#[derive(Debug)]
struct Handler {
    template: Arc<Template>,
    created: Counter,
    finished: [Option<(Counter, Histogram)>; State::ALL.len()],
    backoff: Histogram,
    steps: Vec<Option<Box<Step>>>,
}

#[derive(Debug)]
struct Step {
    started: Counter,
    retried: Counter,
    completed: Counter,
    failed: Counter,
    lost: Counter,
    stopped: Counter,
    handed_back: Counter,
    attempt: Histogram,
    whole: Histogram,
    waited: Histogram,
    finished: [Option<Counter>; State::ALL.len()],
}

/// What the items of a batch say that its changes do not.
#[derive(Debug, Default)]
struct Items {
    /// Since when steps waited that were claimed out of their queue.
    waited: HashMap<StepId, Micros>,
    /// Attempts that the engine ended.
    lost: Vec<(StepId, u16)>,
}

impl Meter {
    pub(super) fn new(metrics: Metrics) -> Self {
        let commits = |outcome| metrics.commits.with([outcome]);
        let results = |outcome| metrics.results.with([outcome]);
        Self {
            handlers: HashMap::new(),
            items: metrics.batch_items.with([]),
            batch: metrics.batch_duration.with([]),
            commit: metrics.commit_duration.with([]),
            committed: commits("committed"),
            moved: commits("moved"),
            unverified: commits("unverified"),
            failed: commits("failed"),
            direct: metrics.claims.with(["direct"]),
            dispatched: metrics.claims.with(["dispatched"]),
            accepted: results("accepted"),
            stale: results("stale"),
            retry: results("retry"),
            invalid: results("invalid"),
            metrics,
        }
    }

    /// Notes a try to write a batch.
    pub(super) fn tried(&self, outcome: Try) {
        let counter = match outcome {
            Try::Committed => &self.committed,
            Try::Moved => &self.moved,
            Try::Unverified => &self.unverified,
            Try::Failed => &self.failed,
        };
        counter.add(1);
    }

    /// Notes how long a write took, its commit included.
    pub(super) fn wrote(&self, took: Duration) {
        self.commit.time(took);
    }

    /// Notes results that their senders are to send again.
    pub(super) fn sent_back(&self, results: u64) {
        self.retry.add(results);
    }

    /// Notes a result that cannot be stored.
    pub(super) fn invalid(&self) {
        self.invalid.add(1);
    }

    /// Notes that a batch was taken and answered.
    #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
    pub(super) fn finished(&self, items: usize, began: Instant) {
        self.items.observe(items as f64);
        self.batch.time(began.elapsed());
    }

    /// Notes what a durable batch did.
    pub(super) fn durable(&mut self, items: &[Item], batch: &mut Batch, now: Micros) {
        let seen = self.items(items, batch);
        let (mut direct, mut dispatched) = (0, 0);
        for (task, entry) in &mut batch.entries {
            let handler = Self::handler(&self.metrics, &mut self.handlers, entry.cached.run.template());
            for reservation in &entry.reservations {
                match seen.waited.get(&task.step(reservation.claimed.no)) {
                    Some(since) => {
                        handler.step(&self.metrics, reservation.claimed.no).waited.between(*since, now);
                        dispatched += 1;
                    }
                    None => direct += 1,
                }
            }
            for index in 0..entry.changes.moves.len() {
                handler.moved(&self.metrics, *task, entry, index, &seen, now);
            }
        }
        self.direct.add(direct);
        self.dispatched.add(dispatched);
    }

    /// Goes through the items with their answers.
    fn items(&self, items: &[Item], batch: &Batch) -> Items {
        let mut seen = Items::default();
        let (mut accepted, mut stale) = (0, 0);
        for (item, answer) in items.iter().zip(&batch.answers) {
            match (item, answer) {
                (Item::Settle { step, attempt, outcome, ack }, Answer::Settled(verdict)) => {
                    let is_engine = matches!(ack, AckTo::Nobody);
                    match verdict {
                        Verdict::Accepted if is_engine => self.lost(*step, *attempt, outcome, batch, &mut seen),
                        Verdict::Accepted if is_invalid(outcome) => {}
                        Verdict::Accepted => accepted += 1,
                        Verdict::Stale(_) if !is_engine => stale += 1,
                        _ => {}
                    }
                }
                (Item::Claim { steps, .. }, Answer::Claimed(verdicts)) => {
                    let taken = steps.iter().zip(verdicts).filter(|(_, (_, verdict))| *verdict == ClaimVerdict::Gone);
                    seen.waited.extend(taken.map(|(claimed, _)| *claimed));
                }
                _ => {}
            }
        }
        self.accepted.add(accepted);
        self.stale.add(stale);
        seen
    }

    fn lost(&self, step: StepId, attempt: u16, outcome: &Outcome, batch: &Batch, seen: &mut Items) {
        let reason = match outcome {
            Outcome::Failure { failure, .. } => LOST.iter().find(|(class, _)| *class == failure.error_class),
            Outcome::HandedBack { reason: HandBackReason::NotReceived, .. } => Some(&("", "assignment_lost")),
            Outcome::Success(_) | Outcome::HandedBack { .. } => None,
        };
        let Some((_, reason)) = reason else { return };
        if let Some(entry) = batch.entries.get(&step.task) {
            let template = entry.cached.run.template();
            self.metrics.leases_lost.with([&template.namespace, &template.name, reason]).add(1);
        }
        seen.lost.push((step, attempt));
    }

    fn handler<'a>(
        metrics: &Metrics,
        handlers: &'a mut HashMap<NamedTaskId, Handler>,
        template: &Arc<Template>,
    ) -> &'a mut Handler {
        if handlers.len() >= HANDLERS_MAX && !handlers.contains_key(&template.id) {
            handlers.clear();
        }
        handlers.entry(template.id).or_insert_with(|| Handler::new(metrics, Arc::clone(template)))
    }
}

/// Whether it stands for a result that was unacceptable, which is counted as such.
fn is_invalid(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failure { failure, .. } if failure.error_class == INVALID)
}

impl Handler {
    fn new(metrics: &Metrics, template: Arc<Template>) -> Self {
        let (namespace, name) = (&*template.namespace, &*template.name);
        Self {
            created: metrics.tasks_created.with([namespace, name]),
            finished: State::ALL.map(|state| {
                state.is_settled_task().then(|| {
                    let labels = [namespace, name, state.label()];
                    (metrics.tasks_finished.with(labels), metrics.task_duration.with(labels))
                })
            }),
            backoff: metrics.backoff.with([namespace, name]),
            steps: template.steps.iter().map(|_| None).collect(),
            template,
        }
    }

    /// The handles of a step, found when it first moves.
    fn step(&mut self, metrics: &Metrics, no: StepNo) -> &Step {
        let Self { template, steps, .. } = self;
        steps[usize::from(no)].get_or_insert_with(|| Box::new(Step::new(metrics, template, no)))
    }

    fn moved(&mut self, metrics: &Metrics, task: TaskId, entry: &mut Entry, index: usize, seen: &Items, now: Micros) {
        let Move { step, from, to, attempt, cause, .. } = &entry.changes.moves[index];
        let (from, to) = (*from, *to);
        if from == Some(to) {
            return;
        }
        let Some(no) = *step else { return self.task_moved(task, from, to, now) };
        let claimed = Claimed { no, attempt: *attempt };
        let retry_at = if let Cause::Failed { retry_at, .. } = cause { Some(*retry_at) } else { None };
        if let Some(Some(at)) = retry_at {
            self.backoff.between(now, at);
        }
        let handles = self.step(metrics, no);
        if to == State::InProgress {
            handles.started.add(1);
            handles.retried.add(u64::from(claimed.attempt > 1));
            return;
        }
        if from == Some(State::InProgress) {
            handles.ended(to, seen.lost.contains(&(task.step(no), claimed.attempt))).add(1);
        }
        let since = entry.freed.iter().find(|(_, freed)| *freed == claimed).and_then(|(slot, _)| slot.since);
        if let Some(since) = since.filter(|_| from == Some(State::InProgress)) {
            handles.attempt.between(since, now);
        }
        let is_over = match to {
            State::Error => retry_at == Some(None),
            to => to.is_settled_task(),
        };
        let began = entry.cached.began.iter().position(|(began, _)| *began == no);
        if is_over {
            if let Some(finished) = &handles.finished[usize::from(to.code())] {
                finished.add(1);
            }
            let first = began.map(|place| entry.cached.began.swap_remove(place).1);
            if let Some(first) = first.or(since.filter(|_| claimed.attempt == 1)) {
                handles.whole.between(first, now);
            }
        } else if let (None, Some(since), 1) = (began, since, claimed.attempt) {
            entry.cached.began.push((no, since));
        }
    }

    fn task_moved(&self, task: TaskId, from: Option<State>, to: State, now: Micros) {
        if from.is_none() {
            self.created.add(1);
        }
        if let Some((finished, duration)) = &self.finished[usize::from(to.code())] {
            finished.add(1);
            duration.between(task.made_at(), now);
        }
    }
}

impl Step {
    fn new(metrics: &Metrics, template: &Template, no: StepNo) -> Self {
        let labels = [&*template.namespace, &*template.name, &*template.step(no).name];
        let [namespace, handler, step] = labels;
        let attempts = |outcome| metrics.attempts_finished.with([namespace, handler, step, outcome]);
        Self {
            started: metrics.attempts_started.with(labels),
            retried: metrics.retries.with(labels),
            completed: attempts("completed"),
            failed: attempts("failed"),
            lost: attempts("lost"),
            stopped: attempts("stopped"),
            handed_back: attempts("handed_back"),
            attempt: metrics.attempt_duration.with(labels),
            whole: metrics.step_duration.with(labels),
            waited: metrics.queue_wait.with(labels),
            finished: State::ALL.map(|state| {
                let ends = state.is_settled_task();
                ends.then(|| metrics.steps_finished.with([namespace, handler, step, state.label()]))
            }),
        }
    }

    fn ended(&self, to: State, lost: bool) -> &Counter {
        match to {
            State::Complete => &self.completed,
            State::Error if lost => &self.lost,
            State::Error => &self.failed,
            State::Pending => &self.handed_back,
            _ => &self.stopped,
        }
    }
}
