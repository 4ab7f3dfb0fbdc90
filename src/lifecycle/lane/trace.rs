//! The spans of what a durable batch ended; nothing is done unless traces are collected.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    super::{
        batch::{Batch, Entry},
        item::Item,
    },
    Lane,
};
use crate::{
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::{Cause, Claimed, Micros, Move},
        state::{Owner, State, event},
    },
    store::lifecycle as rows,
    telemetry::{Ended, Place, Spans},
};

impl Lane {
    /// Makes the spans of what a durable batch ended, in traces that somebody wants to see.
    pub(super) async fn trace(&mut self, items: &[Item], batch: &mut Batch, now: Micros) {
        if !self.shared.spans.is_on() {
            return;
        }
        self.find_places(batch).await;
        let mut waited: HashMap<StepId, Micros> = HashMap::new();
        for item in items {
            if let Item::Claim { steps, .. } = item {
                waited.extend(steps.iter().copied());
            }
        }
        for (task, entry) in &batch.entries {
            if let Some(Some(place)) = entry.cached.trace
                && place.is_sampled()
            {
                let emitter =
                    SpanEmitter { spans: &self.shared.spans, task: *task, entry, place, waited: &waited, now };
                entry.changes.moves.iter().for_each(|row| emitter.emit(row));
            }
        }
    }

    /// Reads which traces the tasks belong to that were loaded from the store.
    async fn find_places(&mut self, batch: &mut Batch) {
        let unknown =
            batch.entries.iter().filter(|(_, entry)| entry.cached.trace.is_none() && !entry.changes.moves.is_empty());
        let unknown: Vec<Uuid> = unknown.map(|(task, _)| task.uuid()).collect();
        let Some(connection) = self.connection.as_mut().filter(|_| !unknown.is_empty()) else { return };
        match rows::trace_contexts(connection, &unknown).await {
            Ok(found) => {
                for (task, context) in found {
                    if let Some(entry) = batch.entries.get_mut(&task) {
                        entry.cached.trace = Some(context.as_deref().and_then(Place::parse));
                    }
                }
            }
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "spans left out"),
        }
    }
}

/// Emits the spans of one task.
struct SpanEmitter<'a> {
    spans: &'a Spans,
    task: TaskId,
    entry: &'a Entry,
    /// The call that created it.
    place: Place,
    waited: &'a HashMap<StepId, Micros>,
    now: Micros,
}

impl SpanEmitter<'_> {
    fn emit(&self, row: &Move) {
        if row.from == Some(row.to) {
            return;
        }
        match row.step {
            None => self.task(row),
            Some(no) => self.step(no, row),
        }
    }

    fn task(&self, row: &Move) {
        let name = event(Owner::Task, row.from, row.to);
        if row.from.is_none() {
            self.spans.end(Ended { event: name, ..self.ended("tasker.task.initialize", self.now, self.facts()) });
        }
        if !row.to.is_settled_task() {
            return;
        }
        let run = &self.entry.cached.run;
        let counts = run.counts(self.now);
        let mut facts = self.facts();
        facts.extend([
            ("total_steps", counts.total.to_string()),
            ("completed_steps", counts.completed.to_string()),
            ("failed_steps", counts.failed.to_string()),
            ("total_execution_duration", seconds(self.task.made_at(), self.now)),
        ]);
        let failed = (row.to == State::Error).then(|| run.reason().unwrap_or("failed").to_owned());
        facts.extend(failed.iter().map(|error| ("error", error.clone())));
        let place = Some(self.place.task(self.task.uuid()));
        let ended = self.ended("tasker.task.execution", self.task.made_at(), facts);
        self.spans.end(Ended { place, event: name, error: failed, ..ended });
    }

    fn step(&self, no: StepNo, row: &Move) {
        let claimed = Claimed { no, attempt: row.attempt };
        match (row.from, row.to) {
            (Some(State::Error), State::Pending) => self.short("tasker.step.retry", claimed, self.now),
            (_, State::InProgress) => {
                let since = self.waited.get(&self.task.step(no)).copied().unwrap_or(self.now);
                self.short("tasker.step.queued", claimed, since);
            }
            (Some(State::InProgress), _) => self.attempt(claimed, row),
            _ => {}
        }
    }

    fn short(&self, name: &'static str, claimed: Claimed, since: Micros) {
        let parent = self.place.task(self.task.uuid());
        self.spans.end(Ended { parent, ..self.ended(name, since, self.step_facts(claimed)) });
    }

    fn attempt(&self, claimed: Claimed, row: &Move) {
        let step = self.task.step(claimed.no).uuid();
        let freed = self.entry.freed.iter().find(|(_, freed)| *freed == claimed);
        let since = freed.and_then(|(slot, _)| slot.since).unwrap_or(self.now);
        let mut facts = self.step_facts(claimed);
        facts.push(("execution_duration", seconds(since, self.now)));
        let failure = if let Cause::Failed { failure, .. } = &row.cause { Some(failure) } else { None };
        if let Some(failure) = failure {
            facts.extend([("error", failure.message.clone()), ("exception_class", failure.error_class.clone())]);
        }
        let stopped = (failure.is_none() && row.to != State::Complete).then(|| row.to.label().to_owned());
        self.spans.end(Ended {
            parent: self.place.task(self.task.uuid()),
            place: Some(self.place.attempt(step, claimed.attempt)),
            event: event(Owner::Step, row.from, row.to),
            error: failure.map(|failure| failure.message.clone()).or(stopped),
            link: self.spans.take_link(step, claimed.attempt),
            ..self.ended("tasker.step.execution", since, facts)
        });
    }

    fn ended(&self, name: &'static str, began: Micros, attributes: Vec<(&'static str, String)>) -> Ended {
        let ended = self.now.max(began);
        Ended { name, parent: self.place, place: None, began, ended, attributes, event: None, error: None, link: None }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let cached = &self.entry.cached;
        let template = cached.run.template();
        let mut facts = vec![
            ("task_id", self.task.to_string()),
            ("task_name", template.name.to_string()),
            ("namespace", template.namespace.to_string()),
            ("version", template.version.to_string()),
        ];
        facts.extend(cached.correlation_id.iter().map(|id| ("correlation_id", id.to_string())));
        facts
    }

    fn step_facts(&self, claimed: Claimed) -> Vec<(&'static str, String)> {
        let run = &self.entry.cached.run;
        let mut facts = self.facts();
        facts.extend([
            ("step_id", self.task.step(claimed.no).to_string()),
            ("step_name", run.template().step(claimed.no).name.to_string()),
            ("attempt_number", claimed.attempt.to_string()),
            ("retry_limit", run.step(claimed.no).retry_limit.to_string()),
        ]);
        facts
    }
}

/// Seconds between two points, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 microseconds")]
fn seconds(from: Micros, until: Micros) -> String {
    format!("{:.3}", until.saturating_sub(from).max(0) as f64 / 1e6)
}
