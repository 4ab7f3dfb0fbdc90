//! What workers are given, and how their results are answered.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    domain::{
        ids::StepId,
        run::{Failure, HandBackReason, Micros},
        template::Template,
    },
    telemetry::Place,
};

/// One attempt of a step, handed to a worker once its claim is durable.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The step.
    pub step: StepId,
    /// The attempt, which is the lease token.
    pub attempt: u16,
    /// Its number among the attempts that count.
    pub count: u16,
    /// Attempts allowed in total.
    pub retry_limit: u16,
    /// The handler version.
    pub template: Arc<Template>,
    /// The input as JSON text.
    pub inputs: Arc<str>,
    /// The parents' results: name, JSON text.
    pub dependencies: Vec<(Arc<str>, Arc<str>)>,
    /// The parents' results were too large to send along.
    pub dependencies_omitted: bool,
    /// When it was claimed.
    pub claimed_at: Micros,
    /// When the attempt times out.
    pub deadline_at: Option<Micros>,
    /// The task's correlation id.
    pub correlation_id: Option<Arc<str>>,
    /// Where it is in a trace.
    pub trace: Option<Place>,
}

impl Assignment {
    /// About how many bytes its message will have.
    pub fn bytes(&self) -> usize {
        let config = self.template.step(self.step.no).config_json.len();
        let dependencies = self.dependencies.iter().map(|(name, results)| name.len() + results.len() + 16);
        256 + self.inputs.len() + config + dependencies.sum::<usize>()
    }
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Well, with these results as JSON text.
    Success(Arc<str>),
    /// Badly.
    Failure {
        /// How.
        failure: Failure,
        /// The wait that the worker asks for before the next attempt.
        retry_after: Option<Duration>,
    },
    /// Without a result: it does not count.
    HandedBack {
        /// Why.
        reason: HandBackReason,
        /// The session that handed it back; `None` when the engine took it back.
        by: Option<Uuid>,
    },
}

/// The answer to a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The step.
    pub step: StepId,
    /// The attempt that the result named.
    pub attempt: u16,
    /// What became of it.
    pub verdict: Verdict,
}

/// The answer to a result, with the step and the token as the result named them: they may be none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAck {
    /// The step as it was named.
    pub step_id: String,
    /// The token as it was named.
    pub lease_token: i64,
    /// What became of the result.
    pub verdict: Verdict,
}

/// What became of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is durable.
    Accepted,
    /// The lease is not held any more.
    Stale(String),
    /// It is not acceptable; the attempt was settled as a permanent failure.
    Invalid(String),
    /// It could not be stored now and is to be sent again.
    Retry,
}

/// Where the answer to a result goes.
#[derive(Debug)]
pub enum AckTo {
    /// To the session that sent it, with its other messages.
    Session(Uuid),
    /// To one caller.
    Caller(tokio::sync::oneshot::Sender<Ack>),
    /// To nobody: the sweeper asked.
    Nobody,
}

/// Why a worker is to stop an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The step or its task was cancelled, or the task missed its deadline.
    Cancelled,
    /// The attempt ran longer than its step's timeout.
    TimedOut,
    /// The session does not hold the lease any more.
    LeaseLost,
}
