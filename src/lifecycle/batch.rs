//! What one batch decides: items in, moves and answers out. No IO.
//!
//! Owns: asking the rules what every item does to its task, giving released steps to workers that have a slot,
//! and turning the outcome into the columns of one write. A batch that could not be written is undone with
//! [`Batch::undo`] and decided again from fresh runs.

mod columns;

pub(super) use columns::identified;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    assignment::{Outcome, Verdict},
    item::{ClaimVerdict, Item},
    pauses::Paused,
    request::{NewTask, Request, TaskState},
    run_cache::CachedRun,
    workforce::{Reservation, Slot, Workforce},
};
use crate::{
    domain::{
        backoff::Policy,
        ids::{StepId, StepNo, TaskId},
        run::{Changes, Claimed, Failure, HandBackReason, Micros, Refusal, Run},
        state::{Refusal as StateRefusal, State},
        template::QueueId,
    },
    error::{Error, Reason, Result},
    store::pauses::PARKED_UNTIL,
    telemetry::Place,
};

/// What deciding needs besides the items.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecideContext<'a> {
    pub(super) now: Micros,
    pub(super) backoff: &'a Policy,
    pub(super) workforce: &'a Workforce,
    /// What is paused; everything when that is not known yet.
    pub(super) paused: Option<&'a Paused>,
}

impl DecideContext<'_> {
    /// Until when a step that could be claimed now is not to be, because its handler is paused.
    fn paused_until(&self, run: &Run) -> Option<Micros> {
        match self.paused {
            None => Some(self.now),
            Some(paused) => paused.covers(run.template()).then_some(PARKED_UNTIL),
        }
    }
}

/// What the store knows of the items before they are decided.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// New tasks whose identity is taken.
    pub(super) taken: HashSet<TaskId>,
    /// Changes that were made before under a request id, with the hash of what was asked.
    pub(super) requests: HashMap<(TaskId, String), Vec<u8>>,
}

/// The decisions of a batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: HashMap<TaskId, Entry>,
    order: Vec<TaskId>,
    pub(super) answers: Vec<Answer>,
    /// Steps that wait for a worker, with their queues.
    pub(super) queued: Vec<(QueueId, Micros, StepId)>,
    /// Changes that this batch makes under a request id, with the hash of what was asked.
    pub(super) requests: HashMap<(TaskId, String), Vec<u8>>,
}

/// What happens to one task.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) cached: CachedRun,
    pub(super) changes: Changes,
    pub(super) reservations: Vec<Reservation>,
    /// Slots of attempts that end.
    pub(super) freed: Vec<(Slot, Claimed)>,
    /// The revision that was read; `None` for a new task.
    revision_read: Option<u32>,
    /// Results by the sequence number of the transition that carries them.
    results: HashMap<u32, Arc<str>>,
}

/// What an item is answered once the batch is durable.
#[derive(Debug)]
pub(super) enum Answer {
    Created,
    /// The identity is taken; the lane finds out by whom.
    IdentityTaken,
    Settled(Verdict),
    Claimed(Vec<(StepId, ClaimVerdict)>),
    Applied(Result<()>),
}

impl Batch {
    /// Decides what the items do. `runs` are the tasks that they are about.
    pub(super) fn decide(
        items: &[Item],
        runs: Vec<(TaskId, CachedRun)>,
        known: &Known,
        context: DecideContext<'_>,
    ) -> Self {
        let mut batch = Self::default();
        for (task, cached) in runs {
            batch.order.push(task);
            batch.entries.insert(task, Entry::existing(cached));
        }
        for item in items {
            let answer = batch.decide_item(item, known, context);
            batch.answers.push(answer);
        }
        // Existing tasks come first: what has begun is finished before new work begins.
        for task in batch.order.clone() {
            let entry = batch.entries.get_mut(&task).expect("order lists the entries");
            entry.finish(task, context, &mut batch.queued);
            entry.note_times(context.now);
        }
        batch
    }

    fn decide_item(&mut self, item: &Item, known: &Known, context: DecideContext<'_>) -> Answer {
        match item {
            Item::Create { task_id, .. } if known.taken.contains(task_id) => Answer::IdentityTaken,
            Item::Create { task_id, new, .. } => {
                self.order.push(*task_id);
                self.entries.insert(*task_id, Entry::new(new));
                Answer::Created
            }
            Item::Settle { step, attempt, outcome, .. } => {
                let verdict = match self.entries.get_mut(&step.task) {
                    Some(entry) if entry.cached.run.has(step.no) => entry.settle(*step, *attempt, outcome, context),
                    _ => Verdict::Stale("no such step".to_owned()),
                };
                Answer::Settled(verdict)
            }
            Item::Claim { steps, .. } => {
                let claim = |(step, _): &(StepId, Micros)| match self.entries.get_mut(&step.task) {
                    Some(entry) if entry.cached.run.has(step.no) => (*step, entry.claim_waiting(*step, context)),
                    _ => (*step, ClaimVerdict::Gone),
                };
                Answer::Claimed(steps.iter().map(claim).collect())
            }
            Item::Apply { task, request, .. } => Answer::Applied(self.apply(*task, request, known, context.now)),
        }
    }

    /// Changes a task, unless the same was done before under the same request id.
    fn apply(&mut self, task: TaskId, request: &Request, known: &Known, now: Micros) -> Result<()> {
        let Some(entry) = self.entries.get_mut(&task) else { return Err(unknown_task(task)) };
        let Some(id) = request.request_id() else { return entry.apply(task, request, now) };
        let (key, hash) = ((task, id.to_owned()), request.content_hash());
        match known.requests.get(&key).or_else(|| self.requests.get(&key)) {
            Some(done) if done[..] == hash => Ok(()),
            Some(_) => {
                Err(Error::new(Reason::RequestIdReused, "another call used the same request id for something else")
                    .with("task_id", task.to_string()))
            }
            None => {
                entry.apply(task, request, now)?;
                self.requests.insert(key, hash.to_vec());
                Ok(())
            }
        }
    }

    /// Whether an item is refused, or a step is thought not to wait any more, because of a cached run that this
    /// batch does not write: another server may have moved the task meanwhile, and no write would find out.
    pub(super) fn is_unverified(&self, items: &[Item]) -> bool {
        let unsure = |task: &TaskId| {
            self.entries.get(task).is_some_and(|entry| entry.cached.from_earlier_batch && !entry.has_moved())
        };
        items.iter().zip(&self.answers).any(|(item, answer)| match (item, answer) {
            (Item::Settle { step, .. }, Answer::Settled(Verdict::Stale(_))) => unsure(&step.task),
            (Item::Apply { task, .. }, Answer::Applied(_)) => unsure(task),
            (Item::Claim { .. }, Answer::Claimed(verdicts)) => {
                verdicts.iter().any(|(step, verdict)| *verdict != ClaimVerdict::Waits(None) && unsure(&step.task))
            }
            _ => false,
        })
    }

    /// Takes back what deciding did to the workforce.
    pub(super) fn undo(&mut self, workforce: &Workforce) {
        for (task, entry) in &mut self.entries {
            for (slot, claimed) in entry.freed.drain(..) {
                workforce.restore(slot, task.step(claimed.no), claimed.attempt);
            }
            for reservation in entry.reservations.drain(..) {
                workforce.release(reservation.slot);
            }
        }
    }

    /// The tasks of the batch, existing ones first.
    pub(super) fn tasks(&self) -> &[TaskId] {
        &self.order
    }
}

impl Entry {
    fn existing(cached: CachedRun) -> Self {
        Self {
            revision_read: Some(cached.run.revision()),
            cached,
            changes: Changes::default(),
            reservations: Vec::new(),
            freed: Vec::new(),
            results: HashMap::new(),
        }
    }

    fn new(new: &NewTask) -> Self {
        let (run, changes) = Run::create(Arc::clone(&new.template), &new.bypass);
        let cached = CachedRun {
            run,
            from_earlier_batch: false,
            started_at: None,
            finished_at: None,
            deadline_at: new.deadline_at,
            context: Some(Arc::clone(&new.context_json)),
            correlation_id: new.correlation_id.as_deref().map(Arc::from),
            trace: Some(new.trace_context.as_deref().and_then(Place::parse)),
            results: Vec::new(),
            began: Vec::new(),
        };
        Self { revision_read: None, changes, ..Self::existing(cached) }
    }

    fn settle(&mut self, step: StepId, attempt: u16, outcome: &Outcome, context: DecideContext<'_>) -> Verdict {
        let run = &mut self.cached.run;
        let settled = match outcome {
            Outcome::Success(results) => {
                let completed = run.complete(step.no, attempt, &mut self.changes);
                completed.map(|()| self.note_results(step.no, results))
            }
            Outcome::Failure { failure, retry_after } => {
                let wait = match retry_after {
                    Some(wait) => context.backoff.requested(*wait),
                    None => context.backoff.delay(run.step(step.no).attempts, rand::random()),
                };
                run.fail(step.no, attempt, failure.clone(), context.now, wait, &mut self.changes)
            }
            Outcome::HandedBack { reason, by } => {
                let wait = context.backoff.delay(run.step(step.no).attempts, rand::random());
                let handed_back = run.hand_back(step.no, attempt, *reason, context.now, wait, &mut self.changes);
                if let (Ok(()), HandBackReason::NotSupported, Some(session_id)) = (&handed_back, reason, by) {
                    context.workforce.decline(*session_id, run.template().id, step.no);
                }
                handed_back
            }
        };
        // Accepted or not, this attempt is over: what holds a slot for it here has not heard of that.
        self.free(step, attempt, context.workforce);
        match settled {
            Ok(()) => Verdict::Accepted,
            Err(refusal) => Verdict::Stale(refusal.to_string()),
        }
    }

    fn claim_waiting(&mut self, step: StepId, context: DecideContext<'_>) -> ClaimVerdict {
        let condition = *self.cached.run.step(step.no);
        if self.cached.run.state().is_settled_task() || !condition.is_startable() {
            return ClaimVerdict::Gone;
        }
        if !condition.is_ready(context.now) {
            return ClaimVerdict::Waits(condition.next_retry_at);
        }
        match context.paused_until(&self.cached.run) {
            Some(until) => ClaimVerdict::Waits(Some(until)),
            None if self.claim(step.no, context) => ClaimVerdict::Gone,
            None => ClaimVerdict::Waits(None),
        }
    }

    /// Claims a ready step if a worker has a slot for it.
    fn claim(&mut self, no: StepNo, context: DecideContext<'_>) -> bool {
        let queue = self.cached.run.template().step(no).queue;
        let version = self.cached.run.template().id;
        let Some(slot) = context.workforce.reserve(queue, version, no) else { return false };
        match self.cached.run.claim(no, context.now, &mut self.changes) {
            Ok(claimed) => {
                self.reservations.push(Reservation { claimed, slot });
                true
            }
            Err(_) => {
                context.workforce.release(slot);
                false
            }
        }
    }

    fn free(&mut self, step: StepId, attempt: u16, workforce: &Workforce) {
        if let Some(slot) = workforce.free(step, attempt) {
            self.freed.push((slot, Claimed { no: step.no, attempt }));
        }
    }

    fn apply(&mut self, task: TaskId, request: &Request, now: Micros) -> Result<()> {
        let run = &mut self.cached.run;
        let changes = &mut self.changes;
        let step = request.step();
        if let Some(no) = step.filter(|no| !run.has(*no)) {
            return Err(Error::new(Reason::StepNotFound, format!("no step {}", task.step(no)))
                .with("step_id", task.step(no).to_string()));
        }
        let is_retry = matches!(request, Request::RetryTask { .. } | Request::RetryStep { .. });
        if is_retry && run.state() == State::Error && self.cached.deadline_at.is_some_and(|at| at <= now) {
            return Err(deadline_passed(task));
        }
        let applied = match request {
            Request::CancelTask(_) if run.state() == State::Cancelled => Ok(()),
            Request::CancelTask(operation) => run.cancel(operation.clone(), changes),
            Request::RetryTask { additional, operation } => run.retry(*additional, operation, changes),
            Request::UpdateTask { change, .. } if change.deadline.is_some() && is_final(run.state()) => {
                Err(Refusal::TaskSettled(run.state()))
            }
            Request::UpdateTask { change, operation } => {
                if let Some(deadline) = change.deadline {
                    self.cached.deadline_at = deadline.at();
                }
                run.record(None, operation.clone(), changes);
                Ok(())
            }
            Request::CancelStep { no, .. } if run.step(*no).state == State::Cancelled => Ok(()),
            Request::CancelStep { no, operation } => run.cancel_step(*no, operation.clone(), changes),
            Request::ResolveStep { no, results_json, operation } => {
                let resolved = run.resolve_step(*no, operation.clone(), changes);
                resolved.map(|()| self.note_results(*no, &Arc::from(results_json.as_str())))
            }
            Request::RetryStep { no, operation } => run.retry_step(*no, 1, operation.clone(), changes),
            Request::UpdateStep { no, retry_limit, inputs_json, operation } => (|| {
                if let Some(limit) = retry_limit {
                    run.limit_step(*no, *limit, operation.clone(), changes)?;
                }
                if inputs_json.is_some() {
                    run.change_inputs(*no, operation.clone(), changes)?;
                }
                Ok(())
            })(),
            Request::ExceedDeadline => match self.cached.deadline_at {
                Some(at) if at <= now => run.exceed_deadline(at, changes),
                _ => Err(Refusal::NotReady),
            },
        };
        applied.map_err(|refusal| refused(&refusal, task, step))
    }

    /// Keeps what a step produced, for the transition that was just made and for its children.
    fn note_results(&mut self, no: StepNo, results: &Arc<str>) {
        self.results.insert(self.cached.run.step(no).outcome_sequence, Arc::clone(results));
        self.cached.keep(no, results);
    }

    /// Decides the task's own state and gives released steps to workers.
    fn finish(&mut self, task: TaskId, context: DecideContext<'_>, queued: &mut Vec<(QueueId, Micros, StepId)>) {
        self.let_go(task, context.workforce);
        self.cached.run.settle(context.now, &mut self.changes);
        for released in std::mem::take(&mut self.changes.released) {
            let step = *self.cached.run.step(released.no);
            if self.cached.run.state().is_settled_task() || !step.is_startable() {
                continue;
            }
            let at = step.next_retry_at.unwrap_or(context.now);
            // A lease that ends in this batch cannot begin in it: both would be one row of one statement.
            let ends = self.changes.ended.iter().any(|ended| ended.no == released.no);
            let queue = self.cached.run.template().step(released.no).queue;
            match context.paused_until(&self.cached.run) {
                Some(until) => queued.push((queue, at.max(until), task.step(released.no))),
                None if ends || at > context.now || !self.claim(released.no, context) => {
                    queued.push((queue, at, task.step(released.no)));
                }
                None => {}
            }
        }
    }

    /// Frees the slots of attempts that somebody ended; their workers are told after the commit. One that was
    /// given its slot in this very batch has not heard of its attempt and never does.
    fn let_go(&mut self, task: TaskId, workforce: &Workforce) {
        let mut stopped = std::mem::take(&mut self.changes.stopped);
        stopped.retain(|stopped| {
            match self.reservations.iter().position(|reservation| reservation.claimed == *stopped) {
                Some(place) => {
                    workforce.release(self.reservations.swap_remove(place).slot);
                    false
                }
                None => {
                    self.free(task.step(stopped.no), stopped.attempt, workforce);
                    true
                }
            }
        });
        self.changes.stopped = stopped;
    }

    /// Notes when the task started and ended, as the write does.
    fn note_times(&mut self, now: Micros) {
        let (started, finished) = self.begins_and_ends();
        let cached = &mut self.cached;
        cached.started_at = cached.started_at.or(started.then_some(now));
        cached.finished_at = match cached.run.state().is_settled_task() {
            true if finished => Some(now),
            true => cached.finished_at,
            false => None,
        };
    }

    /// The task as this batch leaves it.
    pub(super) fn state(&self, now: Micros) -> TaskState {
        let CachedRun { run, started_at, finished_at, deadline_at, .. } = &self.cached;
        TaskState {
            run: run.clone(),
            now,
            started_at: *started_at,
            finished_at: *finished_at,
            deadline_at: *deadline_at,
        }
    }

    /// Whether anything is to be written.
    fn has_moved(&self) -> bool {
        self.revision_read != Some(self.cached.run.revision())
    }
}

/// Whether a task in this state never moves again, whoever asks.
const fn is_final(state: State) -> bool {
    matches!(state, State::Complete | State::Cancelled | State::ResolvedManually)
}

fn deadline_passed(task: TaskId) -> Error {
    let text = format!("the deadline of task {task} has passed: give it a later one first, or create the task again");
    Error::new(Reason::TransitionNotAllowed, text).with("task_id", task.to_string()).with("state", State::Error.label())
}

fn unknown_task(task: TaskId) -> Error {
    Error::new(Reason::TaskNotFound, format!("no task {task}")).with("task_id", task.to_string())
}

/// A refusal of the rules as an error of the crate.
fn refused(refusal: &Refusal, task: TaskId, step: Option<StepNo>) -> Error {
    let subject = |error: Error| match step {
        Some(no) => error.with("task_id", task.to_string()).with("step_id", task.step(no).to_string()),
        None => error.with("task_id", task.to_string()),
    };
    subject(match refusal {
        Refusal::State(StateRefusal::AlreadyThere(state)) => {
            Error::new(Reason::TransitionNotAllowed, refusal.to_string()).with("state", state.label())
        }
        Refusal::State(StateRefusal::NotAllowed { owner, from, .. }) => {
            let allowed: Vec<_> = from.allowed(*owner).iter().map(|state| state.label()).collect();
            Error::new(Reason::TransitionNotAllowed, refusal.to_string())
                .with("state", from.label())
                .with("allowed", allowed.join(","))
        }
        Refusal::TaskSettled(state) => {
            Error::new(Reason::TaskAlreadySettled, format!("task {task} is already {state}"))
                .with("state", state.label())
        }
        Refusal::NotFailed(state) => {
            Error::new(Reason::TransitionNotAllowed, refusal.to_string()).with("state", state.label())
        }
        Refusal::Stale { .. } => Error::new(Reason::LeaseStale, refusal.to_string()),
        Refusal::NotReady => Error::new(Reason::TransitionNotAllowed, refusal.to_string()),
    })
}

/// The failure of an attempt whose worker was lost or took too long.
pub(super) fn lost(error_class: &str, message: &str) -> Outcome {
    let failure = Failure { error_class: error_class.to_owned(), message: message.to_owned(), ..Failure::default() };
    Outcome::Failure { failure, retry_after: None }
}

#[cfg(test)]
mod tests;
