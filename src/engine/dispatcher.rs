//! Brings steps that wait in the store to workers with free slots.
//!
//! Owns: taking rows out of the queues. A row is taken in a transaction that ends only after the claim is
//! durable, so that a crash in between brings the row back; a row whose step has moved on is dropped. Most
//! steps never come here: the writer claims them in the transaction that makes them ready.

use std::{collections::HashMap, time::Duration};

use super::Shared;
use crate::{
    domain::{ids::StepId, run::Micros, template::QueueId},
    lifecycle::{ClaimVerdict, workforce::Opening},
    store::{self, Dedicated, ready},
};

/// How long to wait after the store was unavailable.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Looks whenever it is woken, when a step falls due, and now and then; until the engine stops.
pub(super) async fn run(shared: Shared) {
    let mut connection: Option<Dedicated> = None;
    let mut last_poll = shared.clock.now();
    let outcome = |outcome| shared.metrics.dispatches.with([outcome]);
    let (found, empty, failed) = (outcome("found"), outcome("empty"), outcome("failed"));
    while !shared.stop.is_cancelled() {
        let poll_micros = Micros::try_from(shared.settings.poll_interval.as_micros()).unwrap_or(Micros::MAX);
        let now = shared.clock.now();
        if now - last_poll >= poll_micros {
            last_poll = now;
            shared.workforce.expect_work_everywhere();
        }
        // Until it is known what is paused, nothing is claimed.
        let is_informed = shared.pauses.heard().is_some();
        let openings = if is_informed { shared.workforce.openings(now) } else { Vec::new() };
        if openings.is_empty() {
            wait(&shared, last_poll + poll_micros - now).await;
            continue;
        }
        let dispatched = dispatch(&shared, &mut connection, &openings).await;
        match dispatched {
            Ok(0) => &empty,
            Ok(_) => &found,
            Err(_) => &failed,
        }
        .add(1);
        if let Err(error) = dispatched {
            tracing::warn!(error = &error as &dyn std::error::Error, "dispatch failed");
            connection = None;
            for Opening { queue, .. } in openings {
                shared.workforce.seen_rows(queue);
            }
            shared.stop.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await;
        }
    }
}

async fn wait(shared: &Shared, until_poll: Micros) {
    let due = shared.workforce.next_due().map_or(Micros::MAX, |at| at - shared.clock.now());
    let pause = u64::try_from(until_poll.min(due).max(1_000)).unwrap_or(1_000);
    tokio::select! {
        () = shared.workforce.woken() => {}
        () = tokio::time::sleep(Duration::from_micros(pause)) => {}
        () = shared.stop.cancelled() => {}
    }
}

/// Takes what waits in these queues; how many steps there were.
async fn dispatch(shared: &Shared, connection: &mut Option<Dedicated>, openings: &[Opening]) -> store::Result<usize> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            // What it commits are removals of rows that are hints; to lose one costs a look.
            connection.insert(shared.store.dedicated_to_hints().await?)
        }
    };
    let mut transaction = connection.begin().await?;
    let now = shared.clock.now();
    let mut taken: HashMap<StepId, QueueId> = HashMap::new();
    let mut steps = Vec::new();
    for Opening { queue, free, filter } in openings {
        let limit = (*free).min(shared.settings.dispatch_batch_max);
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let popped = if filter.is_everything() {
            ready::pop(&mut transaction, *queue, now, most).await?
        } else {
            let (versions, declined) = (filter.versions.as_deref(), &filter.declined);
            ready::pop_filtered(&mut transaction, *queue, now, most, versions, declined).await?
        };
        if popped.len() == limit {
            shared.workforce.seen_rows(*queue);
        } else if let Some(at) = ready::next_due(&mut transaction, *queue, now).await? {
            shared.workforce.expect_work_at(*queue, at);
        }
        for (step, since) in popped {
            if taken.insert(step, *queue).is_none() {
                steps.push((step, since));
            }
        }
    }
    let found = steps.len();
    let mut back = Vec::new();
    if !steps.is_empty() {
        for (step, verdict) in shared.writer.claim(steps).await {
            if let ClaimVerdict::Waits(until) = verdict {
                back.push((taken[&step], until.unwrap_or(now), step));
            }
        }
    }
    if !back.is_empty() {
        ready::put(&mut transaction, &back).await?;
    }
    store::commit(transaction).await?;
    for (queue, at, _) in back {
        if at > now {
            shared.workforce.expect_work_at(queue, at);
        } else {
            shared.workforce.seen_rows(queue);
        }
    }
    Ok(found)
}
