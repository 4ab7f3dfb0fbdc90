//! What a call can end with: owns the way from a gRPC status to an [`Error`] that a program can branch on.
//!
//! Programs branch on [`Reason`], never on the text. Next: `client/transport.rs`, which repeats the calls whose
//! refusal says that repeating is worth it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::Duration,
};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The stable cause of a refusal.
pub use crate::proto::tasker::v1::ErrorReason as Reason;

/// The domain of the reasons that tasker gives.
const DOMAIN: &str = "tasker.v1";

/// Why a call failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the call and says why.
    Refused(Box<Refusal>),
    /// The call did not get through, or its answer did not come back.
    Transport {
        /// The canonical code: mostly `Unavailable`, `DeadlineExceeded` or `Cancelled`.
        code: Code,
        /// What happened, for people.
        message: String,
    },
    /// The client or the worker was set up wrongly.
    Setup(String),
}

/// A refusal by the server.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why; `Unspecified` for a reason that this version of the SDK does not know.
    pub reason: Reason,
    /// The reason's name as it was sent, such as `TASK_NOT_FOUND`.
    pub reason_name: String,
    /// The canonical code.
    pub code: Code,
    /// What is wrong, for people.
    pub message: String,
    /// Details by name; each reason documents its own.
    pub metadata: BTreeMap<String, String>,
    /// Every bad field, when fields are the matter.
    pub violations: Vec<Violation>,
    /// When repeating the call is worth it; `None` when it is pointless.
    pub retry_after: Option<Duration>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, such as `task.tags[2]`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// The SDK's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Why the server refused; `None` when the call did not get so far.
    pub fn reason(&self) -> Option<Reason> {
        self.refusal().map(|refusal| refusal.reason)
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Transport { .. } | Self::Setup(_) => None,
        }
    }

    /// How long to wait before repeating the call is worth it, if it ever is.
    pub fn retry_after(&self) -> Option<Duration> {
        self.refusal().and_then(|refusal| refusal.retry_after)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            return Self::Transport { code: status.code(), message: status.message().to_owned() };
        };
        Self::Refused(Box::new(Refusal {
            reason: reason(&info.reason),
            reason_name: info.reason.clone(),
            code: status.code(),
            message: status.message().to_owned(),
            metadata: sorted(&info.metadata),
            violations: details.bad_request().map_or_else(Vec::new, |bad| {
                bad.field_violations
                    .iter()
                    .map(|violation| Violation {
                        field: violation.field.clone(),
                        description: violation.description.clone(),
                    })
                    .collect()
            }),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }))
    }
}

/// A refusal within an answer, such as that of one task of a batch.
impl From<tonic_types::pb::Status> for Error {
    fn from(status: tonic_types::pb::Status) -> Self {
        let details = prost::Message::encode_to_vec(&status).into();
        Self::from(Status::with_details(Code::from(status.code), status.message, details))
    }
}

impl From<tonic::transport::Error> for Error {
    fn from(error: tonic::transport::Error) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::Transport { code: Code::Unavailable, message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{} ({})", refusal.message, refusal.reason_name),
            Self::Transport { code, message } => write!(f, "{message} ({code:?})"),
            Self::Setup(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

fn reason(name: &str) -> Reason {
    Reason::from_str_name(&format!("ERROR_REASON_{name}")).unwrap_or(Reason::Unspecified)
}

fn sorted(metadata: &HashMap<String, String>) -> BTreeMap<String, String> {
    metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn a_refusal_keeps_everything_that_was_said() {
        let mut details =
            ErrorDetails::with_error_info("INVALID_FIELDS", DOMAIN, [("limit".to_owned(), "64".to_owned())]);
        details.set_bad_request(vec![FieldViolation::new("task.tags[2]", "is too long")]);
        let error =
            Error::from(Status::with_error_details(Code::InvalidArgument, "task.tags[2]: is too long", details));
        let refusal = error.refusal().expect("the domain is ours");
        assert_eq!(error.reason(), Some(Reason::InvalidFields));
        assert_eq!(refusal.metadata["limit"], "64");
        assert_eq!(refusal.violations, [Violation { field: "task.tags[2]".into(), description: "is too long".into() }]);
        assert_eq!(error.retry_after(), None);
    }

    #[test]
    fn a_refusal_within_an_answer_says_the_same_as_that_of_a_call() {
        let details = ErrorDetails::with_error_info("TASK_EXISTS", DOMAIN, [("task_id".to_owned(), "7".to_owned())]);
        let status = Status::with_error_details(Code::AlreadyExists, "taken", details);
        let within: tonic_types::pb::Status = prost::Message::decode(status.details()).expect("it is one");
        let error = Error::from(within);
        let refusal = error.refusal().expect("the domain is ours");
        assert_eq!((refusal.reason, refusal.code), (Reason::TaskExists, Code::AlreadyExists));
        assert_eq!((refusal.message.as_str(), refusal.metadata["task_id"].as_str()), ("taken", "7"));
    }

    #[test]
    fn unknown_reasons_and_foreign_errors_are_told_apart() {
        let later = Status::with_error_details(
            Code::Aborted,
            "try again",
            ErrorDetails::with_error_info("OF_A_LATER_SERVER", DOMAIN, [("a".to_owned(), "b".to_owned())]),
        );
        assert_eq!(Error::from(later).reason(), Some(Reason::Unspecified));
        assert!(matches!(Error::from(Status::unavailable("proxy")), Error::Transport { code: Code::Unavailable, .. }));
    }
}
