//! Whether a loop still moves.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What a loop shows of itself. A loop that waits for work is well; one that has been at the same piece of work for
/// long is stuck.
#[derive(Debug, Default)]
pub struct Watchdog(Mutex<Option<Instant>>);

impl Watchdog {
    /// The loop takes up a piece of work.
    pub fn busy(&self) {
        *self.state() = Some(Instant::now());
    }

    /// The loop is done with it.
    pub fn idle(&self) {
        *self.state() = None;
    }

    /// How long it has been at the same piece of work; `None` when it waits for some.
    pub fn busy_for(&self) -> Option<Duration> {
        self.state().map(|since| since.elapsed())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
