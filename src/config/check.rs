//! Findings, all of them at once.

use std::{fmt, ops::RangeInclusive, time::Duration};

use serde::Serialize;

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The key, such as `writer.lanes`.
    pub key: String,
    /// Its value as it was given, `[redacted]` when it is a secret.
    pub value: String,
    /// The rule that is broken.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
    /// Where the value came from.
    pub source: String,
}

/// All findings of one load; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if !self.value.is_empty() && !self.problem.ends_with(&format!("not {}", self.value)) {
            write!(f, " = {}", self.value)?;
        }
        write!(f, ": {}", self.problem)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " (from {})", self.source) }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "the configuration has {} problem{s}", self.0.len())?;
        self.0.iter().try_for_each(|finding| {
            write!(f, "\n  {finding}")?;
            if finding.fix.is_empty() { Ok(()) } else { write!(f, "\n    -> {}", finding.fix) }
        })
    }
}

impl std::error::Error for Findings {}

/// Gathers findings. What a finding lacks (the value, its source, how to fix it) is filled in from the keys when
/// all are gathered.
#[derive(Debug, Default)]
pub(super) struct Check {
    findings: Vec<Finding>,
}

impl Check {
    pub(super) fn finding(&mut self, key: &str, problem: impl Into<String>, source: &str) {
        self.add(key, "", problem, "", source);
    }

    pub(super) fn add(
        &mut self,
        key: &str,
        value: impl Into<String>,
        problem: impl Into<String>,
        fix: impl Into<String>,
        source: &str,
    ) {
        self.findings.push(Finding {
            key: key.to_owned(),
            value: value.into(),
            problem: problem.into(),
            fix: fix.into(),
            source: source.to_owned(),
        });
    }

    /// Adds the finding unless the rule holds.
    pub(super) fn rule(&mut self, key: &str, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.finding(key, problem(), "");
        }
    }

    /// Adds the finding unless the rule holds, with what to do about it.
    pub(super) fn demand(&mut self, key: &str, holds: bool, problem: &str, fix: &str) {
        if !holds {
            self.add(key, "", problem, fix, "");
        }
    }

    /// The value lies in the range.
    pub(super) fn range<T: PartialOrd + fmt::Display + Copy>(&mut self, key: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            let (from, to) = (range.start(), range.end());
            let problem = format!("must be from {from} to {to}, not {value}");
            self.add(key, value.to_string(), problem, format!("choose a value from {from} to {to}"), "");
        }
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
