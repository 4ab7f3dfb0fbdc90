//! Contexts as the validator sees them: every look at a value is counted, and the count has an end.
//!
//! The validator cannot be interrupted from outside, and what it costs depends on schema and context together: two
//! alternatives that refer to the same definition double the work at each level. It reads contexts only through the
//! traits here, so counting here misses nothing but chains of schemas that look at no value; `cost` bounds those.
//! Where the count ends the stack is unwound up to [`within`]. That is no panic: no hook runs and nothing is logged.

use std::{
    borrow::Cow,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use jsonschema::{
    json::{self, Array, Json, Node, NodeIdentity, Object},
    types::JsonType,
};
use serde_json::{Map, Value};

/// Bytes of text that count as one look.
const TEXT_PER_STEP: usize = 16;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static TEXT_STEPS: Cell<u64> = const { Cell::new(1) };
}

/// The looks did not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

/// Runs `work` with so many looks; looking at a text costs `text_steps` and more the longer it is.
pub(super) fn within<T>(steps: u64, text_steps: u64, work: impl FnOnce() -> T) -> Result<T, Exhausted> {
    LEFT.set(steps);
    TEXT_STEPS.set(text_steps);
    let done = catch_unwind(AssertUnwindSafe(work));
    LEFT.set(0);
    done.map_err(|cause| match cause.downcast::<Exhausted>() {
        Ok(exhausted) => *exhausted,
        Err(panic) => resume_unwind(panic),
    })
}

fn spend(steps: u64) {
    match LEFT.get().checked_sub(steps) {
        Some(left) => LEFT.set(left),
        None => resume_unwind(Box::new(Exhausted)),
    }
}

fn steps(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The values within a value, itself included, and its text by length. Depth is bounded by that of the JSON text.
fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => 1 + steps(text.len() / TEXT_PER_STEP),
        Value::Array(items) => items.iter().fold(1, |sum, item| sum.saturating_add(size(item))),
        Value::Object(members) => members.values().fold(1, |sum, value| sum.saturating_add(size(value))),
        _ => 1,
    }
}

/// The representation of metered contexts.
#[derive(Debug)]
pub(super) struct Metered;

/// A value of a metered context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metering<'a>(pub(super) &'a Value);

/// An object of a metered context.
#[derive(Debug)]
pub(super) struct Members<'a>(&'a Map<String, Value>);

/// A list of a metered context.
#[derive(Debug)]
pub(super) struct Elements<'a>(&'a [Value]);

impl Json for Metered {
    type Node<'a> = Metering<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(Metering<'_>) -> T) -> T {
        *buffer = Value::String(string.to_owned());
        f(Metering(buffer))
    }
}

impl<'a> Node<'a, Metered> for Metering<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a serde_json::Number;

    fn as_object(&self) -> Option<Members<'a>> {
        spend(1);
        self.0.as_object().map(Members)
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        spend(1);
        self.0.as_array().map(|items| Elements(items))
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.0.as_str();
        spend(text.map_or(1, |text| TEXT_STEPS.get().saturating_add(steps(text.len() / TEXT_PER_STEP))));
        text.map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a serde_json::Number> {
        spend(1);
        match self.0 {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        spend(1);
        self.0.as_bool()
    }

    fn is_null(&self) -> bool {
        spend(1);
        self.0.is_null()
    }

    fn json_type(&self) -> JsonType {
        spend(1);
        match self.0 {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        spend(size(expected));
        json::cmp::equal(self.0, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        spend(1);
        Cow::Borrowed(self.0)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        spend(1);
        Some(NodeIdentity::new(std::ptr::from_ref(self.0).addr()))
    }

    fn container_identity(&self) -> Option<NodeIdentity> {
        matches!(self.0, Value::Object(_) | Value::Array(_)).then(|| self.identity()).flatten()
    }
}

impl<'a> Object<'a, Metered> for Members<'a> {
    type Node = Metering<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &String) -> Option<Metering<'a>> {
        spend(1);
        self.0.get(key).map(Metering)
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter(self.0.iter())
    }
}

impl<'a> Array<'a, Metered> for Elements<'a> {
    type Node = Metering<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter(self.0.iter())
    }

    fn is_unique(&self) -> bool {
        spend(self.0.iter().fold(1, |sum: u64, item| sum.saturating_add(size(item))));
        json::unique::is_unique(self.0)
    }
}

/// The members of an object in order.
#[derive(Debug)]
pub(super) struct MembersIter<'a>(serde_json::map::Iter<'a>);

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Metering<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        spend(1);
        self.0.next().map(|(name, value)| (name.as_str(), Metering(value)))
    }
}

/// The elements of a list in order.
#[derive(Debug)]
pub(super) struct ElementsIter<'a>(std::slice::Iter<'a, Value>);

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Metering<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        spend(1);
        self.0.next().map(Metering)
    }
}
