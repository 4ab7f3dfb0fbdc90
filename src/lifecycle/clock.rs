//! The time, as the database tells it.
//!
//! Owns: deadlines, leases and backoffs are compared between servers, so all of them follow the database's clock: a
//! local clock that only goes on, plus an offset that the sweeper measures again and again. The machine's clock is read
//! once, at the start; until the first measurement the time rests on it. Nothing is removed on the word of a clock that
//! was not measured, or of one that has jumped: see [`Clock::removal_time`].

use std::{
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use crate::domain::run::Micros;

/// The database's clock may go wrong by so much between two measurements before it is said to have jumped: far more
/// than any correction of a clock that is kept in time, far less than the ages by which things are removed.
const JUMP_MIN: Micros = 5 * 60 * 1_000_000;

/// A clock that can be disciplined. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    offset: AtomicI64,
    measured: Mutex<Measured>,
}

/// What the measurements say.
#[derive(Debug, Default)]
struct Measured {
    /// The last one: the local time, the database's.
    last: Option<(Micros, Micros)>,
    /// How far the database's clock has jumped since the start, all jumps together.
    jumped: Micros,
}

impl Clock {
    /// The time now.
    pub fn now(&self) -> Micros {
        Self::local().saturating_add(self.offset())
    }

    /// Takes over the database's time, read between two readings of the local clock, unless it may be what the clock
    /// says already: a reading that took long is worth little, and on a busy machine the time would jump to and fro.
    ///
    /// Tells how far the database's clock has jumped since the last measurement, if it has.
    pub fn discipline(&self, before: Micros, database: Micros, after: Micros) -> Option<Micros> {
        let (earliest, latest) = (database.saturating_sub(after), database.saturating_sub(before));
        if !(earliest..=latest).contains(&self.offset()) {
            self.0.offset.store(earliest + (latest - earliest) / 2, Ordering::Relaxed);
        }
        let mut measured = self.0.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let jump = measured.last.map_or(0, |(local, then)| (database - then) - (after - local));
        measured.last = Some((after, database));
        if jump.saturating_abs() <= JUMP_MIN.saturating_add(after - before) {
            return None;
        }
        measured.jumped = measured.jumped.saturating_add(jump);
        Some(jump)
    }

    /// The time by which old things may be removed; `None` before the first measurement, and while the database's clock
    /// is elsewhere than where it was at the first: it may be right now or wrong now, and what is removed is gone.
    pub fn removal_time(&self) -> Option<Micros> {
        let measured = self.0.measured.lock().unwrap_or_else(PoisonError::into_inner);
        let is_steady = measured.last.is_some() && measured.jumped.saturating_abs() <= JUMP_MIN;
        is_steady.then(|| self.now())
    }

    /// How far the local clock is behind the database's, in microseconds.
    pub fn offset(&self) -> Micros {
        self.0.offset.load(Ordering::Relaxed)
    }

    /// The machine's own clock, to say how far it is off.
    #[expect(clippy::disallowed_methods, reason = "this and the start below are what reads the machine's clock")]
    pub fn machine() -> Micros {
        chrono::Utc::now().timestamp_micros()
    }

    /// The local clock: the machine's at the start of the process, and from there on only forwards, whatever is done to
    /// the machine's.
    pub fn local() -> Micros {
        static START: LazyLock<(Instant, Micros)> = LazyLock::new(|| (Instant::now(), Clock::machine()));
        let (began, at) = *START;
        at.saturating_add(Micros::try_from(began.elapsed().as_micros()).unwrap_or(Micros::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;
    const DAY: Micros = 86_400 * SECOND;

    #[test]
    fn what_a_reading_does_not_contradict_stays() {
        let clock = Clock::default();
        let check = |before, database, after, offset| {
            assert_eq!(clock.discipline(before, database, after), None);
            assert_eq!(clock.offset(), offset, "{database} between {before} and {after}");
        };
        check(1_000, 1_010, 1_400, 0);
        check(2_000, 2_390, 2_400, 0);
        check(3_000, 3_500, 3_100, 450);
        check(4_000, 4_410, 4_020, 400);
        check(5_000, 5_400, 5_000, 400);
        check(6_000, 5_900, 6_000, -100);
    }

    #[test]
    fn nothing_is_removed_by_a_clock_that_was_not_measured() {
        let clock = Clock::default();
        assert_eq!(clock.removal_time(), None);
        // The machine is ten days ahead.
        let database = Clock::local() - 10 * DAY;
        assert_eq!(clock.discipline(Clock::local(), database, Clock::local()), None);
        let now = clock.removal_time().expect("it was measured");
        assert!((now - database).abs() < 60 * SECOND, "{now} {database}");
    }

    #[test]
    fn nothing_is_removed_after_a_jump_until_the_clock_is_back() {
        let clock = Clock::default();
        let check = |local, database, jump, removes| {
            assert_eq!(clock.discipline(local, database, local), jump, "{local} {database}");
            assert_eq!(clock.removal_time().is_some(), removes, "{local} {database}");
        };
        check(0, DAY, None, true);
        check(SECOND, DAY + SECOND + JUMP_MIN, None, true);
        check(2 * SECOND, 8 * DAY, Some(7 * DAY - 2 * SECOND - JUMP_MIN), false);
        check(3 * SECOND, 8 * DAY + SECOND, None, false);
        check(4 * SECOND, DAY + 4 * SECOND, Some(-7 * DAY + 2 * SECOND), true);
    }

    #[test]
    fn a_reading_that_took_long_is_no_jump() {
        let clock = Clock::default();
        assert_eq!(clock.discipline(0, 0, 0), None);
        assert_eq!(clock.discipline(0, 0, 2 * JUMP_MIN), None);
        assert!(clock.removal_time().is_some());
    }
}
