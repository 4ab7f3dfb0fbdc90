//! Deadlines by the server's time: owns the offset between its clock and ours.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use prost_types::Timestamp;
use tokio::time::Instant;

/// The server's clock, as far as a Welcome told it. Without one the local clock stands in.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<(Instant, Duration)>>);

impl ServerClock {
    /// Takes the time that the server says it is.
    pub(crate) fn set(&self, server_time: Option<&Timestamp>) {
        if let Some(time) = server_time.and_then(since_epoch) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), time));
        }
    }

    /// When a point of the server's time will be; one that has passed is now.
    pub(crate) fn instant(&self, time: &Timestamp) -> Option<Instant> {
        let time = since_epoch(time)?;
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let server_now = match known {
            Some((at, server)) => server.saturating_add(now.duration_since(at)),
            None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        };
        now.checked_add(time.saturating_sub(server_now))
    }
}

fn since_epoch(time: &Timestamp) -> Option<Duration> {
    let whole = Duration::from_secs(u64::try_from(time.seconds).ok()?);
    Some(whole + Duration::from_nanos(u64::try_from(time.nanos).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn deadlines_follow_the_server_and_not_the_local_clock() {
        let clock = ServerClock::default();
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        clock.set(Some(&at(1_000)));
        let now = Instant::now();
        assert_eq!(clock.instant(&at(1_030)), Some(now + Duration::from_secs(30)));
        assert_eq!(clock.instant(&at(900)), Some(now));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.instant(&at(1_030)), Some(now + Duration::from_secs(30)));
        assert_eq!(clock.instant(&at(-1)), None);
    }
}
