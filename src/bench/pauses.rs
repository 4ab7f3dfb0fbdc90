//! What the machine itself takes: how often and for how long a thread that only reads the clock does not run.
//!
//! Owns: telling the tail that a machine gives to everything from the tail of what was measured on it. A call of a
//! millisecond on a machine that pauses ten times a second is hit once in a hundred times, whatever it does.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// From here on a gap between two looks at the clock is a pause.
const PAUSE: Duration = Duration::from_millis(1);

/// Pauses of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Pauses {
    /// How long was looked, in seconds.
    pub seconds: f64,
    /// Pauses of a millisecond or more.
    pub pauses: u64,
    /// All of them together, in milliseconds.
    pub lost_ms: f64,
    /// The longest, in milliseconds.
    pub longest_ms: f64,
}

impl Pauses {
    /// Looks for so long. It takes a processor for itself.
    pub(super) fn look(&mut self, time: Duration) {
        let began = Instant::now();
        let mut last = began;
        while last - began < time {
            let now = Instant::now();
            self.note(now - last);
            last = now;
        }
        self.seconds += (last - began).as_secs_f64();
    }

    fn note(&mut self, gap: Duration) {
        if gap >= PAUSE {
            let ms = gap.as_secs_f64() * 1e3;
            self.pauses += 1;
            self.lost_ms += ms;
            self.longest_ms = self.longest_ms.max(ms);
        }
    }

    fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.pauses as f64 / self.seconds } else { 0.0 }
    }
}

impl fmt::Display for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the machine by itself: {:.1} pauses of a millisecond or more a second, {:.1} ms the longest",
            self.per_second(),
            self.longest_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_of_a_millisecond_are_pauses() {
        let mut pauses = Pauses { seconds: 2.0, ..Pauses::default() };
        for micros in [1, 999, 1_000, 3_500, 50] {
            pauses.note(Duration::from_micros(micros));
        }
        assert_eq!(pauses, Pauses { seconds: 2.0, pauses: 2, lost_ms: 4.5, longest_ms: 3.5 });
        let text = "the machine by itself: 1.0 pauses of a millisecond or more a second, 3.5 ms the longest";
        assert_eq!(pauses.to_string(), text);
        assert_eq!(Pauses::default().per_second(), 0.0);
    }
}
