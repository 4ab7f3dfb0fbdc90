//! Attempts and results in hand: owns what runs and what is not acknowledged; does no IO.
//!
//! ```text
//! wait → begin → running → finish → ready → take_batch → sent → ack ACCEPTED, STALE, INVALID → gone
//!                   │                 ↑                     └─→ ack RETRY → later ─┐
//!                   │                 └────────── reconnected, retry_now ──────────┘
//!                   ├─ interrupt_all → running, a failure of it becomes a Release
//!                   └─ stop → stopping, no result → ended → gone
//! ```

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::cancel::{Cancel, CancelReason};
use crate::proto::tasker::worker::v1::{
    Ack, AckOutcome, Assignment, HeldLease, Release, ReleaseReason, StepResult, step_result::Outcome,
};

/// A message stays below this size, one large result excepted.
const BATCH_BYTES_MAX: usize = 1 << 20;
const BATCH_RESULTS_MAX: usize = 1_000;
/// The bytes of a result besides its text.
const RESULT_BYTES: usize = 128;

/// An attempt: the step, as opaque text, and its token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    step: Arc<str>,
    token: i64,
}

impl Key {
    pub(crate) fn new(step_id: &str, token: i64) -> Self {
        Self { step: Arc::from(step_id), token }
    }

    /// The lease of the attempt.
    pub(crate) fn lease(&self) -> HeldLease {
        HeldLease { step_id: self.step.to_string(), lease_token: self.token }
    }

    /// A result of the attempt.
    fn result(&self, outcome: Outcome) -> StepResult {
        let HeldLease { step_id, lease_token } = self.lease();
        StepResult { step_id, lease_token, outcome: Some(outcome), ..StepResult::default() }
    }
}

/// A result that nobody will store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedResult {
    /// The step.
    pub step_id: String,
    /// The token of the attempt.
    pub lease_token: i64,
    /// Why.
    pub reason: DropReason,
    /// The server's words; empty where it was not the server who dropped it.
    pub message: String,
}

/// Why a result was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The session does not hold the lease any more: the step was given to somebody else, cancelled or timed out.
    Stale,
    /// The server does not accept the result itself.
    Invalid,
    /// The worker ended before the result was acknowledged.
    WorkerEnded,
}

#[derive(Debug)]
struct Running {
    cancel: Cancel,
    step_name: String,
    /// The worker is going: a failure from now on is handed back.
    interrupted: bool,
}

/// An attempt that was told to stop and whose handler has not returned.
#[derive(Debug)]
struct Stopping {
    step_name: String,
    since: Instant,
    /// It has been told of: it ignores the stop.
    stuck: bool,
}

/// The attempts and results of a worker.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Attempts that wait for a handler that ignores its stop.
    waiting: VecDeque<(Key, Assignment)>,
    running: HashMap<Key, Running>,
    stopping: HashMap<Key, Stopping>,
    /// Every result that is not acknowledged.
    results: HashMap<Key, StepResult>,
    /// Of those, the ones to send now. Keys whose result is gone are passed over.
    ready: VecDeque<Key>,
    /// Of those, the ones to send after a pause.
    later: Vec<Key>,
}

impl Ledger {
    /// Whether the worker has this attempt in its hands already.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.running.contains_key(key)
            || self.results.contains_key(key)
            || self.stopping.contains_key(key)
            || self.waiting.iter().any(|(waiting, _)| waiting == key)
    }

    /// Whether an attempt has to wait because handlers that were told to stop still occupy their slots.
    pub(crate) fn is_full(&self, slots: usize) -> bool {
        !self.stopping.is_empty() && self.running.len() + self.stopping.len() >= slots
    }

    /// Keeps an attempt until there is room for it.
    pub(crate) fn wait(&mut self, key: Key, assignment: Assignment) {
        self.waiting.push_back((key, assignment));
    }

    /// The next attempt that waited, if there is room for it.
    pub(crate) fn next_waiting(&mut self, slots: usize) -> Option<(Key, Assignment)> {
        if self.is_full(slots) { None } else { self.waiting.pop_front() }
    }

    /// Notes an attempt that goes on by itself.
    pub(crate) fn begin(&mut self, key: Key, step_name: String, cancel: Cancel) {
        self.running.insert(key, Running { cancel, step_name, interrupted: false });
    }

    /// Notes the end of an attempt that was begun. The result of one that was stopped is dropped; a failure of one that was
    /// interrupted because the worker goes is handed back.
    pub(crate) fn finish(&mut self, key: Key, mut result: StepResult) {
        match self.running.remove(&key) {
            Some(running) => {
                if running.interrupted && matches!(result.outcome, Some(Outcome::Failure(_))) {
                    result.outcome = Some(release(ReleaseReason::WorkerDraining));
                }
                self.finish_at_once(key, result);
            }
            None => self.ended(&key),
        }
    }

    /// Notes a result that was there at once.
    pub(crate) fn finish_at_once(&mut self, key: Key, result: StepResult) {
        self.results.insert(key.clone(), result);
        self.ready.push_back(key);
    }

    /// Notes that the handler of a stopped attempt has returned, or was dropped.
    pub(crate) fn ended(&mut self, key: &Key) {
        if let Some(Stopping { step_name, stuck: true, since }) = self.stopping.remove(key) {
            let lease = key.lease();
            tracing::info!(step_id = lease.step_id, step_name, after = ?since.elapsed(), "a stuck handler has returned");
        }
    }

    /// Stops an attempt: it is told, and its result will be dropped. False when it is not in hand.
    pub(crate) fn stop(&mut self, key: &Key, reason: CancelReason) -> bool {
        if let Some(place) = self.waiting.iter().position(|(waiting, _)| waiting == key) {
            self.waiting.remove(place);
            return true;
        }
        let Some(Running { cancel, step_name, .. }) = self.running.remove(key) else { return false };
        self.stopping.insert(key.clone(), Stopping { step_name, since: Instant::now(), stuck: false });
        cancel.cancel(reason);
        true
    }

    /// Stops everything that runs or waits, and says what it was.
    pub(crate) fn stop_all(&mut self, reason: CancelReason) -> Vec<Key> {
        let keys: Vec<Key> =
            self.waiting.iter().map(|(key, _)| key.clone()).chain(self.running.keys().cloned()).collect();
        keys.into_iter().filter(|key| self.stop(key, reason)).collect()
    }

    /// Tells everything that runs that the worker goes. Its results still count, its failures are handed back.
    pub(crate) fn interrupt_all(&mut self) {
        for (key, _) in std::mem::take(&mut self.waiting) {
            let result = key.result(release(ReleaseReason::WorkerDraining));
            self.finish_at_once(key, result);
        }
        for running in self.running.values_mut() {
            running.interrupted = true;
            running.cancel.cancel(CancelReason::Draining);
        }
    }

    /// Hands back what still runs.
    pub(crate) fn release_all(&mut self) {
        for key in self.stop_all(CancelReason::Draining) {
            let result = key.result(release(ReleaseReason::WorkerDraining));
            self.finish_at_once(key, result);
        }
    }

    /// Names the handlers that have ignored their stop for longer than the grace; how many slots all such occupy.
    pub(crate) fn stuck(&mut self, stop_grace: Duration) -> usize {
        let mut count = 0;
        for (key, stopping) in &mut self.stopping {
            if stopping.since.elapsed() < stop_grace {
                continue;
            }
            count += 1;
            if !std::mem::replace(&mut stopping.stuck, true) {
                let lease = key.lease();
                tracing::warn!(
                    step_id = lease.step_id,
                    lease_token = lease.lease_token,
                    step_name = stopping.step_name,
                    "a handler ignores its stop and keeps its slot"
                );
            }
        }
        count
    }

    /// The attempts whose handlers ignore their stop.
    pub(crate) fn stuck_attempts(&self) -> Vec<HeldLease> {
        self.stopping.iter().filter(|(_, stopping)| stopping.stuck).map(|(key, _)| key.lease()).collect()
    }

    /// When the next stopped handler is to be looked at.
    pub(crate) fn next_stuck_at(&self, stop_grace: Duration) -> Option<Instant> {
        let waiting = self.stopping.values().filter(|stopping| !stopping.stuck);
        waiting.map(|stopping| stopping.since + stop_grace).min()
    }

    /// Whether there is something to send.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Copies what fits in a message; the originals stay until they are acknowledged.
    pub(crate) fn take_batch(&mut self) -> Vec<StepResult> {
        let mut batch = Vec::with_capacity(self.ready.len().min(BATCH_RESULTS_MAX));
        let mut bytes = 0;
        while batch.len() < BATCH_RESULTS_MAX {
            let Some(key) = self.ready.front() else { break };
            if let Some(result) = self.results.get(key) {
                bytes += weight(result);
                if bytes > BATCH_BYTES_MAX && !batch.is_empty() {
                    break;
                }
                batch.push(result.clone());
            }
            self.ready.pop_front();
        }
        batch
    }

    /// Obeys an acknowledgement; the result that it drops, if it does.
    pub(crate) fn acknowledge(&mut self, ack: &Ack) -> Option<DroppedResult> {
        let key = Key::new(&ack.step_id, ack.lease_token);
        let reason = match ack.outcome() {
            AckOutcome::Retry => {
                if self.results.contains_key(&key) {
                    self.later.push(key);
                }
                return None;
            }
            AckOutcome::Accepted => {
                self.results.remove(&key);
                return None;
            }
            AckOutcome::Stale | AckOutcome::Unspecified => DropReason::Stale,
            AckOutcome::Invalid => DropReason::Invalid,
        };
        self.results.remove(&key)?;
        Some(DroppedResult {
            step_id: ack.step_id.clone(),
            lease_token: ack.lease_token,
            reason,
            message: ack.message.clone(),
        })
    }

    /// Whether results wait to be sent again after a pause.
    pub(crate) fn has_later(&self) -> bool {
        !self.later.is_empty()
    }

    /// Makes results ready that the server asked to have later.
    pub(crate) fn retry_now(&mut self) {
        self.ready.extend(self.later.drain(..));
    }

    /// Every lease that the worker still has something to do with.
    pub(crate) fn held(&self) -> Vec<HeldLease> {
        let waiting = self.waiting.iter().map(|(key, _)| key);
        waiting.chain(self.running.keys()).chain(self.results.keys()).map(Key::lease).collect()
    }

    /// Begins again on a new stream: stops and drops what is lost, and sends every other result once more. The results
    /// that were dropped.
    pub(crate) fn reconnected(&mut self, lost: &[HeldLease]) -> Vec<DroppedResult> {
        let mut dropped = Vec::new();
        for HeldLease { step_id, lease_token } in lost {
            let key = Key::new(step_id, *lease_token);
            if self.stop(&key, CancelReason::LeaseLost) {
                tracing::warn!(step_id, lease_token, "a lease was lost");
            } else if self.results.remove(&key).is_some() {
                dropped.push(key.dropped(DropReason::Stale));
            }
        }
        self.later.clear();
        self.ready = self.results.keys().cloned().collect();
        dropped
    }

    /// Drops every result, because the worker ends.
    pub(crate) fn drop_all(&mut self) -> Vec<DroppedResult> {
        self.ready.clear();
        self.results.drain().map(|(key, _)| key.dropped(DropReason::WorkerEnded)).collect()
    }

    /// Attempts that run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Results that are not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.results.len()
    }

    /// Whether the worker has nothing in its hands. Handlers that ignore their stop are nothing to wait for.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty() && self.results.is_empty()
    }
}

impl Key {
    fn dropped(&self, reason: DropReason) -> DroppedResult {
        let HeldLease { step_id, lease_token } = self.lease();
        DroppedResult { step_id, lease_token, reason, message: String::new() }
    }
}

/// The outcome that hands an attempt back.
pub(crate) fn release(reason: ReleaseReason) -> Outcome {
    Outcome::Release(Release { reason: reason.into() })
}

fn weight(result: &StepResult) -> usize {
    let text = match &result.outcome {
        Some(Outcome::Success(success)) => success.results_json.as_ref().map_or(0, String::len),
        Some(Outcome::Failure(failure)) => {
            failure.message.len() + failure.backtrace.len() + failure.context_json.len() + failure.error_class.len()
        }
        Some(Outcome::Release(_)) | None => 0,
    };
    RESULT_BYTES + text
}

#[cfg(test)]
mod tests;
