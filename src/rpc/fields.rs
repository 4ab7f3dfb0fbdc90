//! Fields of requests: each one checked, all that are wrong reported at once.
//!
//! Owns: the checks that need nothing but the field. Lengths are in characters. A check that fails notes why
//! and returns something usable, so that the next field is looked at as well; [`Fields::finish`] then refuses.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use prost_types::{FieldMask, Timestamp};

use crate::{
    auth::Scope,
    domain::{
        ids::{StepId, TaskId},
        json::{self, Shape},
        run::{Operation, OperationKind, UNAUTHENTICATED},
    },
    error::{Error, Reason, Result, Violation},
    service::page,
};

/// Who asks for an operation, at most.
const REQUESTED_BY_MAX: usize = 128;

/// Why, at most.
const REASON_MAX: usize = 1_024;

/// The id of a request, at most.
const REQUEST_ID_MAX: usize = 128;

/// Wrong paths of a mask that are named, at most.
const MASK_PATHS_SHOWN: usize = 8;

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    violations: Vec<Violation>,
    oversized: usize,
}

impl Fields {
    /// Notes what is wrong with a field.
    pub(super) fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.push(Violation { field: field.into(), description: description.into() });
    }

    /// Notes that a field is larger than its limit.
    pub(super) fn oversize(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.oversized += 1;
        self.refuse(field, description);
    }

    /// Refuses when anything was wrong: LIMIT_EXCEEDED when all of it was too large, else INVALID_FIELDS.
    pub(super) fn finish(self) -> Result<()> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let only_oversized = self.oversized == self.violations.len();
        let error = Error::invalid(self.violations);
        if only_oversized {
            let message = error.message().to_owned();
            return Err(Error::new(Reason::LimitExceeded, message).with_violations(error.violations().to_vec()));
        }
        Err(error)
    }

    /// A text of at most so many characters, without NUL.
    pub(super) fn text(&mut self, field: &str, value: String, most: usize) -> String {
        if value.contains('\0') {
            self.refuse(field, "must not contain the character NUL");
        } else if value.len() > most {
            let length = value.chars().count();
            if length > most {
                self.refuse(field, format!("has {length} characters, at most {most} are allowed"));
            }
        }
        value
    }

    /// The same, and not empty.
    pub(super) fn required(&mut self, field: &str, value: String, most: usize) -> String {
        if value.is_empty() {
            self.refuse(field, "is required");
        }
        self.text(field, value, most)
    }

    /// The same, or nothing when it is empty.
    pub(super) fn optional(&mut self, field: &str, value: String, most: usize) -> Option<String> {
        let value = self.text(field, value, most);
        (!value.is_empty()).then_some(value)
    }

    /// A list of so many texts of so many characters each, none of them empty.
    pub(super) fn texts(&mut self, field: &str, values: Vec<String>, most: usize, each: usize) -> Vec<String> {
        if values.len() > most {
            self.oversize(field, format!("has {} entries, at most {most} are allowed", values.len()));
            return Vec::new();
        }
        let checked = values.into_iter().enumerate();
        checked.map(|(place, value)| self.required(&format!("{field}[{place}]"), value, each)).collect()
    }

    /// JSON text of at most so many bytes.
    pub(super) fn json(&mut self, field: &str, value: String, bytes_max: usize) -> (String, Option<Shape>) {
        if value.len() > bytes_max {
            self.oversize(field, format!("has {} bytes, at most {bytes_max} are allowed", value.len()));
            return (value, None);
        }
        match json::check(&value) {
            Ok(shape) => (value, Some(shape)),
            Err(why) => {
                self.refuse(field, why);
                (value, None)
            }
        }
    }

    /// JSON text of at most so many bytes that is an object.
    pub(super) fn json_object(&mut self, field: &str, value: String, bytes_max: usize) -> String {
        let (value, shape) = self.json(field, value, bytes_max);
        if shape.is_some_and(|shape| shape != Shape::Object) {
            self.refuse(field, "must be a JSON object");
        }
        value
    }

    /// The id of a task.
    pub(super) fn task_id(&mut self, field: &str, value: &str) -> Option<TaskId> {
        let parsed = value.parse();
        if parsed.is_err() {
            self.refuse(field, if value.is_empty() { "is required" } else { "is not the id of a task" });
        }
        parsed.ok()
    }

    /// The id of a step.
    pub(super) fn step_id(&mut self, field: &str, value: &str) -> Option<StepId> {
        let parsed = value.parse();
        if parsed.is_err() {
            self.refuse(field, if value.is_empty() { "is required" } else { "is not the id of a step" });
        }
        parsed.ok()
    }

    /// A point in time between the years 1 and 9999, to the microsecond.
    pub(super) fn time(&mut self, field: &str, value: Option<Timestamp>) -> Option<DateTime<Utc>> {
        const YEARS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
        let value = value?;
        let micros = u32::try_from(value.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).map(|nanos| nanos / 1_000);
        let time = micros
            .filter(|_| YEARS.contains(&value.seconds))
            .and_then(|micros| DateTime::from_timestamp(value.seconds, micros * 1_000));
        if time.is_none() {
            self.refuse(field, "is not a time between the years 1 and 9999");
        }
        time
    }

    /// A whole number within a range.
    pub(super) fn number(&mut self, field: &str, value: i32, range: RangeInclusive<u16>) -> u16 {
        let number = u16::try_from(value).ok().filter(|number| range.contains(number));
        number.unwrap_or_else(|| {
            self.refuse(field, format!("must be between {} and {}", range.start(), range.end()));
            *range.start()
        })
    }

    /// A value of an enum.
    pub(super) fn choice<E: TryFrom<i32>>(&mut self, field: &str, value: i32) -> Option<E> {
        let choice = E::try_from(value).ok();
        if choice.is_none() {
            self.refuse(field, format!("{value} is not a value of the enum"));
        }
        choice
    }

    /// The size of a page; `default` for 0.
    pub(super) fn page_size(&mut self, value: i32, default: i64) -> i64 {
        match page::size(value) {
            Ok(_) if value == 0 => default,
            Ok(size) => size,
            Err(violation) => {
                self.violations.push(violation);
                default
            }
        }
    }

    /// Who asks for something and why, as the caller says.
    pub(super) fn asked(&mut self, requested_by: String, reason: String) -> Asked {
        Asked {
            requested_by: self.text("requested_by", requested_by, REQUESTED_BY_MAX),
            reason: self.text("reason", reason, REASON_MAX),
        }
    }

    /// An operation that the caller of this scope asks for.
    pub(super) fn operation(&mut self, kind: OperationKind, scope: &Scope, asked: Asked, id: String) -> Operation {
        let Asked { requested_by, reason } = asked;
        Operation {
            kind,
            subject: scope.subject().unwrap_or_else(|| UNAUTHENTICATED.into()),
            requested_by,
            reason,
            request_id: self.request_id(id),
        }
    }

    /// The id under which a call is done only once; empty for none.
    pub(super) fn request_id(&mut self, id: String) -> String {
        self.text("request_id", id, REQUEST_ID_MAX)
    }

    /// The fields that a mask names, each of them one of those that can be changed.
    pub(super) fn mask(&mut self, mask: Option<FieldMask>, allowed: &[&str]) -> Vec<String> {
        let paths = mask.unwrap_or_default().paths;
        let choice = allowed.join(", ");
        if paths.is_empty() {
            self.refuse("update_mask", format!("is required: names what changes, of {choice}"));
        }
        let (known, unknown): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| allowed.contains(&path.as_str()));
        for path in unknown.iter().take(MASK_PATHS_SHOWN) {
            let path: String = path.chars().take(REQUEST_ID_MAX).collect();
            self.refuse("update_mask", format!("{path:?} is not a field that can be changed; there are {choice}"));
        }
        known
    }
}

/// Who asks for something and why, as the caller says.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) requested_by: String,
    pub(super) reason: String,
}

/// A length of time as callers send it; `None` for one below zero. The conversion of the library cannot negate the
/// smallest numbers, and cannot carry the largest.
pub(super) fn length(of: prost_types::Duration) -> Option<std::time::Duration> {
    let seconds = u64::try_from(of.seconds).ok()?;
    let nanos = u32::try_from(of.nanos).ok()?;
    Some(std::time::Duration::new(seconds, nanos.min(999_999_999)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong, one line a field.
    fn check(expected: &str, checks: impl FnOnce(&mut Fields)) {
        let mut fields = Fields::default();
        checks(&mut fields);
        let found = match fields.finish() {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                let lines = error.violations().iter().map(|bad| format!("{}: {}", bad.field, bad.description));
                format!("{}\n{}", error.reason().label(), lines.collect::<Vec<_>>().join("\n"))
            }
        };
        assert_eq!(found, expected);
    }

    fn time(seconds: i64, nanos: i32) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos })
    }

    #[test]
    fn lengths_are_in_characters() {
        check("ok", |fields| drop(fields.text("a", "äöü".into(), 3)));
        check("INVALID_FIELDS\na: has 4 characters, at most 3 are allowed", |fields| {
            drop(fields.text("a", "äöüß".into(), 3));
        });
        check("INVALID_FIELDS\na: must not contain the character NUL", |fields| {
            drop(fields.text("a", "x\0".into(), 3));
        });
        check("INVALID_FIELDS\na: is required", |fields| drop(fields.required("a", String::new(), 3)));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        check(
            "INVALID_FIELDS\ntags[1]: is required\nid: is not the id of a task\nat: is not a time between the years 1 and 9999",
            |fields| {
                fields.texts("tags", vec!["a".into(), String::new()], 2, 3);
                fields.task_id("id", "0190");
                fields.time("at", time(0, -1));
            },
        );
    }

    #[test]
    fn what_is_only_too_large_exceeds_a_limit() {
        check("LIMIT_EXCEEDED\na: has 3 bytes, at most 2 are allowed", |fields| {
            drop(fields.json("a", "123".into(), 2))
        });
        check("LIMIT_EXCEEDED\na: has 2 entries, at most 1 are allowed", |fields| {
            drop(fields.texts("a", vec!["x".into(); 2], 1, 1));
        });
        check("INVALID_FIELDS\na: has 3 bytes, at most 2 are allowed\nb: must be between 1 and 2", |fields| {
            fields.json("a", "123".into(), 2);
            fields.number("b", 3, 1..=2);
        });
    }

    #[test]
    fn json_is_checked() {
        check("ok", |fields| drop(fields.json_object("a", "{\"a\": 1}".into(), 10)));
        check("INVALID_FIELDS\na: must be a JSON object", |fields| drop(fields.json_object("a", "[]".into(), 10)));
        check("INVALID_FIELDS\na: must not contain \\u0000 at line 1 column 8", |fields| {
            drop(fields.json_object("a", "\"\\u0000\"".into(), 10));
        });
    }

    #[test]
    fn times_end_with_the_calendar() {
        let mut fields = Fields::default();
        assert_eq!(fields.time("a", time(1, 1_999)).map(|at| at.timestamp_nanos_opt()), Some(Some(1_000_001_000)));
        assert_eq!(fields.time("a", None), None);
        for (seconds, nanos) in [(253_402_300_800, 0), (-62_135_596_801, 0), (0, 1_000_000_000), (i64::MAX, 0)] {
            check("INVALID_FIELDS\na: is not a time between the years 1 and 9999", |fields| {
                fields.time("a", time(seconds, nanos));
            });
        }
    }
}
