//! The time, as the database tells it.
//!
//! Deadlines, leases and backoffs are compared between servers, so all of them follow the database's clock:
//! the local clock plus an offset that the sweeper measures again and again.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::domain::run::Micros;

/// A clock that can be disciplined.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// The time now.
    pub fn now(&self) -> Micros {
        Self::local() + self.0.load(Ordering::Relaxed)
    }

    /// Takes over the database's time, read between two readings of the local clock.
    pub fn discipline(&self, before: Micros, database: Micros, after: Micros) {
        self.0.store(database - (before + (after - before) / 2), Ordering::Relaxed);
    }

    /// How far the local clock is behind the database's, in microseconds.
    pub fn offset(&self) -> Micros {
        self.0.load(Ordering::Relaxed)
    }

    /// The local clock.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the local clock")]
    pub fn local() -> Micros {
        chrono::Utc::now().timestamp_micros()
    }
}
