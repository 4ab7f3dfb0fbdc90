//! What workers say, and what they are given when they connect.

use uuid::Uuid;

use crate::{
    domain::{ids::StepId, run::Micros},
    lifecycle::{
        Outcome,
        workforce::{SessionReceiver, SessionSender, Workforce},
    },
};

/// What a worker says of itself. Everything in it has been validated.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The worker's name.
    pub worker_id: String,
    /// What it runs.
    pub offers: Vec<Offer>,
    /// How many attempts at once.
    pub slots: usize,
    /// The session to continue.
    pub session_id: Option<Uuid>,
    /// The attempts that it still has from that session.
    pub held: Vec<(StepId, u16)>,
    /// The SDK and its version.
    pub sdk: String,
    /// The subject of its credentials.
    pub subject: Option<String>,
}

/// Steps that a worker runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Offer {
    /// The namespace.
    pub namespace: String,
    /// The step handler, or empty.
    pub step_handler: String,
    /// The task handler all of whose steps it runs, or empty.
    pub handler: String,
}

/// An open session.
#[derive(Debug)]
pub struct Opened {
    /// What the server has for the worker.
    pub receiver: SessionReceiver,
    /// Of the attempts that the worker said it has, those that it has lost.
    pub lost: Vec<(StepId, u16)>,
    /// What keeps the session open.
    pub hold: Hold,
}

/// The hold of a stream, or of a waiting claim, on its session. Without it the session is given no work.
#[derive(Debug)]
pub struct Hold {
    /// The session.
    pub session_id: Uuid,
    /// Since when.
    pub(super) attached_at: Micros,
    pub(super) sender: SessionSender,
    pub(super) workforce: Workforce,
}

impl Hold {
    /// Lets go; whether the session had not come back with another hold.
    pub(super) fn leave(&self) -> bool {
        self.workforce.leave_with(self.session_id, &self.sender)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How an attempt ended, as a worker reports it.
#[derive(Debug)]
pub struct Report {
    /// The step.
    pub step: StepId,
    /// The attempt that the worker names.
    pub attempt: u16,
    /// How it ended, or why the result is unacceptable.
    pub outcome: std::result::Result<Outcome, String>,
}

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u16,
    /// From 0 to 100.
    pub percent: f64,
    /// What it does now.
    pub note: String,
}
