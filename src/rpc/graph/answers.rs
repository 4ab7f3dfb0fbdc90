//! Graphs that were rendered and encoded, remembered.
//!
//! Owns: the condition under which a graph may be sent again: it would be rendered from the very same, the task's row,
//! the measured durations, and every backoff as far as it was. The row was read for this very question, so that no answer
//! is ever out of date, and the caller was allowed to read it. Never: reads anything itself.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use moka::sync::Cache;

use crate::{
    domain::{
        graph::{Durations, Forecast},
        ids::TaskId,
        run::{Micros, Stored},
    },
    rpc::render::graph::Sections,
    service::snapshot::{Found, Snapshot},
    telemetry::metrics::CacheMeter,
};

/// Memory that an answer takes beside its bytes and the row, about.
const ANSWER_BYTES: usize = 256;

/// The answers. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    answers: Cache<(TaskId, Sections), Arc<Answer>>,
    meter: CacheMeter,
}

/// A graph that was rendered.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The graph, encoded.
    pub(super) graph: Bytes,
    /// The forecast, if it is the same at any time as long as no step moves.
    pub(super) forecast: Option<Forecast>,
}

#[derive(Debug)]
struct Answer {
    origin: Origin,
    known: Known,
}

/// The values that an answer was made of, beside its task's handler version and the policy, neither of which changes.
#[derive(Debug)]
struct Origin {
    stored: Stored,
    /// Durations that are measured anew; `None` for a task that has ended, whose own ones are final.
    durations: Option<Arc<Durations>>,
    /// The time between the backoff that ended last and the one that ends next.
    between_backoffs: Range<Micros>,
}

impl Answers {
    /// Remembers at most about so many bytes of answers; with 0 none.
    pub(super) fn new(bytes: u64, meter: CacheMeter) -> Self {
        let weigher = |_: &(TaskId, Sections), answer: &Arc<Answer>| {
            let steps = answer.known.forecast.as_ref().map_or(0, |known| 2 * (known.steps.len() + known.stuck.len()));
            let bytes = answer.known.graph.len() + answer.origin.stored.steps.len() + steps + ANSWER_BYTES;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self { answers: Cache::builder().max_capacity(bytes).weigher(weigher).build(), meter }
    }

    /// The graph of a task with these durations, if it was rendered before. What was not found here is looked for among
    /// the analyses next, and a miss counts there.
    pub(super) fn find(&self, found: &Found, durations: Option<&Arc<Durations>>, sections: Sections) -> Option<Known> {
        let answer = self.answers.get(&(found.row.task_id, sections))?;
        if !answer.origin.is_of(&found.row.stored, durations, found.now) {
            return None;
        }
        self.meter.note(true);
        Some(answer.known.clone())
    }

    /// Remembers a graph of this snapshot, in place of what there was of the task.
    pub(super) fn insert(
        &self,
        snapshot: &Snapshot,
        durations: Option<Arc<Durations>>,
        sections: Sections,
        known: Known,
    ) {
        let backoffs = snapshot.run.steps().iter().filter_map(|step| step.next_retry_at);
        let between_backoffs = between(backoffs, snapshot.now);
        let origin = Origin { stored: snapshot.row.stored.clone(), durations, between_backoffs };
        self.answers.insert((snapshot.row.task_id, sections), Arc::new(Answer { origin, known }));
    }
}

impl Origin {
    fn is_of(&self, stored: &Stored, durations: Option<&Arc<Durations>>, now: Micros) -> bool {
        self.between_backoffs.contains(&now) && self.stored == *stored && self.durations.as_ref() == durations
    }
}

/// The time around `now` in which none of these backoffs ends.
fn between(backoffs: impl Iterator<Item = Micros>, now: Micros) -> Range<Micros> {
    backoffs.fold(Micros::MIN..Micros::MAX, |around, at| match at <= now {
        true => around.start.max(at)..around.end,
        false => around.start..around.end.min(at),
    })
}

#[cfg(test)]
mod tests;
