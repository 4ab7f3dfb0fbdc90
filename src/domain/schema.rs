//! JSON Schema of task contexts.
//!
//! Owns: compiling a handler's schema and validating contexts with it, defaults filled in first (in the copy
//! that is validated only; what is stored stays as sent). 2020-12 unless the schema says otherwise. Never:
//! fetches anything; a reference to elsewhere does not compile. Next: `schema/strict.rs` for the original
//! service's strict mode, `schema/defaults.rs` for the filling.

mod defaults;
mod strict;

use std::borrow::Cow;

use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::violation::Violation;

/// Violations reported at most for one context.
const REPORTED_MAX: usize = 32;

/// The longest text about one violation.
const TEXT_MAX: usize = 256;

/// How often a pattern may step back before it counts as not matching; a hostile pattern then costs about a
/// millisecond.
const PATTERN_STEPS_MAX: usize = 100_000;

/// A schema, ready for use.
#[derive(Debug)]
pub struct CompiledSchema {
    schema: Value,
    validator: Validator,
    has_defaults: bool,
}

impl CompiledSchema {
    /// Compiles a schema. With `strict` every declared property is required and no other is allowed, at all
    /// depths and whatever the schema itself says about that.
    pub fn compile(text: &str, strict: bool) -> Result<Self, String> {
        let mut schema: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if schema.is_null() {
            schema = Value::Bool(true);
        }
        if strict {
            strict::tighten(&mut schema);
        }
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(PATTERN_STEPS_MAX))
            .build(&schema)
            .map_err(|error| place(&error, describe(&error)))?;
        let has_defaults = defaults::any(&schema);
        Ok(Self { schema, validator, has_defaults })
    }

    /// What is wrong with a context, by field `task.context_json` followed by the JSON pointer to the value.
    pub fn validate(&self, context: &Value) -> Vec<Violation> {
        let mut context = Cow::Borrowed(context);
        if self.has_defaults {
            defaults::fill(&self.schema, context.to_mut());
        }
        let errors = self.validator.iter_errors(&context).take(REPORTED_MAX);
        let mut violations: Vec<Violation> = errors
            .map(|error| Violation::new(format!("task.context_json{}", error.instance_path()), describe(&error)))
            .collect();
        violations.sort_by(|one, other| one.field.cmp(&other.field).then(one.description.cmp(&other.description)));
        violations
    }
}

/// The error without the value that it is about, which may be large or secret.
fn describe(error: &ValidationError<'_>) -> String {
    let mut text = error.masked_with("the value").to_string();
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn place(error: &ValidationError<'_>, text: String) -> String {
    match error.instance_path().as_str() {
        "" => text,
        path => format!("{path}: {text}"),
    }
}

/// The schemas directly inside a schema. Values that merely look like schemas (`default`, `const`, `enum`,
/// `examples`) are not among them.
fn subschemas(schema: &mut Value) -> Vec<&mut Value> {
    const MAPS: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
    const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
    const SINGLE: [&str; 12] = [
        "additionalProperties",
        "additionalItems",
        "items",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    ];
    let Value::Object(keywords) = schema else { return Vec::new() };
    let mut inside = Vec::new();
    for (keyword, value) in keywords {
        let keyword = keyword.as_str();
        if MAPS.contains(&keyword) {
            inside.extend(value.as_object_mut().into_iter().flat_map(Map::values_mut));
        } else if LISTS.contains(&keyword) || value.is_array() && keyword == "items" {
            inside.extend(value.as_array_mut().into_iter().flatten());
        } else if SINGLE.contains(&keyword) {
            inside.push(value);
        }
    }
    inside
}

#[cfg(test)]
mod tests;
