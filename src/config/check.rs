//! Findings, all of them at once.

use std::{fmt, ops::RangeInclusive, time::Duration};

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key, such as `writer.lanes`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// Where the value came from; empty when a relation between keys is broken.
    pub source: String,
}

/// All findings of one load; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " (from {})", self.source) }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "the configuration has {} problem{s}", self.0.len())?;
        self.0.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl std::error::Error for Findings {}

/// Gathers findings.
#[derive(Debug, Default)]
pub(super) struct Check {
    findings: Vec<Finding>,
}

impl Check {
    pub(super) fn finding(&mut self, key: &str, problem: impl Into<String>, source: &str) {
        self.findings.push(Finding { key: key.to_owned(), problem: problem.into(), source: source.to_owned() });
    }

    /// Adds the finding unless the rule holds.
    pub(super) fn rule(&mut self, key: &str, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.finding(key, problem(), "");
        }
    }

    /// The value lies in the range.
    pub(super) fn range<T: PartialOrd + fmt::Display + Copy>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        self.rule(key, range.contains(&value), || {
            format!("must be from {} to {}, not {value}", range.start(), range.end())
        });
    }

    /// The duration lies in the range of milliseconds.
    pub(super) fn millis(&mut self, key: &str, value: Duration, range: RangeInclusive<u64>) {
        let millis = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        self.range(key, millis, range);
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
