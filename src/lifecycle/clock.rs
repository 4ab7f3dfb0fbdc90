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

    /// Takes over the database's time, read between two readings of the local clock, unless it may be what the clock
    /// says already: a reading that took long is worth little, and on a busy machine the time would jump to and fro.
    pub fn discipline(&self, before: Micros, database: Micros, after: Micros) {
        let (earliest, latest) = (database - after, database - before);
        if !(earliest..=latest).contains(&self.offset()) {
            self.0.store(earliest + (latest - earliest) / 2, Ordering::Relaxed);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reading_does_not_contradict_stays() {
        let clock = Clock::default();
        let check = |before, database, after, offset| {
            clock.discipline(before, database, after);
            assert_eq!(clock.offset(), offset, "{database} between {before} and {after}");
        };
        check(1_000, 1_010, 1_400, 0);
        check(2_000, 2_390, 2_400, 0);
        check(3_000, 3_500, 3_100, 450);
        check(4_000, 4_410, 4_020, 400);
        check(5_000, 5_400, 5_000, 400);
        check(6_000, 5_900, 6_000, -100);
    }
}
