//! Filling in what a schema gives defaults for.
//!
//! A missing property whose schema has a `default` gets it, in objects that are there (or were just filled
//! in), through `properties`, `items`, `allOf` and references within the schema. Alternatives (`anyOf`,
//! `oneOf`, `if`) fill nothing, because which of them holds is not known before validation.

use serde_json::{Map, Value};

/// Work done at most for each step that is allowed, in bytes: those of the values filled in, and [`NODE_BYTES`] for
/// each object or list that is looked at. Enough for any context within the payload limit; a schema that refers to
/// itself may ask for more than there is room for, and then the rest stays missing.
const STEP_BYTES: u64 = 4;

/// Work done at most in all.
const WORK_MAX: u64 = 32 << 20;

/// About what a value costs beside its text.
const NODE_BYTES: usize = 32;

/// How deep filling goes, references counted.
const DEPTH_MAX: usize = 128;

/// Whether a schema has the keyword anywhere. A property of that name counts too; the answer only saves work.
pub(super) fn any(schema: &Value) -> bool {
    match schema {
        Value::Object(keywords) => keywords.contains_key("default") || keywords.values().any(any),
        Value::Array(items) => items.iter().any(any),
        _ => false,
    }
}

/// Fills in a value; false when there was more to do than so many steps allow.
pub(super) fn fill(schema: &Value, value: &mut Value, steps: u64) -> bool {
    let left = usize::try_from(steps.saturating_mul(STEP_BYTES).min(WORK_MAX)).unwrap_or(usize::MAX);
    let mut filling = Filling { root: schema, left, is_complete: true };
    filling.fill(schema, value, 0);
    filling.is_complete
}

struct Filling<'a> {
    root: &'a Value,
    left: usize,
    is_complete: bool,
}

impl<'a> Filling<'a> {
    fn fill(&mut self, schema: &'a Value, value: &mut Value, depth: usize) {
        let Value::Object(keywords) = schema else { return };
        if depth >= DEPTH_MAX || !(value.is_object() || value.is_array()) || !self.spend(NODE_BYTES) {
            return;
        }
        if let Some(target) = self.target(keywords) {
            self.fill(target, value, depth + 1);
        }
        if let Some(Value::Array(all)) = keywords.get("allOf") {
            for schema in all {
                self.fill(schema, value, depth + 1);
            }
        }
        match value {
            Value::Object(entries) => self.fill_object(keywords, entries, depth),
            Value::Array(items) => self.fill_items(keywords, items, depth),
            _ => {}
        }
    }

    fn fill_object(&mut self, keywords: &'a Map<String, Value>, entries: &mut Map<String, Value>, depth: usize) {
        let Some(Value::Object(properties)) = keywords.get("properties") else { return };
        for (name, schema) in properties {
            if !entries.contains_key(name)
                && let Some(default) = self.default(schema)
                && self.spend(name.len() + bytes(default))
            {
                entries.insert(name.clone(), default.clone());
            }
            if let Some(value) = entries.get_mut(name) {
                self.fill(schema, value, depth + 1);
            }
        }
    }

    fn fill_items(&mut self, keywords: &'a Map<String, Value>, items: &mut [Value], depth: usize) {
        // Before 2020-12 a list under `items` was what `prefixItems` is now.
        let prefix = keywords.get("prefixItems").or_else(|| keywords.get("items")).and_then(Value::as_array);
        let prefix = prefix.map_or(&[] as &[Value], Vec::as_slice);
        let rest = keywords.get("items").filter(|items| items.is_object());
        for (position, item) in items.iter_mut().enumerate() {
            if let Some(schema) = prefix.get(position).or(rest) {
                self.fill(schema, item, depth + 1);
            }
        }
    }

    /// The default of a schema or of what it refers to.
    fn default(&mut self, schema: &'a Value) -> Option<&'a Value> {
        let mut keywords = schema.as_object()?;
        for _ in 0..DEPTH_MAX {
            if let Some(default) = keywords.get("default") {
                return Some(default);
            }
            keywords = self.target(keywords)?.as_object()?;
        }
        None
    }

    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or_default();
        self.is_complete &= left.is_some();
        left.is_some()
    }

    fn target(&mut self, keywords: &'a Map<String, Value>) -> Option<&'a Value> {
        let pointer = keywords.get("$ref")?.as_str()?.strip_prefix('#')?;
        if !self.spend(pointer.len()) {
            return None;
        }
        self.root.pointer(pointer)
    }
}

fn bytes(value: &Value) -> usize {
    NODE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(bytes).sum(),
            Value::Object(entries) => entries.iter().map(|(name, value)| name.len() + bytes(value)).sum(),
            _ => 0,
        }
}
