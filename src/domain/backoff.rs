//! How long to wait before the next attempt.
//!
//! A table gives the wait by attempt; beyond it the wait is
//! `floor(attempt ^ multiplier)` seconds, a cap, then jitter by whole seconds. A wait that the worker asks
//! for wins over the table and has a cap of its own.

use std::time::Duration;

/// The backoff section of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Seconds by attempt, the first entry for the first attempt.
    pub default_backoff_seconds: Vec<u32>,
    /// The cap in seconds, before jitter.
    pub max_backoff_seconds: u32,
    /// The cap in seconds on waits that workers ask for.
    pub retry_after_max_seconds: u32,
    /// The exponent beyond the table.
    pub backoff_multiplier: f64,
    /// Whether waits are spread.
    pub jitter_enabled: bool,
    /// By how much of the wait, from 0 to 1.
    pub jitter_max_percentage: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            default_backoff_seconds: vec![1, 2, 4, 8, 16, 32],
            max_backoff_seconds: 300,
            retry_after_max_seconds: 86_400,
            backoff_multiplier: 2.0,
            jitter_enabled: true,
            jitter_max_percentage: 0.1,
        }
    }
}

impl Policy {
    /// The wait after attempt number `attempt` failed. `dice` is uniform in `0.0..1.0`.
    pub fn delay(&self, attempt: u16, dice: f64) -> Duration {
        if attempt == 0 {
            return Duration::ZERO;
        }
        let seconds = match self.default_backoff_seconds.get(usize::from(attempt) - 1) {
            Some(seconds) => f64::from(*seconds),
            None => f64::from(attempt).powf(self.backoff_multiplier).floor(),
        };
        let seconds = seconds.min(f64::from(self.max_backoff_seconds));
        Duration::from_secs(if self.jitter_enabled { self.jitter(seconds, dice) } else { seconds as u64 })
    }

    /// The wait when the worker asked for one.
    pub fn requested(&self, wait: Duration) -> Duration {
        wait.min(Duration::from_secs(u64::from(self.retry_after_max_seconds)))
    }

    /// Adds a whole number of seconds from `-r..=r`, where `r` is the share of the wait; never below one second.
    fn jitter(&self, seconds: f64, dice: f64) -> u64 {
        let reach = (seconds * self.jitter_max_percentage).round();
        let offset = (dice * (2.0 * reach + 1.0)).floor() - reach;
        (seconds + offset).max(1.0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Policy {
        Policy { jitter_enabled: false, ..Policy::default() }
    }

    #[test]
    fn the_table_of_the_specification() {
        let other =
            Policy { default_backoff_seconds: vec![3, 7], backoff_multiplier: 1.6, max_backoff_seconds: 50, ..plain() };
        for (attempt, first, second) in [
            (0, 0, 0),
            (1, 1, 3),
            (2, 2, 7),
            (3, 4, 5),
            (5, 16, 13),
            (8, 64, 27),
            (9, 81, 33),
            (11, 121, 46),
            (12, 144, 50),
            (17, 289, 50),
            (18, 300, 50),
        ] {
            assert_eq!(plain().delay(attempt, 0.5).as_secs(), first, "default, attempt {attempt}");
            assert_eq!(other.delay(attempt, 0.5).as_secs(), second, "other, attempt {attempt}");
        }
    }

    #[test]
    fn jitter_stays_in_its_closed_interval_and_may_pass_the_cap() {
        let policy = Policy::default();
        for (attempt, low, high) in [(1, 1, 1), (3, 4, 4), (4, 7, 9), (5, 14, 18), (6, 29, 35), (100, 270, 330)] {
            assert_eq!(policy.delay(attempt, 0.0).as_secs(), low, "attempt {attempt}");
            assert_eq!(policy.delay(attempt, 0.999_999).as_secs(), high, "attempt {attempt}");
        }
    }

    #[test]
    fn a_requested_wait_has_a_cap_of_its_own() {
        assert_eq!(plain().requested(Duration::ZERO), Duration::ZERO);
        assert_eq!(plain().requested(Duration::from_secs(7_200)), Duration::from_secs(7_200));
        assert_eq!(plain().requested(Duration::MAX), Duration::from_secs(86_400));
    }
}
