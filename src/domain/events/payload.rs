//! Payloads: JSON objects whose parts may be JSON text that is carried along as it is.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value};

use crate::domain::run::Micros;

/// The payload of an event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Payload {
    fields: Map<String, Value>,
    /// JSON text under a name: numbers keep every digit.
    texts: Vec<(&'static str, String)>,
}

impl Payload {
    /// Sets a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a field if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets a field to JSON text, unless it is absent.
    #[must_use]
    pub fn with_json(mut self, name: &'static str, text: Option<&str>) -> Self {
        self.texts.extend(text.map(|text| (name, text.to_owned())));
        self
    }

    /// Sets a point in time, null when it is unknown.
    #[must_use]
    pub fn with_time(self, name: &'static str, at: Option<Micros>) -> Self {
        self.with(name, at.map_or(Value::Null, |at| time(at).into()))
    }

    /// The names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str).chain(self.texts.iter().map(|(name, _)| *name))
    }

    /// A field, unless it is carried as text.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// The payload as JSON text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(&self.fields).expect("plain JSON");
        for (name, value) in &self.texts {
            text.pop();
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&format!("\"{name}\":{value}}}"));
        }
        text
    }
}

/// ISO 8601 in UTC with microseconds.
pub(super) fn time(at: Micros) -> String {
    let at = DateTime::from_timestamp_micros(at).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Seconds to three decimals, never less than zero.
pub(super) fn seconds(micros: Micros) -> f64 {
    (micros.max(0) as f64 / 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_carried_as_it_is() {
        let payload = Payload::default().with("a", 1).with_json("b", Some("12345678901234567890123"));
        assert_eq!(payload.to_json(), r#"{"a":1,"b":12345678901234567890123}"#);
        assert_eq!(Payload::default().with_json("b", Some("[]")).with_json("c", None).to_json(), r#"{"b":[]}"#);
        assert_eq!(Payload::default().to_json(), "{}");
    }

    #[test]
    fn times_and_durations() {
        assert_eq!(time(1_700_000_000_000_001), "2023-11-14T22:13:20.000001Z");
        assert_eq!(seconds(1_234_567), 1.235);
        assert_eq!(seconds(-5), 0.0);
    }
}
