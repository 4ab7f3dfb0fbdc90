//! What is counted and measured.
//!
//! Owns: one table of every metric (`table.rs`), the numbers behind it, and its two renderings, the text that
//! Prometheus scrapes (`text`) and the message that an OTLP collector is sent (`push`). Never: decides what is worth
//! measuring; whoever does something records it. A metric that is not in the table cannot be recorded, and what is in
//! the table is in both renderings and in `docs/METRICS.md`.
//!
//! The numbers are atomics of our own and not instruments of the OpenTelemetry SDK, because recording happens
//! for every step: a handle is found once, by labels, and recording through it is two or three atomic additions, without
//! a lock, a look-up or an allocation. The SDK looks its labels up at every call and locks its histograms.
//!
//! ```text
//!   metrics.tasks_created.with(["default", "order"])  ->  Counter   found once, kept
//!   counter.add(3)                                                  one atomic addition
//! ```

use std::{ops::Deref, sync::Arc};

mod docs;
mod family;
mod instruments;
pub mod push;
mod table;
pub mod text;

pub use docs::document;
pub use family::{Family, Series};
pub use instruments::{Counter, Gauge, Histogram, Instrument, Reading, Timer};
pub use table::{DEFINITIONS, Table};

/// What free labels are called when a metric has as many series as it may have.
pub const OTHER: &str = "other";

/// Series of one metric at most, unless configured otherwise.
pub const SERIES_MAX: usize = 500;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Definition {
    /// The name, the same everywhere.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What is counted or measured.
    pub unit: Unit,
    /// One sentence.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The upper bounds of a histogram's buckets, ascending; the last one, infinity, is not listed.
    pub bounds: &'static [f64],
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Is what it is now.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

/// What is counted or measured, in UCUM's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things; the metric's name says which.
    Things,
    /// A share, 1 being all.
    Ratio,
}

impl Definition {
    /// Whether a label takes whatever names users make up. Only these are cut when there are too many series.
    fn is_free(label: &str) -> bool {
        matches!(label, "namespace" | "handler" | "step" | "permission" | "event" | "subscriber")
    }
}

impl Kind {
    /// Its name in both renderings.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Unit {
    /// Its symbol.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "By",
            Self::Things | Self::Ratio => "1",
        }
    }
}

/// The numbers of one server. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Table>);

impl Metrics {
    /// Begins at zero. Each metric has at most `series_max` series before the names that users make up are told apart
    /// no more.
    pub fn new(series_max: usize) -> Self {
        Self(Arc::new(Table::new(series_max.max(1))))
    }

    /// Records nothing; handles of it cost a branch.
    pub fn disabled() -> Self {
        Self(Arc::new(Table::new(0)))
    }

    /// Notes a decision about a caller.
    ///
    /// `outcome` is `allowed`, `unauthenticated` or `denied`; `permission` is `resource:action`, or empty where the
    /// method needs none; `reason` is a short label such as `expired`, empty when allowed.
    pub fn auth_decision(&self, outcome: &str, permission: &str, reason: &str) {
        self.auth_decisions.with([outcome, permission, reason]).add(1);
    }

    /// Handles for a cache, to be kept with it.
    pub fn cache(&self, name: &str) -> CacheMeter {
        let outcome = |outcome: &str| self.cache_requests.with([name, outcome]);
        CacheMeter { hit: outcome("hit"), miss: outcome("miss"), failed: outcome("failed") }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(SERIES_MAX)
    }
}

impl Deref for Metrics {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.0
    }
}

/// What happens to look-ups in one cache.
#[derive(Debug, Clone)]
pub struct CacheMeter {
    /// Found.
    pub hit: Counter,
    /// Not found.
    pub miss: Counter,
    /// The cache could not be asked.
    pub failed: Counter,
}

impl CacheMeter {
    /// Notes a look-up.
    pub fn note(&self, found: bool) {
        if found { &self.hit } else { &self.miss }.add(1);
    }
}

#[cfg(test)]
mod tests;
