//! A batch as the columns of one write.

use std::collections::HashMap;

use super::{Batch, Entry};
use crate::{
    domain::{
        audit,
        ids::TaskId,
        run::{Claimed, Micros, Stored},
        state::State,
    },
    lifecycle::{item::Item, request::NewTask},
    store::{
        lifecycle::{RequestInserts, WriteSet, array_text, number, signed, timestamp},
        tallies::Kind,
        text::Text,
    },
};

impl Batch {
    /// The columns to write; `None` when nothing moves.
    pub(in crate::lifecycle) fn columns(&self, items: &[Item], now: Micros) -> Option<WriteSet> {
        let mut set = WriteSet::default();
        for item in items {
            if let Item::Create { task_id, new, .. } = item
                && self.entries.contains_key(task_id)
                && new.identity.is_none()
            {
                request(&mut set.request_inserts, *task_id, new);
            }
        }
        for task in &self.order {
            let entry = &self.entries[task];
            if entry.has_moved() {
                entry.columns(*task, now, &mut set);
            }
        }
        for (queue, at, step) in &self.queued {
            set.ready_inserts.0.push(*queue);
            set.ready_inserts.1.push(timestamp(*at));
            set.ready_inserts.2.push(step.task.uuid());
            set.ready_inserts.3.push(number(step.no));
        }
        let any = !(set.task_inserts.task_id.is_empty()
            && set.task_updates.task_id.is_empty()
            && set.ready_inserts.0.is_empty());
        any.then_some(set)
    }
}

impl Entry {
    fn columns(&self, task: TaskId, now: Micros, set: &mut WriteSet) {
        let stored = self.cached.run.store();
        let (started, finished) = self.begins_and_ends();
        let started_at = started.then(|| timestamp(now));
        let finished_at = finished.then(|| timestamp(now));
        self.tally(stored.state, set);
        let Stored { state, reason, revision, steps, detail } = stored;
        if let Some(expected) = self.revision_read {
            let updates = &mut set.task_updates;
            updates.task_id.push(task.uuid());
            updates.expected.push(signed(expected));
            updates.state.push(i16::from(state.code()));
            updates.revision.push(signed(revision));
            updates.state_reason.push(reason);
            updates.steps.push(steps);
            updates.detail.push(detail);
            updates.started_at.push(started_at);
            updates.finished_at.push(finished_at);
        } else {
            let inserts = &mut set.task_inserts;
            inserts.task_id.push(task.uuid());
            inserts.named_task_id.push(self.cached.run.template().id);
            inserts.state.push(i16::from(state.code()));
            inserts.revision.push(signed(revision));
            inserts.state_reason.push(reason);
            inserts.steps.push(steps);
            inserts.detail.push(detail);
            inserts.started_at.push(started_at);
            inserts.finished_at.push(finished_at);
            inserts.deadline_at.push(self.cached.deadline_at.map(timestamp));
        }
        self.note(task, set);
        self.lease(task, now, set);
    }

    /// Whether the task started in this batch, and whether it reached its final state in it.
    pub(super) fn begins_and_ends(&self) -> (bool, bool) {
        let mut moves = self.changes.moves.iter().filter(|row| row.step.is_none() && row.from != Some(row.to));
        let ends = self.cached.run.state().is_settled_task() && moves.clone().next().is_some();
        (moves.any(|row| row.to == State::InProgress), ends)
    }

    /// What there is more of now, and what less.
    fn tally(&self, state: State, set: &mut WriteSet) {
        let (template, moves) = (self.cached.run.template(), &self.changes.moves);
        let handler = template.id;
        if let Some(first) = moves.iter().find(|row| row.step.is_none()) {
            if let Some(from) = first.from {
                set.tally(handler, Kind::Tasks(from), -1);
            }
            set.tally(handler, Kind::Tasks(state), 1);
        }
        let mut steps = [0_i32; State::ALL.len()];
        let mut step = |state: State, change: i32| steps[usize::from(state.code())] += change;
        if self.revision_read.is_none() {
            step(State::Pending, i32::try_from(template.steps.len()).expect("a task has fewer steps"));
        }
        for row in moves.iter().filter(|row| row.step.is_some()) {
            // Those that a new task is created without were pending for no time at all.
            step(row.from.unwrap_or(State::Pending), -1);
            step(row.to, 1);
        }
        for (state, change) in State::ALL.into_iter().zip(steps) {
            set.tally(handler, Kind::Steps(state), change);
        }
        set.tally(handler, Kind::Retryable, self.changes.retryable);
    }

    fn note(&self, task: TaskId, set: &mut WriteSet) {
        let transitions = &mut set.transitions;
        let sessions: HashMap<Claimed, uuid::Uuid> =
            self.reservations.iter().map(|begun| (begun.claimed, begun.slot.session_id)).collect();
        for row in &self.changes.moves {
            let step_no = row.step.map(number);
            let ends = row.from == Some(State::InProgress) && row.to != State::InProgress;
            transitions.task_id.push(task.uuid());
            transitions.sequence.push(signed(row.sequence));
            transitions.step_no.push(step_no);
            transitions.from_state.push(row.from.map(|state| i16::from(state.code())));
            transitions.to_state.push(i16::from(row.to.code()));
            transitions.attempt.push(i32::from(row.attempt));
            transitions.results.push(self.results.get(&row.sequence).cloned().map(Text));
            transitions.metadata.push(audit::metadata(&row.cause));
            transitions.ended_step_no.push(step_no.filter(|_| ends));
            let begun = row.step.filter(|_| row.to == State::InProgress).map(|no| Claimed { no, attempt: row.attempt });
            transitions.session_id.push(begun.and_then(|begun| sessions.get(&begun).copied()));
        }
    }

    fn lease(&self, task: TaskId, now: Micros, set: &mut WriteSet) {
        for ended in &self.changes.ended {
            set.lease_deletes.0.push(task.uuid());
            set.lease_deletes.1.push(number(ended.no));
        }
        let leases = &mut set.lease_inserts;
        for reservation in &self.reservations {
            let spec = self.cached.run.template().step(reservation.claimed.no);
            let deadline = spec.timeout.map(|timeout| {
                timestamp(now.saturating_add(Micros::try_from(timeout.as_micros()).unwrap_or(Micros::MAX)))
            });
            leases.task_id.push(task.uuid());
            leases.step_no.push(number(reservation.claimed.no));
            leases.attempt.push(i32::from(reservation.claimed.attempt));
            leases.queue_id.push(spec.queue);
            leases.session_id.push(reservation.slot.session_id);
            leases.deadline_at.push(deadline);
        }
    }
}

/// The columns of requests that carry an identity.
pub(in crate::lifecycle) fn identified(items: &[Item]) -> RequestInserts {
    let mut requested = RequestInserts::default();
    for item in items {
        if let Item::Create { task_id, new, .. } = item
            && new.identity.is_some()
        {
            request(&mut requested, *task_id, new);
        }
    }
    requested
}

fn request(columns: &mut RequestInserts, task: TaskId, new: &NewTask) {
    columns.task_id.push(task.uuid());
    columns.named_task_id.push(new.template.id);
    columns.initiator.push(new.initiator.clone());
    columns.source_system.push(new.source_system.clone());
    columns.reason.push(new.reason.clone());
    columns.tags.push(array_text(&new.tags));
    let bypass: Vec<String> = new.bypass.iter().map(|no| new.template.step(*no).name.to_string()).collect();
    columns.bypass_steps.push(array_text(&bypass));
    columns.context.push(Text(new.context_json.clone()));
    columns.requested_at.push(timestamp(new.requested_at));
    columns.correlation_id.push(new.correlation_id.clone());
    columns.created_by.push(new.created_by.clone());
    columns.trace_context.push(new.trace_context.clone());
    columns.identity.push(new.identity.as_ref().map(|identity| identity.key.clone()));
    columns.identity_hash.push(new.identity.as_ref().map(|identity| identity.content_hash.to_vec()));
}
