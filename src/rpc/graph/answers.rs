//! Graphs that were rendered and encoded, remembered.
//!
//! Owns: when a graph may be sent again, which is when it would be rendered from the very same: the task's row, the
//! measured durations, and every backoff as far as it was. Whoever asks has read the row for this very question, so that
//! nothing is ever out of date, and was allowed to read it. Never: reads anything itself.

use std::{ops::Range, sync::Arc};

use moka::sync::Cache;

use crate::{
    domain::{
        graph::Durations,
        ids::TaskId,
        run::{Micros, Stored},
    },
    rpc::render::graph::{Kept, Sections, steady},
    service::snapshot::{Found, Snapshot},
    telemetry::metrics::CacheMeter,
};

/// What an answer takes beside its bytes and the row, about.
const ANSWER_BYTES: usize = 256;

/// The answers. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    kept: Cache<(TaskId, Sections), Arc<Answer>>,
    meter: CacheMeter,
}

#[derive(Debug)]
struct Answer {
    origin: Origin,
    kept: Kept,
}

/// What an answer was made of, beside its task's handler version and the policy, neither of which ever changes.
#[derive(Debug)]
struct Origin {
    stored: Stored,
    durations: Arc<Durations>,
    steady: Range<Micros>,
}

impl Answers {
    /// Remembers at most about so many bytes of answers; with 0 none.
    pub(super) fn new(bytes: u64, meter: CacheMeter) -> Self {
        let weigher = |_: &(TaskId, Sections), answer: &Arc<Answer>| {
            let bytes = answer.kept.bytes.len() + answer.origin.stored.steps.len() + ANSWER_BYTES;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self { kept: Cache::builder().max_capacity(bytes).weigher(weigher).build(), meter }
    }

    /// What stays of the graph of a task with these durations, encoded, if it was rendered before. What was not found here
    /// is looked for among the analyses next, and a miss counts there.
    pub(super) fn find(&self, found: &Found, durations: &Arc<Durations>, sections: Sections) -> Option<Kept> {
        let answer = self.kept.get(&(found.row.task_id, sections))?;
        if !answer.origin.is_of(&found.row.stored, durations, found.now) {
            return None;
        }
        self.meter.note(true);
        Some(answer.kept.clone())
    }

    /// Remembers what stays of a graph of this snapshot, in place of what there was of the task.
    pub(super) fn insert(&self, snapshot: &Snapshot, durations: Arc<Durations>, sections: Sections, kept: Kept) {
        let backoffs = snapshot.run.steps().iter().filter_map(|step| step.next_retry_at);
        let origin = Origin { stored: snapshot.row.stored.clone(), durations, steady: steady(backoffs, snapshot.now) };
        self.kept.insert((snapshot.row.task_id, sections), Arc::new(Answer { origin, kept }));
    }
}

impl Origin {
    fn is_of(&self, stored: &Stored, durations: &Arc<Durations>, now: Micros) -> bool {
        self.steady.contains(&now) && self.stored == *stored && self.durations == *durations
    }
}

#[cfg(test)]
mod tests;
