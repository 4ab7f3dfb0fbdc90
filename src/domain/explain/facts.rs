//! The facts that a judgement needs beside the run: who is connected, who holds what, what is paused.
//!
//! Owns: these values. Never: looks anything up. Next: `service::explain`, which gathers them.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::{ids::StepNo, pause::Pause, run::Micros, template::QueueId};

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The attempt.
    pub attempt: u16,
    /// The class of the error.
    pub error_class: String,
    /// The message.
    pub message: String,
    /// When.
    pub at: Micros,
}

/// The hold of a worker on an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The session.
    pub session_id: Uuid,
    /// The worker, empty when its session is forgotten.
    pub worker_id: String,
    /// Since when.
    pub since: Micros,
    /// Until when, unless the worker shows a sign of life; `None` when its session is gone.
    pub expires_at: Option<Micros>,
    /// When the attempt times out.
    pub deadline_at: Option<Micros>,
    /// How far the worker says it has come.
    pub percent: Option<f64>,
    /// What the worker says it does now.
    pub note: String,
}

/// A worker's session as far as it could run a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOccupancy {
    /// The session.
    pub session_id: Uuid,
    /// The worker.
    pub worker_id: String,
    /// The server that it is connected to.
    pub server_id: Uuid,
    /// Attempts that it runs at once.
    pub slots: usize,
    /// Attempts that it has.
    pub held: usize,
    /// Whether it takes more.
    pub presence: Presence,
    /// Since when it is connected.
    pub since: Micros,
}

/// Whether a session takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Open,
    /// It, or its server, is about to go.
    Draining,
    /// It is alive, and neither has a stream nor a claim that waits.
    Disconnected,
}

impl SessionOccupancy {
    /// How many more attempts it takes now.
    pub fn free(&self) -> usize {
        if self.presence == Presence::Open { self.slots.saturating_sub(self.held) } else { 0 }
    }
}

/// The state of the engine that a judgement needs, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The moment.
    pub now: Micros,
    /// When the task was stored.
    pub created_at: Micros,
    /// When it reached its final state.
    pub finished_at: Option<Micros>,
    /// The pauses of the task's namespace and handler.
    pub pauses: Vec<Pause>,
    /// Sessions by the queue that they serve.
    pub sessions: HashMap<QueueId, Vec<SessionOccupancy>>,
    /// The running attempts.
    pub leases: HashMap<StepNo, Lease>,
    /// How steps failed last.
    pub failures: HashMap<StepNo, Failure>,
    /// When steps came to their present end: completed, failed, cancelled, resolved.
    pub ended_at: HashMap<StepNo, Micros>,
}
