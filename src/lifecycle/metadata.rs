//! What the audit trail says about a move, as JSON.

use serde_json::{Map, Value, json};

use crate::domain::run::{Cause, Failure, Micros};

/// The metadata of a move; `None` when there is nothing to say.
pub fn of(cause: &Cause) -> Option<String> {
    let value = match cause {
        Cause::Engine | Cause::Claimed | Cause::Completed => return None,
        Cause::HandedBack(reason) => json!({ "handed_back": reason.label() }),
        Cause::Bypassed => json!({ "bypassed": true }),
        Cause::Because(reason) => json!({ "reason": reason }),
        Cause::Manual(operation) => {
            let mut map = Map::new();
            map.insert("operation".to_owned(), operation.name.into());
            insert_text(&mut map, "requested_by", &operation.requested_by);
            insert_text(&mut map, "reason", &operation.reason);
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
