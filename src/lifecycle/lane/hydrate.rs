//! Assignments filled with what the worker needs: inputs and the parents' results.
//!
//! Most of it is in memory, because the parents were settled a moment ago. What is not is read in one go. If
//! the store goes away at this point the claims are durable and their workers do not know: those attempts are
//! given up, so that they are tried again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use super::{
    super::{
        assignment::{AckTo, Assignment},
        batch::{Batch, Entry, lost},
        item::Item,
        workforce::Reservation,
    },
    Lane,
};
use crate::{
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::Micros,
    },
    store::{self, lifecycle as rows},
    telemetry::Place,
};

/// Payloads read at once: at 64 KiB each they are 4 MiB, of which a read holds two copies for a moment.
const READ_MAX: usize = 64;

/// A task's context, the name under which its calls are found again, and where it is in its trace.
type Context = (Arc<str>, Option<Arc<str>>, Option<Place>);

/// What had to be read.
#[derive(Debug, Default)]
struct Read {
    contexts: HashMap<TaskId, Context>,
    results: HashMap<(TaskId, u32), Arc<str>>,
    inputs: HashMap<(TaskId, StepNo), Arc<str>>,
}

/// What has to be read.
#[derive(Debug, Default)]
struct Wanted {
    contexts: HashSet<Uuid>,
    results: HashSet<(TaskId, u32)>,
    inputs: Vec<(TaskId, StepNo)>,
}

impl Lane {
    /// The assignments of a batch, with the sessions that they go to.
    pub(super) async fn hydrate(&mut self, batch: &mut Batch) -> Vec<(Uuid, Assignment)> {
        let read = match self.read(&wanted(batch)).await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "claimed steps could not be handed over");
                self.give_up(batch);
                return Vec::new();
            }
        };
        let now = self.shared.clock.now();
        let mut assignments = Vec::new();
        for (task, entry) in &mut batch.entries {
            if entry.reservations.is_empty() {
                continue;
            }
            if let Some((context, correlation_id, trace)) = read.contexts.get(task) {
                entry.cached.context = Some(Arc::clone(context));
                entry.cached.correlation_id.clone_from(correlation_id);
                entry.cached.trace = Some(*trace);
            }
            for reservation in &entry.reservations {
                let assignment = self.assignment(*task, entry, *reservation, &read, now);
                assignments.push((reservation.slot.session_id, assignment));
            }
        }
        assignments
    }

    fn assignment(
        &self,
        task: TaskId,
        entry: &Entry,
        reservation: Reservation,
        read: &Read,
        now: Micros,
    ) -> Assignment {
        let cached = &entry.cached;
        let no = reservation.claimed.no;
        let spec = cached.run.template().step(no);
        let mut bytes = 0;
        let mut dependencies = Vec::with_capacity(spec.parents.len());
        for parent in spec.parents.iter().copied() {
            let kept = cached.result(parent).cloned();
            let found = kept.or_else(|| read.results.get(&(task, cached.run.step(parent).outcome_sequence)).cloned());
            let results = found.unwrap_or_else(|| Arc::from("{}"));
            bytes += results.len();
            dependencies.push((Arc::clone(&cached.run.template().step(parent).name), results));
        }
        let omitted = bytes > self.shared.settings.assignment_bytes_max;
        let changed = read.inputs.get(&(task, no)).cloned();
        let timeout = spec.timeout.map(|timeout| Micros::try_from(timeout.as_micros()).unwrap_or(Micros::MAX));
        Assignment {
            step: task.step(no),
            attempt: reservation.claimed.attempt,
            retry_limit: cached.run.step(no).retry_limit,
            template: Arc::clone(cached.run.template()),
            inputs: changed.or_else(|| cached.context.clone()).unwrap_or_else(|| Arc::from("{}")),
            dependencies: if omitted { Vec::new() } else { dependencies },
            dependencies_omitted: omitted,
            claimed_at: now,
            deadline_at: timeout.map(|timeout| now.saturating_add(timeout)),
            correlation_id: cached.correlation_id.clone(),
            trace: cached.trace.flatten().map(|place| self.place(place, task.step(no), reservation.claimed.attempt)),
        }
    }

    /// Where an attempt is in its task's trace. Where no spans are made it is where its caller was.
    fn place(&self, place: Place, step: StepId, attempt: u16) -> Place {
        let is_told = self.shared.spans.is_on() && place.is_sampled();
        if is_told { place.attempt(step.uuid(), attempt) } else { place }
    }

    async fn read(&mut self, wanted: &Wanted) -> store::Result<Read> {
        let mut read = Read::default();
        if wanted.contexts.is_empty() && wanted.results.is_empty() && wanted.inputs.is_empty() {
            return Ok(read);
        }
        let Some(connection) = &mut self.connection else {
            return Err(store::Error::not_connected());
        };
        let mut connection = connection.read().await?;
        if !wanted.contexts.is_empty() {
            let tasks: Vec<Uuid> = wanted.contexts.iter().copied().collect();
            for tasks in tasks.chunks(READ_MAX) {
                for (task, context, correlation_id, trace) in rows::contexts(&mut connection, tasks).await? {
                    let trace = trace.as_deref().and_then(Place::parse);
                    read.contexts.insert(task, (Arc::from(context), correlation_id.map(Arc::from), trace));
                }
            }
        }
        if !wanted.results.is_empty() {
            let keys: Vec<(TaskId, u32)> = wanted.results.iter().copied().collect();
            for keys in keys.chunks(READ_MAX) {
                for (task, sequence, results) in rows::results(&mut connection, keys).await? {
                    read.results.insert((task, sequence), Arc::from(results.unwrap_or_else(|| "{}".to_owned())));
                }
            }
        }
        for (task, no, inputs) in rows::inputs(&mut connection, &wanted.inputs).await? {
            read.inputs.insert((task, no), Arc::from(inputs));
        }
        connection.end().await?;
        Ok(read)
    }

    /// Ends attempts that no worker will ever hear of.
    fn give_up(&self, batch: &Batch) {
        for (task, entry) in &batch.entries {
            for reservation in &entry.reservations {
                self.shared.workforce.release(reservation.slot);
                let step: StepId = task.step(reservation.claimed.no);
                let outcome = lost("AssignmentLost", "the database became unavailable before the worker could be told");
                let item = Item::Settle { step, attempt: reservation.claimed.attempt, outcome, ack: AckTo::Nobody };
                self.shared.later(Duration::ZERO, item);
            }
        }
    }
}

fn wanted(batch: &Batch) -> Wanted {
    let mut wanted = Wanted::default();
    for (task, entry) in &batch.entries {
        for reservation in &entry.reservations {
            let run = &entry.cached.run;
            let no = reservation.claimed.no;
            if entry.cached.context.is_none() {
                wanted.contexts.insert(task.uuid());
            }
            if run.step(no).inputs_changed {
                wanted.inputs.push((*task, no));
            }
            for parent in run.template().step(no).parents.iter().copied() {
                let sequence = run.step(parent).outcome_sequence;
                if sequence > 0 && entry.cached.result(parent).is_none() {
                    wanted.results.insert((*task, sequence));
                }
            }
        }
    }
    wanted
}
