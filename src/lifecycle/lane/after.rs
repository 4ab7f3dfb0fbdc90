//! What follows a commit: answers, slots, assignments, hints.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::{
    super::{
        assignment::{Ack, AckTo, StopReason, Verdict},
        batch::{Answer, Batch},
        item::Item,
        request::{Created, Identity, identity_taken},
        workforce::Outgoing,
    },
    Lane,
};
use crate::{
    domain::{
        ids::{StepId, TaskId},
        run::Micros,
        template::QueueId,
    },
    error::{Error, Reason, Result},
    store::{lifecycle as rows, pauses::PARKED_UNTIL},
};

impl Lane {
    /// Answers the items of a durable batch and sends on what came of it.
    pub(super) async fn finish(&mut self, items: Vec<Item>, mut batch: Batch, now: Micros) {
        let mut outgoing: HashMap<Uuid, Outgoing> = HashMap::new();
        let taken = self.find_taken(&items, &batch).await;
        self.meter.durable(&items, &mut batch, now);
        self.trace(&items, &mut batch, now).await;
        for (item, answer) in items.into_iter().zip(std::mem::take(&mut batch.answers)) {
            match (item, answer) {
                (Item::Create { task_id, reply, .. }, Answer::Created) => {
                    let state = batch.entries.get(&task_id).map(|entry| entry.state(now));
                    let _gone = reply.send(Ok(Created { task_id, state }));
                }
                (Item::Create { new, reply, .. }, Answer::IdentityTaken) => {
                    let identity = new.identity.as_ref().expect("only identities are taken");
                    let _gone = reply.send(same_or_refused(identity, &taken));
                }
                (Item::Settle { step, attempt, ack, .. }, Answer::Settled(verdict)) => match ack {
                    AckTo::Session(session) => {
                        let ack = Ack { step, attempt, verdict };
                        outgoing.entry(session).or_default().acks.push(ack);
                    }
                    other => self.acknowledge(other, step, attempt, verdict),
                },
                (Item::Claim { reply, .. }, Answer::Claimed(verdicts)) => {
                    let _gone = reply.send(verdicts);
                }
                (Item::Apply { task, reply, .. }, Answer::Applied(result)) => {
                    let state = result.and_then(|()| {
                        let entry = batch.entries.get(&task).map(|entry| entry.state(now));
                        entry.ok_or_else(|| Error::new(Reason::Internal, "a batch has lost a task that it changed"))
                    });
                    let _gone = reply.send(state);
                }
                (item, answer) => unreachable!("{answer:?} answers {item:?}"),
            }
        }
        self.tell_stops(&batch, &mut outgoing);
        for (session, assignment) in self.hydrate(&mut batch).await {
            outgoing.entry(session).or_default().assignments.push(assignment);
        }
        for (session, outgoing) in outgoing {
            self.shared.workforce.send(session, outgoing);
        }
        self.hint(&batch, now);
        for task in batch.tasks().to_vec() {
            let entry = batch.entries.remove(&task).expect("order lists the entries");
            if !entry.changes.moves.is_empty() {
                self.shared.watch.publish(task, entry.cached.run.revision());
            }
            self.runs.put(task, entry.cached);
        }
        self.shared.events.wake();
        self.shared.workforce.wake_if_open();
    }

    /// Sends one answer to one result.
    pub(super) fn acknowledge(&self, to: AckTo, step: StepId, attempt: u16, verdict: Verdict) {
        let ack = Ack { step, attempt, verdict };
        match to {
            AckTo::Session(session) => {
                self.shared.workforce.send(session, Outgoing { acks: vec![ack], ..Outgoing::default() });
            }
            AckTo::Caller(reply) => {
                let _gone = reply.send(ack);
            }
            AckTo::Nobody => {}
        }
    }

    /// Tells workers which attempts to stop; those of other servers through a hint.
    fn tell_stops(&self, batch: &Batch, outgoing: &mut HashMap<Uuid, Outgoing>) {
        let mut elsewhere = Vec::new();
        for (task, entry) in &batch.entries {
            for stopped in &entry.changes.stopped {
                let stop = (task.step(stopped.no), stopped.attempt, StopReason::Cancelled);
                match entry.freed.iter().find(|(_, freed)| freed == stopped) {
                    Some((slot, _)) => outgoing.entry(slot.session_id).or_default().stops.push(stop),
                    None => elsewhere.push((stop.0, stop.1)),
                }
            }
        }
        if !elsewhere.is_empty() {
            self.shared.hints.stops(elsewhere);
        }
    }

    /// Tells the dispatchers, here and elsewhere, that steps wait.
    fn hint(&self, batch: &Batch, now: Micros) {
        let mut ready: BTreeSet<QueueId> = BTreeSet::new();
        for (queue, at, _) in &batch.queued {
            if *at <= now {
                ready.insert(*queue);
            } else if *at < PARKED_UNTIL && self.shared.workforce.serves(*queue) {
                self.shared.workforce.expect_work_at(*queue, *at);
            }
        }
        if !ready.is_empty() {
            self.shared.workforce.expect_work(ready.iter().copied());
            self.shared.hints.queues(ready);
        }
    }

    /// Finds who holds the identities that were taken.
    async fn find_taken(&mut self, items: &[Item], batch: &Batch) -> Result<Vec<(String, TaskId, Vec<u8>)>> {
        let mut wanted = Vec::new();
        for (item, answer) in items.iter().zip(&batch.answers) {
            if let (Item::Create { new, .. }, Answer::IdentityTaken) = (item, answer) {
                wanted.extend(new.identity.as_ref().map(|identity| identity.key.clone()));
            }
        }
        match &mut self.connection {
            Some(connection) if !wanted.is_empty() => {
                let mut reader = connection.read().await?;
                let taken = rows::find_identity(&mut reader, &wanted).await?;
                reader.end().await?;
                Ok(taken)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// The first task of an identity if its content is the same, else a refusal.
fn same_or_refused(identity: &Identity, taken: &Result<Vec<(String, TaskId, Vec<u8>)>>) -> Result<Created> {
    let taken = taken.as_ref().map_err(Clone::clone)?;
    match taken.iter().find(|(key, ..)| *key == identity.key) {
        Some((_, task_id, hash)) if *hash == identity.content_hash => Ok(Created { task_id: *task_id, state: None }),
        Some((_, task_id, _)) => Err(identity_taken(*task_id)),
        // Its holder was deleted between the two looks.
        None => Err(Error::new(Reason::Contention, "the task of this idempotency key has just gone")),
    }
}
