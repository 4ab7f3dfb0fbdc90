//! The crate's error: advice to the caller.
//!
//! Every refusal carries a [`Reason`] from a closed list, mirrored by `proto/tasker/v1/error_reason.proto`. The
//! reason alone decides the gRPC code and whether repeating is safe; `transport/status.rs` turns an error into
//! a `Status` and is the only place that does.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

pub use crate::domain::violation::Violation;

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]

pub enum Reason {
    InvalidFields,
    CycleInSteps,
    PageTokenInvalid,
    Unauthenticated,
    PermissionMissing,
    NamespaceUnknown,
    HandlerUnknown,
    VersionUnknown,
    TaskNotFound,
    StepNotFound,
    SessionUnknown,
    HandlerExists,
    TaskExists,
    TransitionNotAllowed,
    TaskAlreadySettled,
    LeaseStale,
    Contention,
    QueueFull,
    LimitExceeded,
    StoreAway,
    Draining,
    Defect,
    AuthenticatorAway,
    MethodUnknown,
    HandlerDeprecated,
    EventsOff,
    CursorExpired,
    EventExists,
}

impl Reason {
    /// Every reason, in the order of the proto.
    pub const ALL: [Self; 28] = [
        Self::InvalidFields,
        Self::CycleInSteps,
        Self::PageTokenInvalid,
        Self::Unauthenticated,
        Self::PermissionMissing,
        Self::NamespaceUnknown,
        Self::HandlerUnknown,
        Self::VersionUnknown,
        Self::TaskNotFound,
        Self::StepNotFound,
        Self::SessionUnknown,
        Self::HandlerExists,
        Self::TaskExists,
        Self::TransitionNotAllowed,
        Self::TaskAlreadySettled,
        Self::LeaseStale,
        Self::Contention,
        Self::QueueFull,
        Self::LimitExceeded,
        Self::StoreAway,
        Self::Draining,
        Self::Defect,
        Self::AuthenticatorAway,
        Self::MethodUnknown,
        Self::HandlerDeprecated,
        Self::EventsOff,
        Self::CursorExpired,
        Self::EventExists,
    ];

    /// The stable name, as sent.
    pub const fn label(self) -> &'static str {
        match self {
            Self::InvalidFields => "INVALID_FIELDS",
            Self::CycleInSteps => "CYCLE_IN_STEPS",
            Self::PageTokenInvalid => "PAGE_TOKEN_INVALID",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionMissing => "PERMISSION_MISSING",
            Self::NamespaceUnknown => "NAMESPACE_UNKNOWN",
            Self::HandlerUnknown => "HANDLER_UNKNOWN",
            Self::VersionUnknown => "VERSION_UNKNOWN",
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::StepNotFound => "STEP_NOT_FOUND",
            Self::SessionUnknown => "SESSION_UNKNOWN",
            Self::HandlerExists => "HANDLER_EXISTS",
            Self::TaskExists => "TASK_EXISTS",
            Self::TransitionNotAllowed => "TRANSITION_NOT_ALLOWED",
            Self::TaskAlreadySettled => "TASK_ALREADY_SETTLED",
            Self::LeaseStale => "LEASE_STALE",
            Self::Contention => "CONTENTION",
            Self::QueueFull => "QUEUE_FULL",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::StoreAway => "STORE_AWAY",
            Self::Draining => "DRAINING",
            Self::Defect => "DEFECT",
            Self::AuthenticatorAway => "AUTHENTICATOR_AWAY",
            Self::MethodUnknown => "METHOD_UNKNOWN",
            Self::HandlerDeprecated => "HANDLER_DEPRECATED",
            Self::EventsOff => "EVENTS_OFF",
            Self::CursorExpired => "CURSOR_EXPIRED",
            Self::EventExists => "EVENT_EXISTS",
        }
    }

    /// How long a caller does well to wait before it repeats the call; `None` when repeating is pointless.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Contention => Some(Duration::from_millis(20)),
            Self::QueueFull => Some(Duration::from_millis(200)),
            Self::StoreAway | Self::Draining | Self::AuthenticatorAway => Some(Duration::from_secs(1)),
            Self::InvalidFields
            | Self::CycleInSteps
            | Self::PageTokenInvalid
            | Self::Unauthenticated
            | Self::PermissionMissing
            | Self::NamespaceUnknown
            | Self::HandlerUnknown
            | Self::VersionUnknown
            | Self::TaskNotFound
            | Self::StepNotFound
            | Self::SessionUnknown
            | Self::HandlerExists
            | Self::TaskExists
            | Self::TransitionNotAllowed
            | Self::TaskAlreadySettled
            | Self::LeaseStale
            | Self::LimitExceeded
            | Self::Defect
            | Self::MethodUnknown
            | Self::HandlerDeprecated
            | Self::EventsOff
            | Self::CursorExpired
            | Self::EventExists => None,
        }
    }
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Error(Box<Body>);

#[derive(Debug, Clone)]
struct Body {
    reason: Reason,
    message: Cow<'static, str>,
    metadata: BTreeMap<&'static str, String>,
    violations: Vec<Violation>,
    source: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal for this reason. The message is lower case, has no full stop, and names the thing.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Body {
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            source: None,
        }))
    }

    /// Bad fields, all of them at once. There must be at least one.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        let first = violations.first().map_or_else(String::new, |first| {
            let more = violations.len() - 1;
            let rest = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            format!("{}: {}{rest}", first.field, first.description)
        });
        let mut error = Self::new(Reason::InvalidFields, first);
        error.0.violations = violations;
        error
    }

    /// One bad field.
    pub fn invalid_field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::invalid(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// Adds a detail by name.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key, value.into());
        self
    }

    /// Adds bad fields to an error of another reason.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// Adds the cause, which is logged and never sent.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(std::sync::Arc::new(source));
        self
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Details by name.
    pub fn metadata(&self) -> &BTreeMap<&'static str, String> {
        &self.0.metadata
    }

    /// The bad fields.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
