//! Assignments filled with what the worker needs: inputs and the parents' results.
//!
//! Most of it is in memory, because the parents were settled a moment ago. What is not is read in one go. If
//! the store goes away at this point the claims are durable and their workers do not know: those attempts are
//! given up, so that they are tried again.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use super::{
    super::{
        assignment::{AckTo, Assignment},
        batch::{Batch, Entry},
        item::Item,
        not_received,
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

/// Contexts read at once: at 64 KiB each they are 4 MiB, of which a read holds two copies for a moment.
const READ_MAX: usize = 64;

/// Bytes of results read at once, of which a read holds two copies for a moment; one result is always read.
const READ_BYTES_MAX: usize = 4 << 20;

/// Results up to this size lie in their row and are read with their length: another look would cost more.
const SHORT_BYTES: usize = 1 << 10;

/// A task's context, the name under which its calls are found again, and where it is in its trace.
type Context = (Arc<str>, Option<Arc<str>>, Option<Place>);

/// What had to be read.
#[derive(Debug, Default)]
struct Read {
    contexts: HashMap<TaskId, Context>,
    results: HashMap<(TaskId, u32), Arc<str>>,
    /// Lengths of results, also of those that were not read because their assignment goes without them.
    result_bytes: HashMap<(TaskId, u32), usize>,
    inputs: HashMap<(TaskId, StepNo), Arc<str>>,
}

/// What has to be read.
#[derive(Debug, Default)]
struct Wanted {
    contexts: HashSet<Uuid>,
    results: HashSet<(TaskId, u32)>,
    /// What each assignment takes from the store, and the bytes of results that it has already.
    assignments: Vec<(usize, Vec<(TaskId, u32)>)>,
    inputs: Vec<(TaskId, StepNo)>,
}

impl Read {
    /// The results that are sent and were too long to come with their lengths.
    fn missing(&self, wanted: &Wanted, assignment_bytes_max: usize) -> Vec<(TaskId, u32)> {
        let length = |key: &(TaskId, u32)| self.result_bytes.get(key).copied().unwrap_or_default();
        let sent = wanted
            .assignments
            .iter()
            .filter(|(known, keys)| known.saturating_add(keys.iter().map(length).sum()) <= assignment_bytes_max);
        let missing: BTreeSet<(TaskId, u32)> = sent
            .flat_map(|(_, keys)| keys)
            .filter(|key| length(key) > 0 && !self.results.contains_key(key))
            .copied()
            .collect();
        missing.into_iter().collect()
    }
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
        let key = |parent: StepNo| (task, cached.run.step(parent).outcome_sequence);
        let length = |parent: StepNo| match cached.result(parent) {
            Some(kept) => kept.len(),
            None => read.result_bytes.get(&key(parent)).copied().unwrap_or_default(),
        };
        let bytes: usize = spec.parents.iter().copied().map(length).sum();
        let omitted = bytes > self.shared.settings.assignment_bytes_max;
        let mut dependencies = Vec::with_capacity(spec.parents.len());
        for parent in spec.parents.iter().copied().filter(|_| !omitted) {
            let kept = cached.result(parent).cloned();
            let found = kept.or_else(|| read.results.get(&(task, cached.run.step(parent).outcome_sequence)).cloned());
            let results = found.unwrap_or_else(|| Arc::from("{}"));
            dependencies.push((Arc::clone(&cached.run.template().step(parent).name), results));
        }
        let changed = read.inputs.get(&(task, no)).cloned();
        let timeout = spec.timeout.map(|timeout| Micros::try_from(timeout.as_micros()).unwrap_or(Micros::MAX));
        Assignment {
            step: task.step(no),
            attempt: reservation.claimed.attempt,
            count: cached.run.step(no).attempts,
            retry_limit: cached.run.step(no).retry_limit,
            template: Arc::clone(cached.run.template()),
            inputs: changed.or_else(|| cached.context.clone()).unwrap_or_else(|| Arc::from("{}")),
            dependencies,
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
            for found in rows::result_sizes(&mut connection, &keys, SHORT_BYTES).await? {
                let key = (found.task, found.sequence);
                read.result_bytes.insert(key, found.bytes);
                read.results.extend(found.results.map(|results| (key, Arc::from(results))));
            }
            let missing = read.missing(wanted, self.shared.settings.assignment_bytes_max);
            for keys in within_bytes(&missing, |key| read.result_bytes[key]) {
                for (task, sequence, results) in rows::results(&mut connection, keys).await? {
                    read.results.extend(results.map(|results| ((task, sequence), Arc::from(results))));
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
                let (attempt, outcome) = (reservation.claimed.attempt, not_received());
                let item = Item::Settle { step, attempt, outcome, ack: AckTo::Nobody };
                self.shared.later(Duration::ZERO, item);
            }
        }
    }
}

/// Keys in portions of a bounded number of bytes, each of one key at least.
fn within_bytes<K>(keys: &[K], bytes: impl Fn(&K) -> usize) -> Vec<&[K]> {
    let mut portions = Vec::new();
    let (mut from, mut sum) = (0, 0_usize);
    for (place, key) in keys.iter().enumerate() {
        sum = sum.saturating_add(bytes(key));
        if sum > READ_BYTES_MAX && place > from {
            portions.push(&keys[from..place]);
            (from, sum) = (place, bytes(key));
        }
    }
    if from < keys.len() {
        portions.push(&keys[from..]);
    }
    portions
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
            let (mut known, mut keys) = (0, Vec::new());
            for parent in run.template().step(no).parents.iter().copied() {
                let sequence = run.step(parent).outcome_sequence;
                match entry.cached.result(parent) {
                    Some(kept) => known += kept.len(),
                    None if sequence > 0 => keys.push((*task, sequence)),
                    None => {}
                }
            }
            if !keys.is_empty() {
                wanted.results.extend(keys.iter().copied());
                wanted.assignments.push((known, keys));
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_bounded_and_whole() {
        let mib = 1_usize << 20;
        let check = |sizes: &[usize], expected: &[usize]| {
            let keys: Vec<usize> = (0..sizes.len()).collect();
            let portions = within_bytes(&keys, |key| sizes[*key]);
            assert_eq!(portions.iter().map(|portion| portion.len()).collect::<Vec<_>>(), expected, "{sizes:?}");
            assert_eq!(portions.concat(), keys);
        };
        check(&[], &[]);
        check(&[1], &[1]);
        check(&[4 * mib], &[1]);
        check(&[mib, mib, mib, mib], &[4]);
        check(&[mib, mib, mib, mib, 1], &[4, 1]);
        check(&[9 * mib, 1, 9 * mib, 9 * mib], &[1, 1, 1, 1]);
    }
}
