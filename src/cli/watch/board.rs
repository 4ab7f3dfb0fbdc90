//! What is known of a task while it is watched.
//!
//! Owns: the steps in dependency order with states, attempts and times, fed by snapshots and transitions. Never
//! prints; next: `view.rs` draws it, `log.rs` tells the moves.

use std::collections::HashMap;

use tasker_sdk::proto::tasker::v1::{self as pb, transition::Cause};

use super::super::{input::from_proto, shape};
use crate::domain::{
    run::{DEADLINE_EXCEEDED, Micros},
    state::State,
};

/// A task and its steps.
#[derive(Debug)]
pub(crate) struct Board {
    /// The id.
    pub(crate) task_id: String,
    /// `namespace.name@version`.
    pub(crate) full_name: String,
    /// The state.
    pub(crate) state: State,
    /// Why.
    pub(crate) reason: String,
    /// When the task was made.
    pub(crate) created: Option<Micros>,
    /// When it became final.
    pub(crate) finished: Option<Micros>,
    /// The steps, every one after its parents.
    pub(crate) rows: Vec<Row>,
    /// The newest transition that is in here.
    pub(crate) revision: i64,
    by_id: HashMap<String, usize>,
}

/// A step.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The name.
    pub(crate) name: String,
    /// The longest way from a step without parents.
    pub(crate) depth: usize,
    /// The parents, as positions in the board.
    pub(crate) parents: Vec<usize>,
    /// The state.
    pub(crate) state: State,
    /// Attempts begun.
    pub(crate) attempts: i32,
    /// Attempts allowed in total.
    pub(crate) retry_limit: i32,
    /// When the newest attempt began.
    pub(crate) began: Option<Micros>,
    /// When it ended.
    pub(crate) ended: Option<Micros>,
    /// The newest failure: class and message.
    pub(crate) failure: Option<String>,
    /// When the next attempt may begin.
    pub(crate) retry_at: Option<Micros>,
    /// Whether no further attempt will begin by itself.
    pub(crate) blocked: bool,
    /// Whether it was completed without running.
    pub(crate) bypassed: bool,
    /// What keeps it although no parent does, as far as the server was asked.
    pub(crate) obstacle: Option<String>,
}

/// Steps by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Complete or resolved.
    pub(crate) done: usize,
    /// Running.
    pub(crate) running: usize,
    /// Failed, retries pending or not.
    pub(crate) failed: usize,
    /// Cancelled.
    pub(crate) cancelled: usize,
    /// Not begun.
    pub(crate) pending: usize,
}

impl Board {
    /// A board of this task.
    pub(crate) fn new(task: &pb::Task) -> Self {
        let mut board = Self {
            task_id: String::new(),
            full_name: String::new(),
            state: State::Pending,
            reason: String::new(),
            created: None,
            finished: None,
            rows: Vec::new(),
            revision: 0,
            by_id: HashMap::new(),
        };
        board.replace(task);
        board
    }

    /// Takes over a snapshot. What it does not carry, such as when a running attempt began, is kept.
    pub(crate) fn replace(&mut self, task: &pb::Task) {
        self.task_id.clone_from(&task.task_id);
        self.full_name = shape::full_name(task.handler.as_ref());
        self.state = from_proto(task.state).unwrap_or_default();
        self.reason.clone_from(&task.state_reason);
        self.created = task.create_time.map(micros);
        self.finished = task.finish_time.map(micros).or(self.finished);
        self.revision = task.revision;
        if task.steps.is_empty() {
            return;
        }
        let order = dependency_order(&task.steps);
        let old = std::mem::take(&mut self.rows);
        let before = std::mem::take(&mut self.by_id);
        for (position, (at, _)) in order.iter().enumerate() {
            self.by_id.insert(task.steps[*at].step_id.clone(), position);
        }
        for (at, depth) in order {
            let step = &task.steps[at];
            let mut row = Row::new(step, depth);
            row.parents = step.parent_step_ids.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
            if let Some(known) = before.get(&step.step_id).map(|position| &old[*position]) {
                row.began = row.began.or(known.began);
                row.ended = row.ended.or(known.ended);
                row.failure = row.failure.or_else(|| known.failure.clone());
                row.obstacle.clone_from(&known.obstacle);
            }
            self.rows.push(row);
        }
    }

    /// Takes over a move. One that the board has already says only when the newest attempt began.
    pub(crate) fn apply(&mut self, transition: &pb::Transition) {
        let known = transition.sequence <= self.revision;
        let time = transition.transition_time.map(micros);
        let to = from_proto(transition.to_state).unwrap_or_default();
        self.revision = self.revision.max(transition.sequence);
        if transition.step_id.is_empty() {
            if !known {
                self.state = to;
                self.reason = reason(transition);
                self.finished = if to.is_settled_task() { time } else { None };
            }
            return;
        }
        let Some(row) = self.by_id.get(&transition.step_id).map(|position| &mut self.rows[*position]) else { return };
        if !known {
            row.apply(transition, to, time);
        } else if to == State::InProgress && transition.attempt == row.attempts {
            row.began = row.began.or(time);
        }
    }

    /// The first steps that nothing in the task keeps and that have not started, at most so many.
    pub(crate) fn waiting(&self, most: usize) -> Vec<String> {
        if self.state.is_settled_task() {
            return Vec::new();
        }
        let waits = |row: &Row| row.state == State::Pending && self.waits_for(row).next().is_none();
        let mut found: Vec<(usize, &String)> =
            self.by_id.iter().filter(|(_, at)| waits(&self.rows[**at])).map(|(id, at)| (*at, id)).collect();
        found.sort_unstable();
        found.into_iter().take(most).map(|(_, id)| id.clone()).collect()
    }

    /// Notes what keeps a step. Tells the step's name when something keeps it that was not known to.
    pub(crate) fn keep(&mut self, id: &str, obstacle: Option<String>) -> Option<&Row> {
        let row = self.by_id.get(id).map(|position| &mut self.rows[*position])?;
        let is_new = row.obstacle.is_none() && obstacle.is_some();
        row.obstacle = obstacle.filter(|_| row.state == State::Pending);
        is_new.then_some(&*row)
    }

    /// The step with this id.
    pub(crate) fn row(&self, id: &str) -> Option<&Row> {
        self.by_id.get(id).map(|position| &self.rows[*position])
    }

    /// Steps by state.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for row in &self.rows {
            match row.state {
                State::Complete | State::ResolvedManually => tally.done += 1,
                State::InProgress => tally.running += 1,
                State::Error => tally.failed += 1,
                State::Cancelled => tally.cancelled += 1,
                State::Pending => tally.pending += 1,
            }
        }
        tally
    }

    /// The parents that a step still waits for.
    pub(crate) fn waits_for<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = &'a Row> {
        row.parents.iter().map(|parent| &self.rows[*parent]).filter(|parent| !parent.state.is_satisfied())
    }

    /// How long the task has taken, until it became final or until now.
    pub(crate) fn elapsed(&self, now: Micros) -> Option<Micros> {
        Some((self.finished.unwrap_or(now) - self.created?).max(0))
    }
}

impl Row {
    fn new(step: &pb::Step, depth: usize) -> Self {
        let failure = step.failure.as_ref();
        Self {
            name: step.name.clone(),
            depth,
            parents: Vec::new(),
            state: from_proto(step.state).unwrap_or_default(),
            attempts: step.attempts,
            retry_limit: step.retry_limit,
            began: step.last_attempt_time.map(micros),
            ended: step.complete_time.or_else(|| failure.and_then(|failure| failure.fail_time)).map(micros),
            failure: failure.map(shape::error_text),
            retry_at: step.retry_time.map(micros),
            blocked: step.readiness.is_some_and(|readiness| readiness.permanently_blocked),
            bypassed: step.bypassed,
            obstacle: None,
        }
    }

    fn apply(&mut self, transition: &pb::Transition, to: State, time: Option<Micros>) {
        self.state = to;
        self.obstacle = None;
        match to {
            State::InProgress => {
                self.attempts = transition.attempt.max(self.attempts);
                self.began = time;
                self.ended = None;
                self.retry_at = None;
            }
            State::Error => {
                self.attempts = transition.attempt.max(self.attempts);
                self.ended = time;
                self.failure = failure(transition);
                self.retry_at = retry_at(transition);
                self.blocked = self.retry_at.is_none();
            }
            State::Pending => {
                self.retry_at = None;
                self.blocked = false;
            }
            State::Complete | State::ResolvedManually | State::Cancelled => self.ended = time,
        }
    }

    /// How long the newest attempt took, or has taken until now.
    pub(crate) fn took(&self, now: Micros) -> Option<Micros> {
        let began = self.began?;
        let until = if self.state == State::InProgress { now } else { self.ended? };
        (until >= began).then_some(until - began)
    }
}

/// The class and message of a failure that a transition tells.
pub(crate) fn failure(transition: &pb::Transition) -> Option<String> {
    let Some(Cause::Failed(failed)) = &transition.cause else { return None };
    failed.failure.as_ref().map(shape::error_text).filter(|text| !text.is_empty())
}

/// When a transition lets the next attempt begin.
pub(crate) fn retry_at(transition: &pb::Transition) -> Option<Micros> {
    match &transition.cause {
        Some(Cause::Failed(failed)) => failed.retry_time.map(micros),
        _ => None,
    }
}

/// Why a transition left the task in its state.
fn reason(transition: &pb::Transition) -> String {
    match &transition.cause {
        Some(Cause::Waiting(waiting)) => waiting.reason.clone(),
        Some(Cause::Finalized(finalized)) => finalized.reason.clone(),
        Some(Cause::DeadlineExceeded(_)) => DEADLINE_EXCEEDED.to_owned(),
        Some(Cause::Manual(manual)) => manual.reason.clone(),
        _ => String::new(),
    }
}

/// A time of the wire in microseconds.
pub(crate) fn micros(time: prost_types::Timestamp) -> Micros {
    time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1_000)
}

/// The steps by depth, those of the same depth as declared: positions and depths. A circle, which no handler
/// has, would leave its steps at the end.
fn dependency_order(steps: &[pb::Step]) -> Vec<(usize, usize)> {
    let by_id: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(position, step)| (step.step_id.as_str(), position)).collect();
    let mut unmet: Vec<usize> = Vec::with_capacity(steps.len());
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (position, step) in steps.iter().enumerate() {
        let parents = step.parent_step_ids.iter().filter_map(|id| by_id.get(id.as_str()).copied());
        unmet.push(parents.map(|parent| children[parent].push(position)).count());
    }
    let mut depth = vec![0; steps.len()];
    let mut ready: Vec<usize> = (0..steps.len()).filter(|position| unmet[*position] == 0).collect();
    while let Some(position) = ready.pop() {
        for child in children[position].iter().copied() {
            depth[child] = depth[child].max(depth[position] + 1);
            unmet[child] -= 1;
            if unmet[child] == 0 {
                ready.push(child);
            }
        }
    }
    let mut order: Vec<(usize, usize)> = depth.into_iter().enumerate().collect();
    order.sort_by_key(|(position, depth)| (unmet[*position] > 0, *depth, *position));
    order
}
