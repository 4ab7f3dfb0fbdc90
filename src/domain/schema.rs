//! JSON Schema of task contexts.
//!
//! Owns: compiling a handler's schema and validating contexts with it, defaults filled in first (in the copy
//! that is validated only; what is stored stays as sent). 2020-12 unless the schema says otherwise. A schema that is
//! costly by itself does not compile, and validating ends after a number of looks at the context, so that nobody can
//! make it go on for ever. Never: fetches anything; a reference to elsewhere does not compile. Next: `schema/cost.rs`
//! and `schema/metered.rs` for the bounds, `schema/strict.rs` for the original service's strict mode,
//! `schema/defaults.rs` for the filling.

mod cost;
mod defaults;
mod metered;
mod strict;

use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::violation::Violation;
use metered::{Exhausted, Metered, Metering};

/// Violations reported at most for one context.
const REPORTED_MAX: usize = 32;

/// The longest text about one violation.
const TEXT_MAX: usize = 256;

/// How often a pattern that looks around may step back before it counts as not matching.
const PATTERN_STEPS_MAX: usize = 20_000;

/// The largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Looks at a context at most: about a second. A context of a megabyte and a schema that looks at everything ten times
/// take a tenth of it.
pub const STEPS_MAX: u64 = 10_000_000;

/// Looks that take less than a millisecond.
const QUICK_STEPS_MAX: u64 = 20_000;

/// Contexts up to this size may be quick, in bytes.
const QUICK_BYTES_MAX: usize = 64 << 10;

/// Schemas at most this deep need no deeper stack than any thread has.
const QUICK_DEPTH_MAX: usize = 32;

/// Looks for finding out what is wrong with a context that does not fit. Each violation is a kilobyte or so.
const FINDING_STEPS_MAX: u64 = 100_000;

/// Looks that a text costs when a pattern that looks around may be matched against it.
const LOOKING_AROUND: u64 = 1_000;

/// The stack that compiling and validating need, in bytes: a context nests 128 levels, and at each level 64 schemas may
/// lead to one another.
pub const STACK_BYTES: usize = 256 << 20;

/// A schema, ready for use.
#[derive(Debug)]
pub struct CompiledSchema {
    schema: Value,
    validator: Validator<Metered>,
    has_defaults: bool,
    cost: cost::Cost,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JSON Schema; the text says why.
    Malformed(String),
    /// It would cost too much; the text says what.
    TooCostly(String),
}

/// How much work validating may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Less than a millisecond, on any thread.
    Quick,
    /// About a second at most, on a thread with a stack of [`STACK_BYTES`].
    Full,
}

/// The effort did not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

impl CompiledSchema {
    /// Compiles a schema. With `strict` every declared property is required and no other is allowed, at all
    /// depths and whatever the schema itself says about that. Takes up to a second, and a stack of [`STACK_BYTES`].
    pub fn compile(text: &str, strict: bool) -> Result<Self, Refusal> {
        let malformed = |why: String| Refusal::Malformed(why);
        let mut schema: Value = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if schema.is_null() {
            schema = Value::Bool(true);
        }
        if strict {
            strict::tighten(&mut schema);
        }
        let cost = cost::judge(&schema).map_err(|cost::TooCostly(what)| Refusal::TooCostly(what))?;
        let patterns = PatternOptions::fancy_regex().backtrack_limit(PATTERN_STEPS_MAX).size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options_for::<Metered>()
            .offline()
            .with_pattern_options(patterns)
            .build(&schema)
            .map_err(|error| malformed(place(&error, describe(&error))))?;
        let has_defaults = defaults::any(&schema);
        Ok(Self { schema, validator, has_defaults, cost })
    }

    /// What is wrong with a context, by field `task.context_json` followed by the JSON pointer to the value.
    pub fn validate(&self, context_json: &str, effort: Effort) -> Result<Vec<Violation>, TooMuch> {
        let is_shallow = self.cost.depth.is_some_and(|depth| depth <= QUICK_DEPTH_MAX);
        let steps = match effort {
            Effort::Quick if is_shallow && context_json.len() <= QUICK_BYTES_MAX => QUICK_STEPS_MAX,
            Effort::Quick => return Err(TooMuch),
            Effort::Full => STEPS_MAX,
        };
        let mut context = match serde_json::from_str(context_json) {
            Ok(context) => context,
            Err(error) => return Ok(vec![Violation::new(FIELD, error.to_string())]),
        };
        if self.has_defaults && !defaults::fill(&self.schema, &mut context, steps) && effort == Effort::Quick {
            return Err(TooMuch);
        }
        let text_steps = if self.cost.looks_around { LOOKING_AROUND } else { 1 };
        let fits = metered::within(steps, text_steps, || self.validator.is_valid(Metering(&context)));
        if fits.map_err(|Exhausted| TooMuch)? {
            return Ok(Vec::new());
        }
        let steps = steps.min(FINDING_STEPS_MAX);
        let found = metered::within(steps, text_steps, || {
            let errors = self.validator.iter_errors(Metering(&context)).take(REPORTED_MAX);
            let violation = |error: ValidationError<'_>| {
                Violation::new(format!("{FIELD}{}", error.instance_path()), describe(&error))
            };
            errors.map(violation).collect::<Vec<_>>()
        });
        let mut violations = match (found, effort) {
            (Ok(violations), _) => violations,
            (Err(Exhausted), Effort::Quick) => return Err(TooMuch),
            (Err(Exhausted), Effort::Full) => {
                let text = "does not fit the schema; saying where takes more steps than are spent on it";
                vec![Violation::new(FIELD, text)]
            }
        };
        violations.sort_by(|one, other| one.field.cmp(&other.field).then(one.description.cmp(&other.description)));
        Ok(violations)
    }
}

/// The field that violations are of.
const FIELD: &str = "task.context_json";

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
