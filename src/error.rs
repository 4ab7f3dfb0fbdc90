//! The crate's error: advice to the caller.
//!
//! Every refusal carries a [`Reason`] from a closed list: `build.rs` makes it from `proto/tasker/v1/error_reason.proto`.
//! The reason alone decides the gRPC code, whether repeating is safe, and which metadata there is;
//! `transport/status.rs` turns an error into a `Status` and is the only place that does.

use std::{borrow::Cow, collections::BTreeMap};

pub use crate::domain::violation::Violation;

include!(concat!(env!("OUT_DIR"), "/reasons.rs"));

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

    /// Adds a detail by a name that the reason declares in `error_reason.proto`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        debug_assert!(
            self.0.reason.metadata().iter().any(|(declared, _)| *declared == key),
            "{} does not declare the metadata {key}",
            self.0.reason.label()
        );
        self.0.metadata.insert(key, value.into());
        self
    }

    /// Takes a detail away.
    #[must_use]
    pub fn without(mut self, key: &'static str) -> Self {
        self.0.metadata.remove(key);
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
