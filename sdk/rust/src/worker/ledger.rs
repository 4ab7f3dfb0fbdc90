//! What the worker holds: owns the attempts that run and the results that are not acknowledged; does no IO.
//!
//! ```text
//! begin → running → finish → ready → take_batch → sent → ack ACCEPTED, STALE, INVALID → gone
//!                              ↑                     └─→ ack RETRY → later ─┐
//!                              └────────── reconnected, retry_now ──────────┘
//! ```

use std::collections::{HashMap, VecDeque};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::proto::tasker::worker::v1::{Ack, AckOutcome, HeldLease, StepResult, step_result::Outcome};

/// A message stays below this size, one large result excepted.
const BATCH_BYTES_MAX: usize = 1 << 20;
const BATCH_RESULTS_MAX: usize = 1_000;
/// What a result weighs besides its text.
const RESULT_BYTES: usize = 64;

/// An attempt: the step and its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    step: Uuid,
    token: i64,
}

impl Key {
    /// The key of a step id as it was sent.
    pub(crate) fn new(step_id: &str, token: i64) -> Option<Self> {
        Uuid::try_parse(step_id).ok().map(|step| Self { step, token })
    }

    /// The lease of the attempt.
    pub(crate) fn lease(&self) -> HeldLease {
        HeldLease { step_id: self.step.to_string(), lease_token: self.token }
    }
}

/// The worker's books.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    running: HashMap<Key, CancellationToken>,
    /// Every result that is not acknowledged.
    results: HashMap<Key, StepResult>,
    /// Of those, the ones to send now. Keys whose result is gone are passed over.
    ready: VecDeque<Key>,
    /// Of those, the ones to send after a pause.
    later: Vec<Key>,
}

impl Ledger {
    /// Whether the worker has this attempt in its hands already.
    pub(crate) fn knows(&self, key: Key) -> bool {
        self.running.contains_key(&key) || self.results.contains_key(&key)
    }

    /// Notes an attempt that goes on by itself.
    pub(crate) fn begin(&mut self, key: Key, cancel: CancellationToken) {
        self.running.insert(key, cancel);
    }

    /// Notes the end of an attempt that was begun. The result of one that was stopped is dropped.
    pub(crate) fn finish(&mut self, key: Key, result: StepResult) {
        if self.running.remove(&key).is_some() {
            self.finish_at_once(key, result);
        }
    }

    /// Notes a result that was there at once.
    pub(crate) fn finish_at_once(&mut self, key: Key, result: StepResult) {
        self.results.insert(key, result);
        self.ready.push_back(key);
    }

    /// Stops an attempt: it is told, and its result will be dropped. False when it is not running.
    pub(crate) fn stop(&mut self, key: Key) -> bool {
        match self.running.remove(&key) {
            Some(cancel) => {
                cancel.cancel();
                true
            }
            None => false,
        }
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

    /// Obeys an acknowledgement.
    pub(crate) fn acknowledge(&mut self, ack: &Ack) {
        let Some(key) = Key::new(&ack.step_id, ack.lease_token) else { return };
        match ack.outcome() {
            AckOutcome::Retry if self.results.contains_key(&key) => self.later.push(key),
            AckOutcome::Retry => {}
            AckOutcome::Accepted => {
                self.results.remove(&key);
            }
            AckOutcome::Stale | AckOutcome::Invalid | AckOutcome::Unspecified => {
                self.results.remove(&key);
                tracing::warn!(
                    step_id = ack.step_id,
                    lease_token = ack.lease_token,
                    outcome = ack.outcome().as_str_name(),
                    "the server dropped a result: {}",
                    ack.message
                );
            }
        }
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
        self.running.keys().chain(self.results.keys()).map(Key::lease).collect()
    }

    /// Begins again on a new stream: stops and drops what is lost, and sends every other result once more.
    pub(crate) fn reconnected(&mut self, lost: &[HeldLease]) {
        for lease in lost {
            let Some(key) = Key::new(&lease.step_id, lease.lease_token) else { continue };
            if self.stop(key) || self.results.remove(&key).is_some() {
                tracing::warn!(step_id = lease.step_id, lease_token = lease.lease_token, "a lease was lost");
            }
        }
        self.later.clear();
        self.ready = self.results.keys().copied().collect();
    }

    /// Stops everything that runs, and says what it was.
    pub(crate) fn stop_all(&mut self) -> Vec<Key> {
        self.running
            .drain()
            .map(|(key, cancel)| {
                cancel.cancel();
                key
            })
            .collect()
    }

    /// Attempts that run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Results that are not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.results.len()
    }

    /// Whether the worker has nothing in its hands.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.results.is_empty()
    }
}

fn weight(result: &StepResult) -> usize {
    let text = match &result.outcome {
        Some(Outcome::Success(success)) => success.results_json.len(),
        Some(Outcome::Failure(failure)) => {
            failure.message.len() + failure.backtrace.len() + failure.context_json.len() + failure.error_class.len()
        }
        None => 0,
    };
    RESULT_BYTES + text
}

#[cfg(test)]
mod tests;
