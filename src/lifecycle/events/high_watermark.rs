//! How far the log is complete.
//!
//! Positions are assigned from a sequence and become visible at the commit, so that a later one can be seen before an
//! earlier one. Whoever reads only up to what is *complete* misses nothing and sees nothing twice. A writer is assigned its
//! position after its transaction has a number, so:
//!
//! 1. `P` is the newest position assigned. Who was given it, or one before it, has a transaction number by now.
//! 2. `N`, asked after that, is the number that the next transaction will have: theirs are lower.
//! 3. Once no transaction with a number below `N` runs, whoever drew a position up to `P` has committed, or never will.
//!
//! Nothing is locked, nobody waits, and gaps do not matter. A transaction that writes for minutes, anywhere on the same
//! Postgres, holds the stream up for so long; it loses nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Events;
use crate::{
    error::Result,
    store::events::{self as log, Transactions},
};

/// How soon a position that is not complete is asked for again, at first and at last.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// The log is followed in steps of at least this time: many commits are one step.
const STEP: Duration = Duration::from_millis(3);
/// How long to wait after the store was unavailable.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// When somebody holds the stream up for longer, it is said.
const HELD_UP: Duration = Duration::from_secs(30);

/// Whether all transactions below a number have ended. Numbers wrap; those that run are never 2^31 apart.
const fn have_ended(next: u32, now: Transactions) -> bool {
    now.oldest.wrapping_sub(next).cast_signed() >= 0
}

/// Follows the log while somebody listens, until it is told to stop.
pub async fn follow(events: Events, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some(Err(error)) = stop.run_until_cancelled(steps(&events)).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the log of events is not followed");
            stop.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await;
        }
    }
}

async fn steps(events: &Events) -> Result<()> {
    loop {
        let woken = events.0.wake.notified();
        if events.listeners() == 0 {
            woken.await;
            continue;
        }
        if !step(events).await? {
            let _quiet = tokio::time::timeout(events.0.settings.poll_interval, woken).await;
        } else {
            tokio::time::sleep(STEP).await;
        }
    }
}

/// Brings the high watermark to the newest position; false when it is there.
async fn step(events: &Events) -> Result<bool> {
    let pool = events.0.store.pool();
    let position = log::last_assigned(pool).await?;
    if position == *events.0.high_watermark.borrow() {
        return Ok(false);
    }
    // Asked after the position, on a statement of its own.
    let mut now = log::transactions(pool).await?;
    let next = now.next;
    let began = tokio::time::Instant::now();
    let (mut pause, mut warned) = (PATIENCE.0, false);
    while !have_ended(next, now) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PATIENCE.1);
        now = log::transactions(pool).await?;
        if !warned && began.elapsed() > HELD_UP {
            warned = true;
            tracing::warn!("a long transaction that writes holds up the stream of events; `tasker doctor` finds it");
        }
    }
    // A restored database may have come back to an earlier position.
    events.0.high_watermark.send_replace(position);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_complete_when_no_older_transaction_runs() {
        let check = |next: u32, oldest: u32, complete: bool| {
            let now = Transactions { next: oldest, oldest };
            assert_eq!(have_ended(next, now), complete, "{next} {oldest}");
        };
        check(10, 9, false);
        check(10, 10, true);
        check(10, 11, true);
        check(3, u32::MAX, false);
        check(u32::MAX, 3, true);
    }
}
