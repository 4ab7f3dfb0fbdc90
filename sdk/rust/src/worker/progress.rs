//! How far attempts have come: owns the latest word of each attempt, and nothing older.

use std::sync::{Mutex, PoisonError};

use super::ledger::Key;
use crate::proto::tasker::worker::v1::Progress;

/// The server keeps this much of a note.
const NOTE_CHARS_MAX: usize = 255;

/// The latest word of one attempt that has not been sent.
#[derive(Debug)]
pub(crate) struct ProgressCell {
    key: Key,
    latest: Mutex<Option<(f64, String)>>,
}

impl ProgressCell {
    pub(crate) const fn new(key: Key) -> Self {
        Self { key, latest: Mutex::new(None) }
    }

    /// Replaces the latest word; whether there was none that waits to be sent.
    pub(crate) fn set(&self, percent: f64, note: &str) -> bool {
        let percent = if percent.is_nan() { 0.0 } else { percent.clamp(0.0, 100.0) };
        let note = note.chars().take(NOTE_CHARS_MAX).collect();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.replace((percent, note)).is_none()
    }

    /// Takes the latest word as a message.
    pub(crate) fn take(&self) -> Option<Progress> {
        let (percent, note) = self.latest.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let lease = self.key.lease();
        Some(Progress { step_id: lease.step_id, lease_token: lease.lease_token, percent, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_word_waits() {
        let cell = ProgressCell::new(Key::new("a step", 3));
        assert!(cell.set(1.0, "first"));
        for percent in 2..=10_000 {
            assert!(!cell.set(f64::from(percent), "later"));
        }
        assert!(!cell.set(42.0, &"é".repeat(300)));
        let progress = cell.take().expect("one waits");
        assert_eq!((progress.step_id.as_str(), progress.lease_token, progress.percent), ("a step", 3, 42.0));
        assert_eq!(progress.note, "é".repeat(255));
        assert_eq!(cell.take(), None);
    }

    #[test]
    fn percents_are_from_0_to_100() {
        let check = |percent: f64, expected: f64| {
            let cell = ProgressCell::new(Key::new("a step", 1));
            cell.set(percent, "");
            assert_eq!(cell.take().expect("one waits").percent, expected, "{percent}");
        };
        check(f64::NAN, 0.0);
        check(-1.0, 0.0);
        check(99.5, 99.5);
        check(f64::INFINITY, 100.0);
    }
}
