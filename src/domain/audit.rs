//! What the audit trail says about a move, as JSON.
//!
//! Owns: the keys of `transitions.metadata`, written by [`metadata`] and read by [`Note`]. Next: `lifecycle`, which writes
//! them; `rpc::render::transition` and `domain::events`, which read them.

use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::run::{Cause, DEADLINE_EXCEEDED, Failure, Micros};

/// What was noted about a move.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Note<'a> {
    /// The step was completed without running.
    pub bypassed: bool,
    /// Why an attempt was handed back, by the label of the reason.
    pub handed_back: Option<String>,
    /// Why the task is in its state, or why a person asked.
    pub reason: Option<String>,
    /// The deadline that passed.
    pub deadline_at: Option<Micros>,
    /// What a person asked for, by the label of its kind.
    pub operation: Option<String>,
    /// The authenticated subject of that call.
    pub subject: Option<String>,
    /// Who asked, as the caller said.
    pub requested_by: Option<String>,
    /// The caller's name of that call.
    pub request_id: Option<String>,
    /// The class of a failure.
    pub error_class: Option<String>,
    /// Its message.
    pub message: Option<String>,
    /// Its stack.
    pub backtrace: Option<String>,
    /// The worker's code for it.
    pub error_code: Option<String>,
    /// Whether it ended the retries.
    pub permanent: bool,
    /// When the next attempt may begin.
    pub retry_at: Option<Micros>,
    /// Further details from the worker.
    #[serde(borrow)]
    pub context: Option<&'a RawValue>,
}

impl<'a> Note<'a> {
    /// Reads what [`metadata`] wrote. Text that is not as written reads as nothing.
    pub fn read(metadata: Option<&'a str>) -> Self {
        metadata.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// The metadata of a move; `None` when there is nothing to say.
pub fn metadata(cause: &Cause) -> Option<String> {
    let value = match cause {
        Cause::Engine | Cause::Claimed | Cause::Completed => return None,
        Cause::HandedBack(reason) => json!({ "handed_back": reason.label() }),
        Cause::Bypassed => json!({ "bypassed": true }),
        Cause::Because(reason) => json!({ "reason": reason }),
        Cause::DeadlineExceeded { deadline_at } => json!({ "reason": DEADLINE_EXCEEDED, "deadline_at": deadline_at }),
        Cause::Manual(operation) => {
            let mut map = Map::new();
            map.insert("operation".to_owned(), operation.kind.label().into());
            insert_text(&mut map, "subject", &operation.subject);
            insert_text(&mut map, "requested_by", &operation.requested_by);
            insert_text(&mut map, "reason", &operation.reason);
            insert_text(&mut map, "request_id", &operation.request_id);
            Value::Object(map)
        }
        Cause::Failed { failure, permanent, retry_at } => failed(failure, *permanent, *retry_at),
    };
    Some(value.to_string())
}

fn failed(failure: &Failure, permanent: bool, retry_at: Option<Micros>) -> Value {
    let mut map = Map::new();
    insert_text(&mut map, "error_class", &failure.error_class);
    insert_text(&mut map, "message", &failure.message);
    insert_text(&mut map, "backtrace", &failure.backtrace);
    insert_text(&mut map, "error_code", &failure.error_code);
    map.insert("permanent".to_owned(), permanent.into());
    if let Some(at) = retry_at {
        map.insert("retry_at".to_owned(), at.into());
    }
    if let Ok(context) = serde_json::from_str::<Value>(&failure.context_json) {
        map.insert("context".to_owned(), context);
    }
    Value::Object(map)
}

fn insert_text(map: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        map.insert(key.to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Operation, OperationKind};

    #[test]
    fn an_operation_is_read_as_it_was_written() {
        for kind in OperationKind::ALL {
            let written = metadata(&Cause::Manual(Operation {
                kind,
                subject: "ann".into(),
                requested_by: "ceo@corp".to_owned(),
                reason: String::new(),
                request_id: "7".to_owned(),
            }))
            .unwrap();
            let note = Note::read(Some(&written));
            assert_eq!(note.operation.as_deref().and_then(OperationKind::from_label), Some(kind));
            assert_eq!(note.subject.as_deref(), Some("ann"));
            assert_eq!(note.requested_by.as_deref(), Some("ceo@corp"));
            assert_eq!((note.reason, note.request_id.as_deref()), (None, Some("7")));
        }
    }

    #[test]
    fn a_failure_is_read_as_it_was_written() {
        let failure = Failure {
            error_class: "Down".to_owned(),
            error_code: "HTTP_503".to_owned(),
            context_json: r#"{"n":1}"#.to_owned(),
            ..Failure::default()
        };
        let written = metadata(&Cause::Failed { failure, permanent: false, retry_at: Some(17) }).unwrap();
        let note = Note::read(Some(&written));
        assert_eq!((note.error_class.as_deref(), note.message), (Some("Down"), None));
        assert_eq!((note.error_code.as_deref(), note.retry_at), (Some("HTTP_503"), Some(17)));
        assert_eq!(note.context.map(RawValue::get), Some(r#"{"n":1}"#));
    }

    #[test]
    fn a_missed_deadline_is_told_with_its_time() {
        let written = metadata(&Cause::DeadlineExceeded { deadline_at: 9 }).unwrap();
        let note = Note::read(Some(&written));
        assert_eq!((note.reason.as_deref(), note.deadline_at), (Some("deadline_exceeded"), Some(9)));
        assert_eq!(Note::read(Some("no JSON")).reason, None);
    }
}
