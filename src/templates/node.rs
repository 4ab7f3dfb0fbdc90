//! YAML as a tree whose nodes know where they stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// A node and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
    /// Where its text is in the source: the first byte and the number of bytes.
    bytes: Option<(usize, usize)>,
}

/// What a node is. Numbers are kept as text, so that integers of any size stay exact.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) at: Place,
    pub(super) key: String,
    pub(super) value: Node,
}

/// The documents of a text, or where and why it is not YAML.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, (Option<Place>, String)> {
    // The library's defaults stop aliases that multiply; a handler with 10,000 steps and a million
    // dependencies needs more nodes than they allow.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 8_000_000,
            max_nodes: 4_000_000,
        },
    };
    let documents = serde_saphyr::from_multiple_with_options::<Node>(text, options);
    let mut documents = documents.map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().filter(|at| *at != Location::UNKNOWN).map(Place::from);
        let message = error.to_string();
        let end = message.rfind(" at line ").or_else(|| message.rfind("\n")).unwrap_or(message.len());
        (place, message[..end].to_owned())
    })?;
    documents.iter_mut().for_each(|document| document.restore(text));
    Ok(documents)
}

impl From<Location> for Place {
    fn from(at: Location) -> Self {
        Self { line: at.line(), column: at.column() }
    }
}

impl Node {
    /// Takes back what the parser made of two kinds of plain scalars, for which its reading differs from that of
    /// the original service: a lone `y` or `n` is text, and integers of any size stay as they are written.
    fn restore(&mut self, source: &str) {
        let written = || self.bytes.and_then(|(from, length)| source.get(from..from + length)).map_or("", str::trim);
        match &mut self.value {
            Value::Bool(_) if matches!(written(), "y" | "Y" | "n" | "N") => {
                self.value = Value::String(written().to_owned());
            }
            Value::Number(number) if is_integer(written()) => written().clone_into(number),
            Value::List(items) => items.iter_mut().for_each(|item| item.restore(source)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.value.restore(source)),
            _ => {}
        }
    }

    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The node as JSON text, keys in their order. Recursion is bounded by the depth that the parser allows.
    pub(super) fn json(&self, out: &mut String) {
        match &self.value {
            Value::Null => out.push_str("null"),
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::Number(text) => out.push_str(text),
            Value::String(text) => out.push_str(&quoted(text)),
            Value::List(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    item.json(out);
                }
                out.push(']');
            }
            Value::Map(entries) => {
                out.push('{');
                for (position, entry) in entries.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    out.push_str(&quoted(&entry.key));
                    out.push(':');
                    entry.value.json(out);
                }
                out.push('}');
            }
        }
    }
}

/// Whether a text is an integer in JSON.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.is_empty()
        && (digits == "0" || !digits.starts_with('0'))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let span = spanned.defined.span();
        let bytes = span.byte_offset().zip(span.byte_len());
        let bytes = bytes.and_then(|(from, length)| Some((usize::try_from(from).ok()?, usize::try_from(length).ok()?)));
        Ok(Self { at: spanned.referenced.into(), value: spanned.value, bytes })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visit)
    }
}

struct Visit;

impl<'de> Visitor<'de> for Visit {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(number).ok_or_else(|| E::custom("the number is not finite"))?;
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Node>()? {
            all.push(Entry { at: key.referenced.into(), key: key.value, value });
        }
        Ok(Value::Map(all))
    }
}
