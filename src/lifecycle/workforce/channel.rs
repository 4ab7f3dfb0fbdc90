//! What the server has for a worker, and how it gets there.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::Workforce;
use crate::{
    domain::ids::StepId,
    lifecycle::assignment::{Ack, Assignment, NamedAck, StopReason},
};

/// What the server has for a worker, gathered since it last looked.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Answers to results.
    pub acks: Vec<Ack>,
    /// Answers to results that name no attempt there can be.
    pub named_acks: Vec<NamedAck>,
    /// Steps to run.
    pub assignments: Vec<Assignment>,
    /// Attempts to stop, and why.
    pub stops: Vec<(StepId, u16, StopReason)>,
    /// The server is about to go.
    pub drain: bool,
    /// The newest sign of life that is to be answered: the sequence that it named.
    pub heartbeat: Option<u64>,
}

impl Outgoing {
    /// Puts more to it, to go out at once.
    pub fn add(&mut self, more: Self) {
        self.acks.extend(more.acks);
        self.named_acks.extend(more.named_acks);
        self.assignments.extend(more.assignments);
        self.stops.extend(more.stops);
        self.drain |= more.drain;
        self.heartbeat = more.heartbeat.or(self.heartbeat);
    }
}

/// Assignments that wait for a session's connection hold about this many bytes at most before its slots are
/// kept empty: a slow worker is not given more than it takes in.
const BACKLOG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where a session's messages go. Bounded by the session's slots and by its backlog.
#[derive(Debug, Clone)]
pub struct SessionSender {
    sender: mpsc::UnboundedSender<Outgoing>,
    backlog: Arc<AtomicUsize>,
}

/// Where a session's messages come out.
#[derive(Debug)]
pub struct SessionReceiver {
    receiver: mpsc::UnboundedReceiver<Outgoing>,
    backlog: Arc<AtomicUsize>,
    back: Option<Outgoing>,
    workforce: Workforce,
}

/// A way for messages to a session of this server.
pub(super) fn channel(workforce: Workforce) -> (SessionSender, SessionReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let backlog = Arc::<AtomicUsize>::default();
    let session_sender = SessionSender { sender, backlog: Arc::clone(&backlog) };
    (session_sender, SessionReceiver { receiver, backlog, back: None, workforce })
}

impl SessionSender {
    /// Hands messages over; they are lost if the session has gone, which the leases make up for.
    pub(super) fn send(&self, outgoing: Outgoing) {
        let bytes: usize = outgoing.assignments.iter().map(Assignment::bytes).sum();
        self.backlog.fetch_add(bytes, Ordering::Relaxed);
        let _gone = self.sender.send(outgoing);
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.sender.same_channel(&other.sender)
    }

    /// Whether the connection has taken every assignment.
    pub(super) fn is_empty(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) >= BACKLOG_BYTES_MAX
    }
}

impl Drop for SessionReceiver {
    fn drop(&mut self) {
        self.workforce.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SessionReceiver {
    /// What has come since the last look; waits for the first. `None` when the session is over.
    pub async fn recv(&mut self) -> Option<Outgoing> {
        let mut gathered = match self.back.take() {
            Some(back) => back,
            None => self.receiver.recv().await?,
        };
        self.gather(&mut gathered);
        Some(gathered)
    }

    /// Adds what has come meanwhile.
    pub fn gather(&mut self, gathered: &mut Outgoing) {
        if let Some(back) = self.back.take() {
            gathered.add(back);
        }
        while let Ok(more) = self.receiver.try_recv() {
            gathered.add(more);
        }
    }

    /// Puts back what has come, to come out again first.
    pub fn put_back(&mut self, gathered: Outgoing) {
        self.back = Some(gathered);
    }

    /// Notes that assignments of so many bytes are on their way; the number of their batch on the stream.
    pub fn sent(&self, session_id: Uuid, assignments: &[Assignment], bytes: usize) -> u64 {
        self.delivered(bytes);
        let attempts: Vec<_> = assignments.iter().map(|assignment| (assignment.step, assignment.attempt)).collect();
        self.workforce.sent(session_id, &attempts)
    }

    /// Notes that assignments of this many bytes are on their way, or are not sent at all.
    pub fn delivered(&self, bytes: usize) {
        let before = self.backlog.fetch_sub(bytes, Ordering::Relaxed);
        if before >= BACKLOG_BYTES_MAX && before.saturating_sub(bytes) < BACKLOG_BYTES_MAX {
            self.workforce.wake();
        }
    }
}
