//! Bounds the log lines about refused calls: a flood of one reason costs a few lines, and hides no other reason.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lines of one reason at once.
const BURST: u32 = 20;
/// How long one more line takes to be allowed.
const ONE_EACH: Duration = Duration::from_millis(200);

/// Allows lines, by reason.
#[derive(Debug, Default)]
pub(super) struct Sampler(Mutex<HashMap<String, Bucket>>);

/// The lines that are still allowed for one reason.
#[derive(Debug)]
struct Bucket {
    left: u32,
    since: Instant,
    left_out: u64,
}

impl Sampler {
    /// Whether a line may be written, and how many of its reason were left out before it. There are as many reasons as
    /// the contract has.
    pub(super) fn admit(&self, reason: &str, now: Instant) -> Option<u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(reason) {
            return bucket.take(now);
        }
        let mut bucket = Bucket { left: BURST, since: now, left_out: 0 };
        let first = bucket.take(now);
        buckets.insert(reason.to_owned(), bucket);
        first
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> Option<u64> {
        let earned = now.saturating_duration_since(self.since).as_nanos() / ONE_EACH.as_nanos();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(BURST);
            self.left = self.left.saturating_add(earned).min(BURST);
            self.since = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.left_out))
            }
            None => {
                self.left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_reason_is_counted_and_hides_no_other() {
        let (sampler, now) = (Sampler::default(), Instant::now());
        let written = (0..100).filter(|_| sampler.admit("UNAUTHENTICATED", now).is_some()).count();
        assert_eq!(written, BURST as usize);
        assert_eq!(sampler.admit("TASK_NOT_FOUND", now), Some(0));
        assert_eq!(sampler.admit("UNAUTHENTICATED", now + ONE_EACH), Some(80));
        assert_eq!(sampler.admit("UNAUTHENTICATED", now + ONE_EACH), None);
        let later = now + Duration::from_secs(3_600);
        let written = (0..100).filter(|_| sampler.admit("UNAUTHENTICATED", later).is_some()).count();
        assert_eq!(written, BURST as usize, "silence saves up no more than a burst");
    }
}
