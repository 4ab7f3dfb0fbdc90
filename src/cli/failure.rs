//! What went wrong, and what to do next.
//!
//! Owns: the exit codes, and how a refusal of the server is shown: the message, its stable reason, every bad
//! field, the details, and advice that depends on the reason alone. Never decides by the text of a message.

use std::{fmt, process::ExitCode};

use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{
    Output,
    style::{Paint, Tone},
};
use crate::{error::Reason, transport::status::code_name};

/// The exit codes of every subcommand, for `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done; with watch: the task is complete
  1  with watch: the task ended in error or was cancelled; of many: some refused
  2  the command line, a file or its content is wrong; nothing was sent
  3  the server refused the request; the reason is printed
  4  no server answers at the endpoint, or it cannot serve now";

/// The task did not end well, or part of a batch was refused.
pub(crate) const UNSUCCESSFUL: u8 = 1;

/// Why a subcommand failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something on this side: a file, an argument.
    Local {
        /// What.
        message: String,
        /// What to do.
        next: String,
    },
    /// Several findings on this side, each with its place.
    Findings {
        /// What they have in common.
        message: String,
        /// `file:line:column: what`, one each.
        findings: Vec<String>,
        /// What to do.
        next: String,
    },
    /// Nobody answers.
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        cause: String,
    },
    /// The server broke its promises.
    Garbled(String),
    /// The server said no.
    Refused(Box<Status>),
    /// Something else on this side, with its causes.
    Other(anyhow::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Other)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Report::of(self).message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// Something on this side.
    pub(crate) fn local(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Local { message: message.into(), next: next.into() }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Local { .. } | Self::Findings { .. } => 2,
            Self::Refused(status) if status.code() == Code::Unavailable => 4,
            Self::Refused(_) => 3,
            Self::Unreachable { .. } | Self::Garbled(_) => 4,
            Self::Other(_) => 1,
        })
    }

    /// Prints the failure to stderr in the format of the results.
    pub(crate) fn print(&self, format: Output) {
        let report = Report::of(self);
        match format {
            Output::Text => eprint!("{}", report.text(Paint::of(&std::io::stderr()))),
            Output::Json => {
                let error = serde_json::json!({ "error": report });
                eprintln!("{error}");
            }
        }
    }
}

/// A failure as it is shown; also its JSON shape, under the key `error`.
#[derive(Debug, Serialize)]
struct Report {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next: String,
}

#[derive(Debug, Serialize)]
struct Detail {
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    description: String,
}

impl Report {
    fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            code: None,
            reason: None,
            cause: None,
            details: Vec::new(),
            fields: Vec::new(),
            findings: Vec::new(),
            next: String::new(),
        }
    }

    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Local { message, next } => Self { next: next.clone(), ..Self::new(message) },
            Failure::Findings { message, findings, next } => {
                Self { findings: findings.clone(), next: next.clone(), ..Self::new(message) }
            }
            Failure::Unreachable { endpoint, cause } => Self {
                cause: Some(cause.clone()),
                next: "start a server with `tasker dev`, or name another one with --endpoint or TASKER_ENDPOINT"
                    .to_owned(),
                ..Self::new(&format!("no tasker server answers at {endpoint}"))
            },
            Failure::Garbled(message) => Self { next: "look into the server's log".to_owned(), ..Self::new(message) },
            Failure::Refused(status) => Self::refused(status),
            Failure::Other(error) => Self { cause: causes(error), ..Self::new(&error.to_string()) },
        }
    }

    fn refused(status: &Status) -> Self {
        let details = status.get_error_details();
        let mut report = Self::new(status.message());
        report.code = Some(code_name(status.code()));
        if let Some(info) = details.error_info() {
            report.reason = Some(info.reason.clone());
            report.details =
                info.metadata.iter().map(|(name, value)| Detail { name: name.clone(), value: value.clone() }).collect();
            report.details.sort_by(|one, other| one.name.cmp(&other.name));
        }
        if let Some(bad) = details.bad_request() {
            report.fields = bad
                .field_violations
                .iter()
                .map(|one| Field { field: one.field.clone(), description: one.description.clone() })
                .collect();
        }
        let reason = report.reason.as_deref().and_then(|label| Reason::ALL.into_iter().find(|r| r.label() == label));
        report.next = reason.map_or_else(|| by_code(status.code()), by_reason).to_owned();
        report
    }

    fn text(&self, paint: Paint) -> String {
        let mut text = format!("{} {}\n", paint.tone(Tone::Bad, "error:"), self.message);
        let mut add = |name: &str, value: &str| {
            text += &format!("  {}  {value}\n", paint.tone(Tone::Dim, &format!("{name:<7}")));
        };
        if let Some(reason) = &self.reason {
            add("reason", reason);
        } else if let Some(code) = self.code {
            add("code", code);
        }
        if let Some(cause) = &self.cause {
            add("cause", cause);
        }
        for one in &self.fields {
            add("field", &format!("{}: {}", one.field, one.description));
        }
        for one in &self.details {
            add("detail", &format!("{}: {}", one.name, one.value));
        }
        for one in &self.findings {
            add("found", one);
        }
        if !self.next.is_empty() {
            add("next", &self.next);
        }
        text
    }
}

/// The causes of an error, each once: many texts already hold those below them.
fn causes(error: &anyhow::Error) -> Option<String> {
    let mut told = error.to_string();
    let mut causes = Vec::new();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            causes.push(cause.clone());
            told = cause;
        }
    }
    (!causes.is_empty()).then(|| causes.join(": "))
}

/// What to do about a reason.
const fn by_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::InvalidFields => "fix every field above and repeat",
        Reason::CycleInSteps => "break the circle: remove one of the dependencies on the path",
        Reason::PageTokenInvalid => "start again without --page-token; a token fits only the same filters and order",
        Reason::Unauthenticated => "give a token with --token, --token-file or TASKER_TOKEN",
        Reason::PermissionMissing => "ask for the permission above, or use a token that has it",
        Reason::NamespaceUnknown | Reason::HandlerUnknown => {
            "`tasker handlers` shows what is registered; `tasker apply FILE` registers more"
        }
        Reason::VersionUnknown => "`tasker handlers` shows the versions; leave the version out for the latest",
        Reason::TaskNotFound => "`tasker list` shows the tasks",
        Reason::StepNotFound => "`tasker get TASK` shows the steps of a task with their ids",
        Reason::SessionUnknown => "the worker connects again by itself",
        Reason::HandlerExists => "raise the version, or replace this one with `tasker apply --replace`",
        Reason::TaskExists => "`tasker get` the task above, or submit under another --key",
        Reason::TransitionNotAllowed => "`tasker get` shows the present state; the details above say what is allowed",
        Reason::TaskAlreadySettled => "`tasker get` shows the task; one in error can be retried with `tasker retry`",
        Reason::LeaseStale => "nothing; a newer attempt has taken over",
        Reason::Contention => "repeat the command",
        Reason::QueueFull => "repeat the command in a moment; the server is busy",
        Reason::LimitExceeded => "make the payload smaller, or raise the limit in the server's configuration",
        Reason::AnswerTooLarge => "ask for less at once: fewer rows, a smaller view, or fewer sections",
        Reason::QueryTimeout => "ask for less: a shorter period, or fewer handlers",
        Reason::DatabaseUnavailable => "repeat the command in a moment; `tasker doctor` examines the database",
        Reason::Draining => "repeat the command; the server is shutting down or restarting",
        Reason::AuthenticatorUnavailable => "repeat the command in a moment; the server cannot check credentials now",
        Reason::MethodUnknown => "the server at the endpoint is older than this command",
        Reason::HandlerDeprecated => "name another version, or take it back with `tasker handlers restore`",
        Reason::EventsDisabled => "set events.enabled on the servers",
        Reason::CursorExpired => "begin at the earliest cursor above, or with --since; what lies before is gone",
        Reason::RequestIdReused => "send another request id with another change",
        Reason::EventExists => "publish under another id",
        Reason::MessageMalformed | Reason::ContentTypeUnsupported | Reason::EncodingUnsupported => {
            "the server and this command are of different versions; use the same"
        }
        Reason::MessageTooLarge => "ask for less at once, for example with --view basic; send less at once",
        Reason::NameUnknown => "the server at the endpoint is older than this command",
        Reason::DeadlineExceeded => "repeat the command, with a longer --timeout if need be",
        Reason::Internal => "report it with the correlation id, which finds the cause in the server's log",
    }
}

/// What to do about an answer that carries no reason of ours.
const fn by_code(code: Code) -> &'static str {
    match code {
        Code::Unavailable => "start a server with `tasker dev`, or name another one with --endpoint or TASKER_ENDPOINT",
        Code::Unimplemented => "the server at the endpoint is older than this command, or is no tasker server",
        Code::DeadlineExceeded => "repeat the command, with a longer --timeout if need be",
        Code::Unauthenticated => "give a token with --token, --token-file or TASKER_TOKEN",
        Code::OutOfRange | Code::ResourceExhausted => "ask for less at once, for example with --view basic",
        _ => "look into the server's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Violation};

    fn shown(failure: impl Into<Failure>) -> String {
        Report::of(&failure.into()).text(Paint::Plain)
    }

    fn violation(field: &str, description: &str) -> Violation {
        Violation { field: field.to_owned(), description: description.to_owned() }
    }

    #[test]
    fn every_bad_field_is_shown() {
        let error = Error::invalid(vec![
            violation("task.context_json", "is empty"),
            violation("task.tags[2]", "is longer than 128 characters"),
        ]);
        insta::assert_snapshot!(shown(Status::from(error)), @r"
        error: task.context_json: is empty (and 1 more)
          reason   INVALID_FIELDS
          field    task.context_json: is empty
          field    task.tags[2]: is longer than 128 characters
          next     fix every field above and repeat
        ");
    }

    #[test]
    fn details_are_shown_in_order() {
        let error = Error::new(Reason::TransitionNotAllowed, "a step cannot go from complete to cancelled")
            .with("state", "complete")
            .with("allowed", "");
        insta::assert_snapshot!(shown(Status::from(error)), @r"
        error: a step cannot go from complete to cancelled
          reason   TRANSITION_NOT_ALLOWED
          detail   allowed: 
          detail   state: complete
          next     `tasker get` shows the present state; the details above say what is allowed
        ");
    }

    #[test]
    fn nobody_at_the_endpoint() {
        let failure = Failure::Unreachable {
            endpoint: "http://127.0.0.1:7077".to_owned(),
            cause: "Connection refused (os error 111)".to_owned(),
        };
        assert_eq!(failure.code(), ExitCode::from(4));
        insta::assert_snapshot!(shown(failure), @r"
        error: no tasker server answers at http://127.0.0.1:7077
          cause    Connection refused (os error 111)
          next     start a server with `tasker dev`, or name another one with --endpoint or TASKER_ENDPOINT
        ");
    }

    #[test]
    fn findings_keep_their_places() {
        let failure = Failure::Findings {
            message: "2 problems in 1 file".to_owned(),
            findings: vec!["a.yaml:3:5: one".to_owned(), "a.yaml:9:1: two".to_owned()],
            next: "fix these and repeat".to_owned(),
        };
        insta::assert_snapshot!(shown(failure), @r"
        error: 2 problems in 1 file
          found    a.yaml:3:5: one
          found    a.yaml:9:1: two
          next     fix these and repeat
        ");
    }

    #[test]
    fn each_cause_is_told_once() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = anyhow::Error::from(refused).context("transport: connection refused").context("cannot reach x");
        insta::assert_snapshot!(shown(Failure::from(error)), @r"
        error: cannot reach x
          cause    transport: connection refused
        ");
        let inner = Failure::local("no profile", "name another");
        assert!(matches!(Failure::from(anyhow::Error::from(inner)), Failure::Local { .. }));
    }

    #[test]
    fn the_json_shape_of_a_refusal() {
        let error = Error::new(Reason::TaskNotFound, "no task 0190").with("task_id", "0190");
        let json = serde_json::to_string(&Report::of(&Status::from(error).into())).unwrap();
        insta::assert_snapshot!(json, @r#"{"message":"no task 0190","code":"NOT_FOUND","reason":"TASK_NOT_FOUND","details":[{"name":"task_id","value":"0190"}],"next":"`tasker list` shows the tasks"}"#);
    }
}
