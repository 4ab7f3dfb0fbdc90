//! Messages of the contract as JSON, by their descriptors.
//!
//! Owns: the rules by which a message becomes JSON, the same for every message:
//!
//! ```text
//!   keys          the names of the fields                  enums      the value in lower case, without its prefix
//!   Timestamp     RFC 3339 with microseconds               Duration   NAME_seconds, a number to the microsecond
//!   NAME_json     NAME, the text as JSON itself            oneof      its own name says which field is set
//!   absent        left out: unset messages and optional fields, empty text, empty lists
//! ```
//!
//! Never: knows a message by name.

use std::sync::OnceLock;

use chrono::{DateTime, SecondsFormat};
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, ReflectMessage, Value};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::value::RawValue;

use crate::proto::DESCRIPTORS;

/// A message of the contract that serializes by these rules.
#[derive(Debug)]
pub(crate) struct Json(DynamicMessage);

/// One value of a field.
struct Item<'a>(&'a FieldDescriptor, &'a Value);

/// A message within another.
struct Nested<'a>(&'a DynamicMessage);

/// The message under its full name, such as `tasker.v1.TaskGraph`.
///
/// Panics when the contract has no such message, which is a mistake of the caller.
pub(crate) fn of<M: prost::Message>(name: &str, message: &M) -> Json {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    let pool = POOL.get_or_init(|| DescriptorPool::decode(DESCRIPTORS).expect("the build made the descriptors"));
    let descriptor = pool.get_message_by_name(name).unwrap_or_else(|| panic!("the contract has no message {name}"));
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic.transcode_from(message).expect("a message has the fields of its descriptor");
    Json(dynamic)
}

/// The same as a value to which more is added.
pub(crate) fn value<M: prost::Message>(name: &str, message: &M) -> serde_json::Value {
    serde_json::to_value(of(name, message)).expect("messages are JSON")
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(&self.0).serialize(serializer)
    }
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0;
        let mut map = serializer.serialize_map(None)?;
        for field in message.descriptor().fields() {
            let value = message.get_field(&field);
            if is_absent(message, &field, &value) {
                continue;
            }
            if let Some(oneof) = field.containing_oneof().filter(|oneof| oneof.fields().len() > 1) {
                map.serialize_entry(oneof.name(), field.name())?;
            }
            map.serialize_entry(&key(&field), &Item(&field, &value))?;
        }
        map.end()
    }
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(field, value) = self;
        match value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::F32(value) => serializer.serialize_f32(*value),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::String(text) if is_json(field) => raw(text).serialize(serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&String::from_utf8_lossy(bytes)),
            Value::EnumNumber(number) => match field.kind() {
                Kind::Enum(of) => serializer.serialize_str(&label(&of, *number)),
                _ => serializer.serialize_i32(*number),
            },
            Value::Message(message) => match message.descriptor().full_name() {
                "google.protobuf.Timestamp" => time(message).serialize(serializer),
                "google.protobuf.Duration" => seconds(message).serialize(serializer),
                _ => Nested(message).serialize(serializer),
            },
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Item(field, item))?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let of = match field.kind() {
                    Kind::Message(entry) => entry.map_entry_value_field(),
                    _ => (*field).clone(),
                };
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                    map.serialize_entry(&key, &Item(&of, value))?;
                }
                map.end()
            }
        }
    }
}

fn is_absent(message: &DynamicMessage, field: &FieldDescriptor, value: &Value) -> bool {
    match value {
        _ if field.supports_presence() => !message.has_field(field),
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::EnumNumber(number) => *number == 0,
        _ => false,
    }
}

fn is_json(field: &FieldDescriptor) -> bool {
    field.name().ends_with("_json")
}

fn key(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(of) if of.full_name() == "google.protobuf.Duration" => format!("{}_seconds", field.name()),
        _ => field.name().strip_suffix("_json").unwrap_or(field.name()).to_owned(),
    }
}

/// `EXECUTION_STATUS_ALL_COMPLETE` as `all_complete`: what all values begin with is left out.
fn label(of: &EnumDescriptor, number: i32) -> String {
    let zero = of.get_value(0).map(|value| value.name().to_owned()).unwrap_or_default();
    let prefix = zero.strip_suffix("UNSPECIFIED").unwrap_or_default();
    match of.get_value(number) {
        Some(value) => value.name().strip_prefix(prefix).unwrap_or(value.name()).to_lowercase(),
        None => number.to_string(),
    }
}

fn parts(message: &DynamicMessage) -> (i64, i32) {
    let field = |name: &str| message.get_field_by_name(name);
    let seconds = field("seconds").and_then(|seconds| seconds.as_i64()).unwrap_or_default();
    (seconds, field("nanos").and_then(|nanos| nanos.as_i32()).unwrap_or_default())
}

fn time(message: &DynamicMessage) -> Option<String> {
    let (seconds, nanos) = parts(message);
    let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn seconds(message: &DynamicMessage) -> f64 {
    let (seconds, nanos) = parts(message);
    #[expect(clippy::cast_precision_loss, reason = "lengths of time are small")]
    let whole = seconds as f64;
    whole + f64::from(nanos / 1_000) / 1e6
}

/// The text as JSON; text that is none is shown as a string.
fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).or_else(|_| serde_json::value::to_raw_value(text)).ok()
}

#[cfg(test)]
mod tests {
    use tasker_sdk::proto::tasker::v1::{self as pb, blocker as pb_blocker};

    use super::*;

    fn check<M: prost::Message>(name: &str, message: &M, expected: &str) {
        assert_eq!(serde_json::to_string(&of(name, message)).unwrap(), expected);
    }

    fn time(seconds: i64, nanos: i32) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos })
    }

    #[test]
    fn absent_things_are_left_out_and_numbers_are_not() {
        check("tasker.v1.StepRef", &pb::StepRef::default(), "{}");
        check(
            "tasker.v1.TaskCounts",
            &pb::TaskCounts { total: 3, ..Default::default() },
            r#"{"total":3,"pending":0,"in_progress":0,"complete":0,"error":0,"cancelled":0,"resolved_manually":0}"#,
        );
    }

    #[test]
    fn times_durations_and_enums_are_readable() {
        let seconds = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        let trends = pb::Trends {
            start_time: time(1_700_000_000, 123_456_789),
            mean_step_duration: seconds(1, 250_000_999),
            ..Default::default()
        };
        check(
            "tasker.v1.Trends",
            &trends,
            concat!(
                r#"{"start_time":"2023-11-14T22:13:20.123456Z","created":0,"completed":0,"failed":0,"#,
                r#""mean_step_duration_seconds":1.25}"#
            ),
        );
        let step = pb::StepRef { state: pb::State::InProgress.into(), ..Default::default() };
        check("tasker.v1.StepRef", &step, r#"{"state":"in_progress"}"#);
    }

    #[test]
    fn a_oneof_says_which_of_its_fields_is_set() {
        let cause = pb_blocker::Cause::Dispatch(pb_blocker::Dispatch { free_slots: 0 });
        let blocker = pb::Blocker { cause: Some(cause), ..Default::default() };
        check("tasker.v1.Blocker", &blocker, r#"{"cause":"dispatch","dispatch":{"free_slots":0}}"#);
    }

    #[test]
    fn payloads_are_json_and_numbers_stay_exact() {
        let with = |arguments_json: &str| pb::Remedy { arguments_json: arguments_json.into(), ..Default::default() };
        let exact = r#"{"n": 12345678901234567890123}"#;
        check("tasker.v1.Remedy", &with(exact), &format!(r#"{{"arguments":{exact}}}"#));
        check("tasker.v1.Remedy", &with("no JSON"), r#"{"arguments":"no JSON"}"#);
    }
}
