//! How a handler says that an attempt failed, and whether trying again is worth it.

use std::{fmt, time::Duration};

use serde_json::{Map, Value, json};

use crate::proto::tasker::worker::v1::Failure;

/// The server keeps this much of a message.
const MESSAGE_CHARS_MAX: usize = 4096;
/// The server keeps this much of a backtrace.
const BACKTRACE_BYTES_MAX: usize = 16 * 1024;
const CLASS_CHARS_MAX: usize = 255;
/// The longest wait that a message can carry.
const FOR_EVER: prost_types::Duration = prost_types::Duration { seconds: 315_576_000_000, nanos: 0 };

/// The failure of an attempt.
///
/// Any `std` error becomes a retryable one by `?`, with its type as the class.
pub struct StepError(Box<Body>);

struct Body {
    message: String,
    class: String,
    backtrace: String,
    permanent: bool,
    code: String,
    retry_after: Option<Duration>,
    context: Map<String, Value>,
}

impl StepError {
    /// A failure after which trying again may help.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::new("RetryableError", message.into(), false)
    }

    /// A failure after which trying again is pointless: the step ends in error.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new("PermanentError", message.into(), true)
    }

    fn new(class: &str, message: String, permanent: bool) -> Self {
        Self(Box::new(Body {
            message,
            class: class.to_owned(),
            backtrace: String::new(),
            permanent,
            code: String::new(),
            retry_after: None,
            context: Map::new(),
        }))
    }

    /// Asks for this wait before the next attempt, in place of the server's backoff.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds a code of the worker's own, such as `HTTP_404`.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.0.code = code.into();
        self
    }

    /// Names the class of the error; `RetryableError`, `PermanentError` or the Rust type unless said.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.0.class = class.into();
        self
    }

    /// Adds a stack, or whatever else helps to find the cause.
    #[must_use]
    pub fn backtrace(mut self, backtrace: impl Into<String>) -> Self {
        self.0.backtrace = backtrace.into();
        self
    }

    /// Adds a detail by name.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.context.insert(key.into(), value.into());
        self
    }

    /// Whether trying again is pointless.
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The failure as it is sent. Details of more than so many bytes are left out, and that is said in their place.
    pub(crate) fn into_failure(self, details_bytes_max: usize) -> Failure {
        let body = *self.0;
        let mut context_json = match body.context {
            context if context.is_empty() => String::new(),
            context => storable(Value::Object(context)).to_string(),
        };
        if context_json.len() > details_bytes_max {
            context_json = json!({ "omitted_bytes": context_json.len() }).to_string();
        }
        Failure {
            error_class: first_chars(body.class, CLASS_CHARS_MAX),
            message: first_chars(body.message, MESSAGE_CHARS_MAX),
            backtrace: first_bytes(body.backtrace, BACKTRACE_BYTES_MAX),
            permanent: body.permanent,
            error_code: first_chars(body.code, CLASS_CHARS_MAX),
            retry_after: body.retry_after.map(|wait| wait.try_into().unwrap_or(FOR_EVER)),
            context_json,
        }
    }
}

impl<E: std::error::Error> From<E> for StepError {
    fn from(error: E) -> Self {
        let mut causes = String::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push_str(&format!("caused by: {cause}\n"));
            source = cause.source();
        }
        Self::retryable(error.to_string()).class(std::any::type_name::<E>()).backtrace(causes)
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepError")
            .field("class", &self.0.class)
            .field("message", &self.0.message)
            .field("permanent", &self.0.permanent)
            .field("code", &self.0.code)
            .field("retry_after", &self.0.retry_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// At most this many characters, without the NUL that Postgres refuses.
fn first_chars(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
    without_nul(text)
}

fn first_bytes(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    without_nul(text)
}

/// The same without NUL, in names and texts alike.
fn storable(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(storable).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (without_nul(key), storable(value))).collect())
        }
        other => other,
    }
}

fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1_000;

    #[test]
    fn every_part_travels() {
        let failure = StepError::permanent("no such order")
            .code("HTTP_404")
            .class("OrderMissing")
            .retry_after(Duration::from_millis(1500))
            .with("status", 404)
            .into_failure(LIMIT);
        assert_eq!((failure.permanent, failure.error_code.as_str()), (true, "HTTP_404"));
        assert_eq!(failure.error_class, "OrderMissing");
        assert_eq!(failure.retry_after, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
        assert_eq!(failure.context_json, r#"{"status":404}"#);
    }

    #[test]
    fn a_std_error_is_retryable_and_names_its_type() {
        let failure = StepError::from("x".parse::<i32>().expect_err("not a number")).into_failure(LIMIT);
        assert!(!failure.permanent);
        assert_eq!(failure.error_class, "core::num::error::ParseIntError");
        assert_eq!(failure.message, "invalid digit found in string");
    }

    #[test]
    fn text_is_cut_at_characters_and_has_no_nul() {
        let failure =
            StepError::retryable(format!("a\0{}", "é".repeat(5000))).backtrace("é".repeat(9000)).into_failure(LIMIT);
        assert_eq!(failure.message.chars().count(), MESSAGE_CHARS_MAX);
        assert!(failure.message.starts_with("a\u{fffd}é"));
        assert_eq!(failure.backtrace.len(), BACKTRACE_BYTES_MAX);
    }

    #[test]
    fn three_waits_are_three_things() {
        let wait = |error: StepError| error.into_failure(LIMIT).retry_after;
        assert_eq!(wait(StepError::retryable("busy")), None);
        let zero = StepError::retryable("busy").retry_after(Duration::ZERO);
        assert_eq!(wait(zero), Some(prost_types::Duration { seconds: 0, nanos: 0 }));
        assert_eq!(wait(StepError::retryable("busy").retry_after(Duration::MAX)), Some(FOR_EVER));
    }

    #[test]
    fn details_are_bounded_and_have_no_nul() {
        let failure = StepError::retryable("no").with("a\0", json!(["b\0", 1])).into_failure(LIMIT);
        assert_eq!(failure.context_json, "{\"a\u{fffd}\":[\"b\u{fffd}\",1]}");
        let failure = StepError::retryable("no").with("page", "x".repeat(2 << 20)).code("c".repeat(300));
        let failure = failure.into_failure(LIMIT);
        assert_eq!(failure.context_json, format!(r#"{{"omitted_bytes":{}}}"#, (2 << 20) + 11));
        assert_eq!(failure.error_code.len(), CLASS_CHARS_MAX);
    }
}
