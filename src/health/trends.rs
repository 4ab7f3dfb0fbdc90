//! How the last hour went, for the detailed status.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::Monitor;
use crate::store::{
    self,
    analytics::{Look, Span, Whose},
    lifecycle::timestamp,
};

/// How often they are made anew.
const EVERY: Duration = Duration::from_secs(60);
/// The hour.
const PERIOD: TimeDelta = TimeDelta::hours(1);
/// The newest tasks that are looked at: a look has to stay cheap beside everything else.
const TASKS_MAX: i32 = 20_000;
/// How long the look may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How the tasks of the last hour did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trends {
    /// From here on: an hour ago, or later when more tasks were created than are looked at.
    pub start: DateTime<Utc>,
    /// Until here.
    pub end: DateTime<Utc>,
    /// Tasks created.
    pub created: i64,
    /// Of those, complete ones.
    pub completed: i64,
    /// Of those, ones in error.
    pub failed: i64,
    /// How long a complete step took, in seconds, on average; zero when there was none.
    pub step_seconds: f64,
}

/// Looks at every interval until `stop`.
pub(super) async fn run(monitor: &Monitor, stop: &CancellationToken) {
    let look_and_wait = async {
        loop {
            let began = Instant::now();
            look(monitor).await;
            tokio::time::sleep(EVERY.saturating_sub(began.elapsed())).await;
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(look_and_wait).await;
}

async fn look(monitor: &Monitor) {
    let asked = tokio::time::timeout(LIMIT, ask(monitor)).await;
    let seen = asked.map_err(|_| format!("no answer within {LIMIT:?}"));
    let seen = seen.and_then(|seen| seen.map_err(|error| error.to_string()));
    monitor.looked().trends = Some(seen);
}

async fn ask(monitor: &Monitor) -> store::Result<Trends> {
    let vitals = &monitor.0.vitals;
    let span = Span { since: timestamp(vitals.clock.now()) - PERIOD, tasks_max: TASKS_MAX };
    let (_, performance) = Look::begin(&vitals.store, LIMIT).await?.metrics(&Whose::default(), span).await?;
    Ok(Trends {
        start: performance.period.start,
        end: performance.period.end,
        created: performance.tasks,
        completed: performance.completed,
        failed: performance.failed,
        step_seconds: performance.step_durations.mean,
    })
}
