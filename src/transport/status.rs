//! The only place that makes a `tonic::Status`.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};

use crate::error::{Error, Reason};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "tasker.v1";

/// The name of a code, as the gRPC specification writes it.
pub const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let reason = error.reason();
        if reason == Reason::Internal {
            tracing::error!(error = &error as &dyn std::error::Error, "defect");
        } else if let Some(source) = std::error::Error::source(&error) {
            tracing::warn!(reason = reason.label(), source, "{error}");
        }
        let metadata: HashMap<String, String> =
            error.metadata().iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let mut details = ErrorDetails::with_error_info(reason.label(), DOMAIN, metadata);
        if let Some(delay) = reason.retry_after() {
            details.set_retry_info(Some(delay));
        }
        if reason.code() == Code::FailedPrecondition {
            let subject = ["step_id", "task_id"].into_iter().find_map(|key| error.metadata().get(key).cloned());
            details.set_precondition_failure(vec![PreconditionViolation::new(
                reason.label(),
                subject.unwrap_or_default(),
                error.message(),
            )]);
        }
        if !error.violations().is_empty() {
            details.set_bad_request(
                error
                    .violations()
                    .iter()
                    .map(|violation| FieldViolation::new(&violation.field, &violation.description))
                    .collect::<Vec<_>>(),
            );
        }
        let message = if reason == Reason::Internal { "internal error" } else { error.message() };
        Self::with_error_details(reason.code(), message, details)
    }
}

/// A refusal within an answer: the same as the status of a call would say.
pub fn of_item(error: Error) -> tonic_types::pb::Status {
    let status = Status::from(error);
    // The details of a status are this very message.
    <tonic_types::pb::Status as prost::Message>::decode(status.details()).unwrap_or_else(|_| tonic_types::pb::Status {
        code: status.code().into(),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_say_reason_and_when_to_come_back() {
        let status = Status::from(Error::new(Reason::QueueFull, "the writer's queue is full"));
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(details.error_info().map(|info| info.reason.as_str()), Some("QUEUE_FULL"));
        assert!(details.retry_info().is_some_and(|info| info.retry_delay.is_some()));
    }

    #[test]
    fn a_defect_tells_nothing() {
        let status = Status::from(Error::new(Reason::Internal, "the column was null"));
        assert_eq!(status.message(), "internal error");
    }
}
