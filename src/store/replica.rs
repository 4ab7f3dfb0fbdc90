//! A streaming replica that answers lists and analytics, while it is fresh enough.
//!
//! Owns: how fresh it is. The position of the store's log is noted with the time; once the replica has replayed that
//! position, everything that was committed by then is visible there. So its age is known and not guessed: a replica
//! that has lost the store grows old, however idle both are. Never: decides who may be answered by it; whoever wants a
//! fresh answer asks the store.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::Row as _;

use super::{Result, Store, executor::Pool, sql};

/// How often the position is looked at: this many times while an answer may age, within bounds.
const LOOKS: u32 = 8;
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A replica.
#[derive(Debug, Clone)]
pub struct Replica(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    /// In microseconds; it may change while the server runs.
    lag_max: AtomicU64,
    /// Everything that was committed by then is visible on the replica.
    fresh_at: Mutex<Option<Instant>>,
}

impl Replica {
    pub(super) fn new(store: Store, lag_max: Duration) -> Self {
        let replica = Self(Arc::new(Inner { store, lag_max: AtomicU64::new(0), fresh_at: Mutex::new(None) }));
        replica.set_lag_max(lag_max);
        replica
    }

    /// How old its answers may be.
    pub fn lag_max(&self) -> Duration {
        Duration::from_micros(self.0.lag_max.load(Ordering::Relaxed))
    }

    /// Changes how old its answers may be.
    pub fn set_lag_max(&self, lag_max: Duration) {
        self.0.lag_max.store(u64::try_from(lag_max.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn pool(&self) -> &Pool {
        self.0.store.pool()
    }

    /// How old its answers are at most; `None` when that is not known.
    pub fn age(&self) -> Option<Duration> {
        self.0.fresh_at.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    /// Whether it answers now what may be answered by it.
    pub fn is_fresh(&self) -> bool {
        self.age().is_some_and(|age| age <= self.lag_max())
    }

    /// The replica as a store that reads.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    fn found_fresh(&self, at: Instant) {
        let mut fresh_at = self.0.fresh_at.lock().unwrap_or_else(PoisonError::into_inner);
        *fresh_at = fresh_at.max(Some(at));
    }
}

impl Store {
    /// Watches how fresh the replica is, for ever; ends at once when there is none.
    pub async fn watch_replica(self) {
        let Some(replica) = self.replica().cloned() else { return };
        let mut marks: VecDeque<(Instant, i64)> = VecDeque::new();
        let mut was_fresh = false;
        loop {
            let lag_max = replica.lag_max();
            // Nobody waits for an answer longer than it would be of use.
            let look = tokio::time::timeout(lag_max.max(PAUSE_MAX), look(&self, &replica, &mut marks));
            if let Ok(Err(error)) = look.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the replica's age is not known");
            }
            while marks.front().is_some_and(|(at, _)| at.elapsed() > lag_max) {
                marks.pop_front();
            }
            let is_fresh = replica.is_fresh();
            if is_fresh != was_fresh {
                tracing::info!(age = ?replica.age(), "lists are answered by the {}", if is_fresh { "replica" } else { "store" });
                was_fresh = is_fresh;
            }
            tokio::time::sleep((lag_max / LOOKS).clamp(PAUSE_MIN, PAUSE_MAX)).await;
        }
    }
}

/// Notes where the store is, and finds the newest such note that the replica has come to.
async fn look(store: &Store, replica: &Replica, marks: &mut VecDeque<(Instant, i64)>) -> Result<()> {
    let now = Instant::now();
    let written: i64 = sql!("replica/written").fetch_one(store.pool()).await?.try_get(0)?;
    marks.push_back((now, written));
    let replayed: Option<i64> = sql!("replica/replayed").fetch_one(replica.pool()).await?.try_get(0)?;
    // One that was promoted follows nobody any more.
    let Some(replayed) = replayed else { return Ok(()) };
    if let Some((at, _)) = marks.iter().rev().find(|(_, mark)| *mark <= replayed) {
        replica.found_fresh(*at);
    }
    Ok(())
}
