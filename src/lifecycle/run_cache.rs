//! A cache of the runs that a lane works on.
//!
//! A cached run is a guess at what is stored, because other servers move tasks too. Every write names the revision
//! that was read, so a guess that is out of date costs a second try and never a wrong move; and what only refuses
//! is decided again from the store, so it costs no wrong answer either.

use std::{collections::HashMap, sync::Arc};

use crate::{
    domain::{
        ids::{StepNo, TaskId},
        run::{Micros, Run},
    },
    telemetry::Place,
};

/// A run with what its next assignments will need.
#[derive(Debug, Clone)]
pub(super) struct CachedRun {
    pub(super) run: Run,
    /// Whether it was put into the cache by an earlier batch, and may be out of date.
    pub(super) from_earlier_batch: bool,
    pub(super) started_at: Option<Micros>,
    pub(super) finished_at: Option<Micros>,
    pub(super) deadline_at: Option<Micros>,
    pub(super) context: Option<Arc<str>>,
    pub(super) correlation_id: Option<Arc<str>>,
    /// Which trace the task belongs to, if any; `None` when that is not known yet.
    pub(super) trace: Option<Option<Place>>,
    pub(super) results: Vec<(StepNo, Arc<str>)>,
    /// When the first attempts of steps began that are tried again.
    pub(super) began: Vec<(StepNo, Micros)>,
}

/// The runs of a lane, the least recently used leave first when there is no room.
#[derive(Debug)]
pub(super) struct RunCache {
    runs: HashMap<TaskId, (u64, CachedRun)>,
    order: std::collections::BTreeMap<u64, TaskId>,
    turn: u64,
    weight: usize,
    weight_max: usize,
}

/// Payloads larger than this are read from the store when they are needed.
const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

impl CachedRun {
    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let results: usize = self.results.iter().map(|(_, text)| text.len() + 32).sum();
        256 + self.run.steps().len() * 40 + self.context.as_ref().map_or(0, |context| context.len()) + results
    }

    /// Keeps the results of a step for its children.
    pub(super) fn keep(&mut self, no: StepNo, results: &Arc<str>) {
        if results.len() <= PAYLOAD_BYTES_MAX && !self.run.template().step(no).children.is_empty() {
            self.results.push((no, Arc::clone(results)));
        }
    }

    /// The kept results of a step.
    pub(super) fn result(&self, no: StepNo) -> Option<&Arc<str>> {
        self.results.iter().rev().find(|(step, _)| *step == no).map(|(_, text)| text)
    }

    /// Forgets payloads that nobody will ask for, or that are too large to keep.
    fn trim(&mut self) {
        if self.context.as_ref().is_some_and(|context| context.len() > PAYLOAD_BYTES_MAX) {
            self.context = None;
        }
        let run = &self.run;
        self.results.retain(|(no, _)| {
            let children = &run.template().step(*no).children;
            children.iter().any(|child| !run.step(*child).state.is_satisfied())
        });
    }
}

impl RunCache {
    pub(super) fn new(weight_max: usize) -> Self {
        Self { runs: HashMap::new(), order: std::collections::BTreeMap::new(), turn: 0, weight: 0, weight_max }
    }

    /// Takes a run out.
    pub(super) fn take(&mut self, task: TaskId) -> Option<CachedRun> {
        let (turn, cached) = self.runs.remove(&task)?;
        self.order.remove(&turn);
        self.weight = self.weight.saturating_sub(cached.weight());
        Some(cached)
    }

    /// Puts a run in, and others out if there is no room. A run that cannot move by itself is not kept.
    pub(super) fn put(&mut self, task: TaskId, mut cached: CachedRun) {
        self.take(task);
        if cached.run.state().is_settled_task() {
            return;
        }
        cached.trim();
        cached.from_earlier_batch = true;
        self.turn += 1;
        self.weight += cached.weight();
        self.order.insert(self.turn, task);
        self.runs.insert(task, (self.turn, cached));
        while self.weight > self.weight_max {
            let Some((_, oldest)) = self.order.first_key_value().map(|(turn, task)| (*turn, *task)) else { break };
            self.take(oldest);
        }
    }
}
