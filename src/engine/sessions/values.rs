//! What workers say, and what they are given when they connect.

use uuid::Uuid;

use crate::{
    domain::{ids::StepId, offer::Offer, run::Micros},
    lifecycle::{
        NamedAck, Outcome, Verdict,
        workforce::{SessionReceiver, SessionSender, Workforce},
    },
};

/// The introduction of a worker. Everything in it has been validated.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The worker's name.
    pub worker_id: String,
    /// The steps that it runs.
    pub offers: Vec<Offer>,
    /// How many attempts at once.
    pub slots: usize,
    /// The session to continue.
    pub session_id: Option<Uuid>,
    /// The attempts that it says it still has from that session.
    pub held: Vec<NamedLease>,
    /// The SDK and its version.
    pub sdk: String,
    /// The subject of its credentials.
    pub subject: Option<String>,
}

/// An attempt as a worker names it. That it names one proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedLease {
    /// The step as it was named.
    pub step_id: String,
    /// The token as it was named.
    pub lease_token: i64,
    /// The attempt, if the step and the token can be one's.
    pub attempt: Option<(StepId, u16)>,
}

impl NamedLease {
    /// An attempt named by a step and a token.
    pub fn new(step_id: &str, lease_token: i64) -> Self {
        /// More of an id that is none is not repeated.
        const ID_CHARS_MAX: usize = 128;
        let attempt = step_id.parse().ok().zip(u16::try_from(lease_token).ok());
        let step_id = step_id.chars().take(ID_CHARS_MAX).collect();
        Self { step_id, lease_token, attempt }
    }

    /// The answer to a result of it.
    pub fn ack(&self, verdict: Verdict) -> NamedAck {
        NamedAck { step_id: self.step_id.clone(), lease_token: self.lease_token, verdict }
    }
}

impl From<(StepId, u16)> for NamedLease {
    fn from((step, attempt): (StepId, u16)) -> Self {
        Self { step_id: step.to_string(), lease_token: attempt.into(), attempt: Some((step, attempt)) }
    }
}

/// An open session.
#[derive(Debug)]
pub struct Opened {
    /// What the server has for the worker.
    pub receiver: SessionReceiver,
    /// Of the attempts that the worker said it has, those that it does not have.
    pub lost: Vec<NamedLease>,
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
    /// The attempt.
    pub lease: NamedLease,
    /// How it ended, or why the result is unacceptable.
    pub outcome: std::result::Result<Outcome, String>,
}

/// How far an attempt has come, as a worker says.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u16,
    /// From 0 to 100.
    pub percent: f64,
    /// In words.
    pub note: String,
}
