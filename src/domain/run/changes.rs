//! What an operation changed, to be written down.

use std::{borrow::Cow, sync::Arc};

use super::{super::ids::StepNo, super::state::State, Micros};

/// Everything that a sequence of operations changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// The moves, in order.
    pub moves: Vec<Move>,
    /// Steps that became startable and have no worker.
    pub released: Vec<Released>,
    /// Attempts that began.
    pub claimed: Vec<Claimed>,
    /// Attempts that ended.
    pub ended: Vec<Claimed>,
    /// Attempts that ended by somebody else's will; their workers are to be told.
    pub stopped: Vec<Claimed>,
    /// How many more steps in error have attempts left, or how many fewer.
    pub retryable: i32,
}

/// One move of the task or of one of its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Its number within the task, from 1 without gaps.
    pub sequence: u32,
    /// The step, or `None` for the task's own.
    pub step: Option<StepNo>,
    /// The state before, `None` at creation.
    pub from: Option<State>,
    /// The state after; the same as before for a change that is recorded without a move.
    pub to: State,
    /// The attempt that it belongs to, 0 for none.
    pub attempt: u16,
    /// Why.
    pub cause: Cause,
}

/// Why a move happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// The engine went on.
    Engine,
    /// A worker took the step.
    Claimed,
    /// A worker finished it.
    Completed,
    /// A worker failed, or was lost.
    Failed {
        /// How.
        failure: Failure,
        /// Whether that ended the retries.
        permanent: bool,
        /// When the next attempt may begin.
        retry_at: Option<Micros>,
    },
    /// A worker handed the attempt back, or never got it: it does not count.
    HandedBack(HandBackReason),
    /// The task was created so.
    Bypassed,
    /// The task waits or ends, for this reason.
    Because(Cow<'static, str>),
    /// The task's deadline passed.
    DeadlineExceeded {
        /// The deadline.
        deadline_at: Micros,
    },
    /// Somebody asked for it.
    Manual(Operation),
}

/// Why an attempt was handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandBackReason {
    /// The worker was about to go.
    WorkerDraining,
    /// The worker does not run this step of this handler version.
    NotSupported,
    /// The worker never received the assignment.
    NotReceived,
}

impl HandBackReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::WorkerDraining, Self::NotSupported, Self::NotReceived];

    /// The reason of a name in the audit trail.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.label() == label)
    }

    /// The name in the audit trail.
    pub const fn label(self) -> &'static str {
        match self {
            Self::WorkerDraining => "worker_draining",
            Self::NotSupported => "not_supported",
            Self::NotReceived => "not_received",
        }
    }
}

/// An operation that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What.
    pub kind: OperationKind,
    /// The authenticated subject of the caller; [`UNAUTHENTICATED`] where nobody is asked who calls.
    pub subject: Arc<str>,
    /// Who asks, as the caller says; empty when it does not say.
    pub requested_by: String,
    /// Why, as the caller says; empty when it does not say.
    pub reason: String,
    /// The caller's name of the call, under which it is done only once; empty for none.
    pub request_id: String,
}

impl Operation {
    /// An operation of which nothing is said but what it is.
    pub fn of(kind: OperationKind) -> Self {
        Self {
            kind,
            subject: UNAUTHENTICATED.into(),
            requested_by: String::new(),
            reason: String::new(),
            request_id: String::new(),
        }
    }
}

/// The subject of calls to a server that asks nobody who calls.
pub const UNAUTHENTICATED: &str = "unauthenticated";

/// What a person can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// End a task.
    CancelTask,
    /// Give every failed step of a task another try.
    RetryTask,
    /// Change the reason, the tags or the deadline of a task.
    UpdateTask,
    /// End a step.
    CancelStep,
    /// Give a failed step another try.
    RetryStep,
    /// Declare a step done.
    ResolveStep,
    /// Change the retry limit or the inputs of a step.
    UpdateStep,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::CancelTask,
        Self::RetryTask,
        Self::UpdateTask,
        Self::CancelStep,
        Self::RetryStep,
        Self::ResolveStep,
        Self::UpdateStep,
    ];

    /// The name that the audit trail keeps.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CancelTask => "cancel_task",
            Self::RetryTask => "retry_task",
            Self::UpdateTask => "update_task",
            Self::CancelStep => "cancel_step",
            Self::RetryStep => "retry_step",
            Self::ResolveStep => "resolve_step",
            Self::UpdateStep => "update_step",
        }
    }

    /// The kind with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The class of the error.
    pub error_class: String,
    /// The message.
    pub message: String,
    /// The stack.
    pub backtrace: String,
    /// The worker's code.
    pub error_code: String,
    /// Whether trying again is pointless.
    pub permanent: bool,
    /// Further details as a JSON object, empty for none.
    pub context_json: String,
}

/// An attempt: a step and the number of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claimed {
    /// The step.
    pub no: StepNo,
    /// The attempt, which is the lease token.
    pub attempt: u16,
}

/// A step that became startable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// The step.
    pub no: StepNo,
    /// Not before this time; `None` for now.
    pub not_before: Option<Micros>,
}

impl Released {
    /// Startable at once.
    pub const fn now(no: StepNo) -> Self {
        Self { no, not_before: None }
    }
}
