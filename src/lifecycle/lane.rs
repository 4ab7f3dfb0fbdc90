//! One lane of the writer.
//!
//! Owns: a connection, a queue of items, the runs of the tasks that are hashed to it. It takes whatever has
//! gathered since its last commit began, decides, writes, and only then answers. There is no timer: an idle
//! system commits at once, a busy one batches by itself. Never: lets one bad item fail its neighbours; a batch
//! that the store refuses is split until the item is alone.
//!
//! ```text
//!   queue -> load runs -> decide -> write (one statement, one flush) -> answer, assign, hint
//!                 ^          |           |
//!                 +unverified+           |   a refusal that rests on a cached run: decided again from the store
//!                 +---- a task moved ----+   the second time with the tasks' rows locked
//! ```

mod after;
mod fair_queue;
mod hydrate;
mod meter;
mod queue;
mod trace;

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use uuid::Uuid;

use super::{
    Watchdog,
    assignment::{Outcome, Verdict},
    batch::{Answer, Batch, DecideContext, Known, identified},
    item::Item,
    request::Request,
    run_cache::{CachedRun, RunCache},
    writer::Shared,
};
use meter::{Meter, Try};
use queue::{BATCH_ROWS_MAX, NextBatch};

pub(super) use queue::LaneQueue;

use crate::{
    domain::{
        ids::TaskId,
        run::{Micros, Run},
    },
    error::{Error, Reason, Result},
    store::{self, Connection, Dedicated, lifecycle as rows},
};

/// How often a batch is decided again because tasks moved, before its items are told that there is contention.
const TRIES_MAX: usize = 5;

/// How long an item that nobody would send again waits when the store could not take it.
const AGAIN_PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Lane {
    shared: Shared,
    runs: RunCache,
    connection: Option<Dedicated>,
    meter: Meter,
    watchdog: Arc<Watchdog>,
    /// When the write of the present try began.
    write_began: Option<Instant>,
}

/// How a batch can fail: everything that is asked of the store, and everything else.
enum BatchError {
    Store(store::Error),
    Other(Error),
    /// An item is refused, or nothing comes of it, because of a cached run that no write confirms.
    Unverified,
    /// The items write more rows than one statement may.
    TooManyRows,
}

/// Where the runs of a batch come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoadMode {
    /// From the cache where they are in it.
    Cached,
    /// From the store.
    Fresh,
    /// From the store, with their rows locked.
    Locked,
}

impl From<store::Error> for BatchError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Lane {
    pub(super) fn new(shared: Shared, watchdog: Arc<Watchdog>) -> Self {
        let runs = RunCache::new(shared.settings.run_cache_bytes_max);
        let meter = Meter::new(shared.metrics.clone());
        Self { shared, runs, connection: None, meter, watchdog, write_began: None }
    }

    /// Works until every sender is gone, which is how the writer stops: the last batch is finished.
    pub(super) async fn run(mut self, queue: &mut LaneQueue) {
        // A run before this one may have ended in the middle of a batch.
        self.watchdog.idle();
        while let Some(NextBatch { items, rooms }) = queue.next(self.shared.settings.batch_items_max).await {
            let (count, began) = (items.len(), Instant::now());
            self.watchdog.busy();
            // A defect ends its batch, whose callers are told to come back, and not the lane.
            if AssertUnwindSafe(self.work(items)).catch_unwind().await.is_err() {
                tracing::error!("a batch panicked");
                self.runs = RunCache::new(self.shared.settings.run_cache_bytes_max);
                self.connection = None;
            }
            self.watchdog.idle();
            self.meter.finished(count, began);
            drop(rooms);
        }
    }

    /// Takes a batch to its end: every item is answered.
    async fn work(&mut self, items: Vec<Item>) {
        let mut tries = 0;
        let mut mode = LoadMode::Cached;
        loop {
            tries += 1;
            let failed = match self.attempt(&items, mode).await {
                Ok((batch, now)) => return self.finish(items, batch, now).await,
                Err(failed) => failed,
            };
            self.meter.tried(match failed {
                BatchError::Unverified => Try::Unverified,
                BatchError::Store(store::Error::Retry(_)) => Try::Moved,
                BatchError::Store(_) | BatchError::Other(_) | BatchError::TooManyRows => Try::Failed,
            });
            self.forget(&items);
            let error = match failed {
                BatchError::Unverified => {
                    mode = LoadMode::Fresh;
                    continue;
                }
                BatchError::Store(store::Error::Retry(_)) if tries < TRIES_MAX => {
                    mode = LoadMode::Locked;
                    continue;
                }
                BatchError::Store(error @ store::Error::Unavailable(_)) => {
                    self.connection = None;
                    error.into()
                }
                BatchError::Store(error) if items.len() == 1 => error.into(),
                BatchError::Other(error) if items.len() == 1 => error,
                BatchError::Store(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, items = items.len(), "batch split");
                    return self.split(items).await;
                }
                BatchError::Other(_) | BatchError::TooManyRows => return self.split(items).await,
            };
            return self.refuse(items, &error).await;
        }
    }

    /// Works on the halves of a batch that was refused as a whole.
    async fn split(&mut self, mut items: Vec<Item>) {
        let second = items.split_off(items.len() / 2);
        Box::pin(self.work(items)).await;
        Box::pin(self.work(second)).await;
    }

    /// Loads, decides and writes. On failure nothing has happened, unless the store went away.
    async fn attempt(&mut self, items: &[Item], mode: LoadMode) -> Result<(Batch, Micros), BatchError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let connecting = self.shared.store.dedicated();
                match tokio::time::timeout(self.shared.settings.connect_timeout, connecting).await {
                    Ok(connected) => connected?,
                    Err(_) => return Err(store::Error::timed_out().into()),
                }
            }
        };
        let result =
            if mode == LoadMode::Locked || connection.needs_transactions() || items.iter().any(Item::needs_transaction)
            {
                let result = self.attempt_in_transaction(&mut connection, items, mode).await;
                // One that cannot even let go of its locks is given up.
                if result.is_err() && connection.settle().await.is_err() {
                    return result;
                }
                result
            } else {
                let mut own = connection.read().await?;
                let runs = self.load(&mut own, items, mode).await?;
                self.decide_and_write(&mut own, items, runs, &Known::default()).await
            };
        self.connection = Some(connection);
        if let (Some(began), Ok(_)) = (self.write_began.take(), &result) {
            self.meter.wrote(began.elapsed());
            self.meter.tried(Try::Committed);
        }
        result
    }

    async fn attempt_in_transaction(
        &mut self,
        connection: &mut Dedicated,
        items: &[Item],
        mode: LoadMode,
    ) -> Result<(Batch, Micros), BatchError> {
        let mut transaction = connection.begin().await?;
        let identified = identified(items);
        let mut known = Known::default();
        if !identified.task_id.is_empty() {
            let added = rows::claim_identity(&mut transaction, &identified).await?;
            let wanted = identified.task_id.iter().map(|task| TaskId::from_uuid(*task));
            known.taken = wanted.filter(|task| !added.contains(task)).collect();
        }
        let runs = self.load(&mut transaction, items, mode).await?;
        // After the runs: whoever does the same meanwhile moves a task on, and the write finds that out.
        let named: Vec<(TaskId, &str)> = items.iter().filter_map(Item::request_id).collect();
        if !named.is_empty() {
            let found = rows::find_requests(&mut transaction, &named).await?;
            known.requests = found.into_iter().map(|(task, id, hash)| ((task, id), hash)).collect();
        }
        let (mut batch, now) = self.decide_and_write(&mut transaction, items, runs, &known).await?;
        let written = async {
            write_beside(&mut transaction, items, &batch).await?;
            store::commit(transaction).await
        };
        if let Err(error) = written.await {
            batch.undo(&self.shared.workforce);
            return Err(error.into());
        }
        Ok((batch, now))
    }

    async fn decide_and_write(
        &mut self,
        connection: &mut Connection,
        items: &[Item],
        runs: Vec<(TaskId, CachedRun)>,
        known: &Known,
    ) -> Result<(Batch, Micros), BatchError> {
        let now = self.shared.clock.now();
        let backoff = self.shared.backoff.load_full();
        // After the time was taken: see `pauses.rs`.
        let paused = self.shared.pauses.heard();
        let context =
            DecideContext { now, backoff: &backoff, workforce: &self.shared.workforce, paused: paused.as_deref() };
        let mut batch = Batch::decide(items, runs, known, context);
        if batch.is_unverified(items) {
            batch.undo(&self.shared.workforce);
            return Err(BatchError::Unverified);
        }
        let set = batch.columns(items, now);
        // One statement writes a bounded number of rows; a single item's rows are bounded by the steps of a task.
        if items.len() > 1 && set.as_ref().is_some_and(|set| set.rows() > BATCH_ROWS_MAX) {
            batch.undo(&self.shared.workforce);
            return Err(BatchError::TooManyRows);
        }
        self.write_began = set.is_some().then(Instant::now);
        if let Some(set) = set
            && let Err(error) = rows::write(connection, now, &set, self.shared.settings.log).await
        {
            batch.undo(&self.shared.workforce);
            return Err(error.into());
        }
        Ok((batch, now))
    }

    /// Brings together the runs that the items are about. Those that do not exist are left out.
    async fn load(
        &mut self,
        connection: &mut Connection,
        items: &[Item],
        mode: LoadMode,
    ) -> Result<Vec<(TaskId, CachedRun)>, BatchError> {
        let mut seen = HashSet::new();
        let mut runs = Vec::new();
        let mut missing: Vec<Uuid> = Vec::new();
        for task in items.iter().flat_map(Item::tasks) {
            if !seen.insert(task) {
                continue;
            }
            match self.runs.take(task) {
                Some(cached) if mode == LoadMode::Cached => runs.push((task, cached)),
                _ => missing.push(task.uuid()),
            }
        }
        if missing.is_empty() {
            return Ok(runs);
        }
        let loaded = match mode {
            LoadMode::Locked => rows::load_locked(connection, &missing).await?,
            LoadMode::Cached | LoadMode::Fresh => rows::load(connection, &missing).await?,
        };
        for row in loaded {
            let template = self.shared.templates.get(row.named_task_id).await.map_err(BatchError::Other)?;
            let run = Run::load(template, &row.stored)
                .map_err(|corrupt| store::Error::Corrupt(format!("task {}: {corrupt}", row.task_id)))?;
            let cached = CachedRun {
                run,
                from_earlier_batch: false,
                started_at: row.started_at,
                finished_at: row.finished_at,
                deadline_at: row.deadline_at,
                context: None,
                correlation_id: None,
                trace: None,
                results: Vec::new(),
                began: Vec::new(),
            };
            runs.push((row.task_id, cached));
        }
        Ok(runs)
    }

    /// Answers every item of a batch that cannot be written.
    async fn refuse(&mut self, items: Vec<Item>, error: &Error) {
        for item in items {
            match item {
                Item::Create { reply, .. } => {
                    let _gone = reply.send(Err(error.clone()));
                }
                Item::Apply { reply, .. } => {
                    let _gone = reply.send(Err(error.clone()));
                }
                Item::Claim { steps, reply } => {
                    let waits = |(step, _)| (step, super::item::ClaimVerdict::Waits(None));
                    let _gone = reply.send(steps.into_iter().map(waits).collect());
                }
                Item::Settle { step, attempt, outcome, ack } => {
                    // Results that are no JSON for Postgres end their attempt for good; the rest is sent again.
                    if matches!(error.reason(), Reason::MessageMalformed | Reason::LimitExceeded)
                        && matches!(outcome, Outcome::Success(_))
                    {
                        let failure = super::invalid_result(error.message());
                        let retold = Item::Settle { step, attempt, outcome: failure, ack: super::AckTo::Nobody };
                        Box::pin(self.work(vec![retold])).await;
                        self.meter.invalid();
                        self.acknowledge(ack, step, attempt, Verdict::Invalid(error.message().to_owned()));
                    } else if matches!(ack, super::AckTo::Nobody) && error.reason().retry_after().is_some() {
                        // Nobody would send it again.
                        self.shared.later(AGAIN_PAUSE, Item::Settle { step, attempt, outcome, ack });
                    } else {
                        self.meter.sent_back(1);
                        self.acknowledge(ack, step, attempt, Verdict::Retry);
                    }
                }
            }
        }
    }

    fn forget(&mut self, items: &[Item]) {
        for task in items.iter().flat_map(Item::tasks) {
            self.runs.take(task);
        }
    }
}

/// Writes what does not fit the one statement: changed inputs, reasons, tags and deadlines, and request ids.
async fn write_beside(connection: &mut Connection, items: &[Item], batch: &Batch) -> store::Result<()> {
    for (item, answer) in items.iter().zip(&batch.answers) {
        let (Item::Apply { task, request, .. }, Answer::Applied(Ok(()))) = (item, answer) else { continue };
        match &**request {
            Request::UpdateTask { change, .. } => {
                if change.reason.is_some() || change.tags.is_some() {
                    rows::set_request(connection, *task, change.reason.as_deref(), change.tags.as_deref()).await?;
                }
                if let Some(deadline) = change.deadline {
                    rows::set_deadline(connection, *task, deadline.at()).await?;
                }
            }
            Request::UpdateStep { no, inputs_json: Some(inputs), .. } => {
                rows::set_inputs(connection, *task, *no, inputs).await?;
            }
            _ => {}
        }
    }
    for ((task, id), hash) in &batch.requests {
        rows::add_request(connection, *task, id, hash).await?;
    }
    Ok(())
}
