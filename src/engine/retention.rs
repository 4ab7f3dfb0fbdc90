//! Removes finished tasks that are old enough, and the old end of the event log.
//!
//! Owns: when, how much at once, and how fast. One server of all does it at a time; a row of the store says which, and
//! how far it has come, so that another one goes on there. It walks the tasks in the order of their creation, which
//! needs no index beyond the primary key. It paces itself: a transaction is bounded, and after each it rests so
//! long that it takes no more than its share of one connection's time, a small one while the service is busy. Never:
//! waits for a row that the writer has, or for the disk. Next: `domain::retention` for the ages,
//! `store/sql/retention` for what is removed with a task.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Shared;
use crate::{
    domain::{
        retention::{Action, Rules},
        run::Micros,
        state::State,
        template::NamedTaskId,
    },
    error::Result,
    store::{
        Connection, Store, events as log, ready,
        retention::{self as rows, Handler, Table},
    },
};

/// How often it looks whether there is something to do.
const TICK: Duration = Duration::from_secs(5);
/// How often the event log is trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);
/// Entries of the event log that go at once.
const TRIM_BATCH: i64 = 2_000;
/// How long a server that has gone silent stays the one that does it.
const LEASE: Duration = Duration::from_secs(60);
/// Tasks that one look takes, in batches.
const LOOK_BATCHES: usize = 4;
/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(10);
/// Fewer commits than this in a second, its own left out, is idle.
const IDLE_COMMITS: f64 = 20.0;

/// How tasks are removed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long tasks are kept.
    pub rules: Rules,
    /// What becomes of them.
    pub action: Action,
    /// Tasks of one transaction at most.
    pub batch_tasks: usize,
    /// The time between two rounds.
    pub interval: Duration,
    /// The share of time that it works while the service is busy, and while it is idle.
    pub shares: (f64, f64),
    /// How long the event log is kept.
    pub keep_events: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            action: Action::Drop,
            batch_tasks: 500,
            interval: Duration::from_secs(600),
            shares: (0.1, 0.5),
            keep_events: Duration::from_secs(72 * 3_600),
        }
    }
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Tasks that were looked at.
    pub looked_at: i64,
    /// Tasks that are gone.
    pub removed: i64,
    /// Whether all tasks were looked at; else another server has taken over, or it was stopped.
    pub is_whole: bool,
}

/// Works until the engine stops.
pub(super) async fn run(shared: Shared) {
    let mut trim_due = Instant::now();
    let tick = TICK.min(shared.settings.retention.interval);
    while !shared.stop.is_cancelled() {
        let work = Work {
            store: &shared.store,
            server: shared.server_id,
            settings: &shared.settings.retention,
            stop: &shared.stop,
        };
        // Before the first measurement, and after a jump, nobody knows what is old.
        if let Some(now) = shared.clock.removal_time()
            && let Err(error) = work.tick(now, &mut trim_due).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "old tasks are not removed");
        }
        shared.stop.run_until_cancelled(tokio::time::sleep(tick)).await;
    }
    // Another server goes on at once.
    let give_up = rows::give_up(shared.store.pool(), shared.server_id);
    let _late = tokio::time::timeout(Duration::from_secs(1), give_up).await;
}

/// What the work is done with.
#[derive(Debug)]
pub struct Work<'a> {
    /// The database.
    pub store: &'a Store,
    /// Who does it.
    pub server: Uuid,
    /// How.
    pub settings: &'a Settings,
    /// Ends it early.
    pub stop: &'a CancellationToken,
}

impl Work<'_> {
    async fn tick(&self, now: Micros, trim_due: &mut Instant) -> Result<()> {
        if self.settings.rules.keep_all() && *trim_due > Instant::now() {
            return Ok(());
        }
        let Some((after, due)) = self.take().await? else { return Ok(()) };
        let done = self.work(after, due, now, trim_due).await;
        // Held only while there is something to do, so that a person can do it too.
        self.give_up().await?;
        done
    }

    async fn work(&self, after: Uuid, due: bool, now: Micros, trim_due: &mut Instant) -> Result<()> {
        if *trim_due <= Instant::now() {
            self.trim(now).await?;
            *trim_due = Instant::now() + TRIM_INTERVAL;
        }
        if due && !self.settings.rules.keep_all() {
            let round = self.round(after, now).await?;
            if round.removed > 0 {
                tracing::info!(removed = round.removed, action = ?self.settings.action, "old tasks removed");
            }
        }
        Ok(())
    }

    /// Takes the right to do it: where to go on, and whether a round is due. `None` while another server has it.
    pub async fn take(&self) -> Result<Option<(Uuid, bool)>> {
        Ok(rows::take(self.store.pool(), self.server, millis(LEASE)).await?)
    }

    /// Gives up the right to do it.
    pub async fn give_up(&self) -> Result<()> {
        Ok(rows::give_up(self.store.pool(), self.server).await?)
    }

    /// Removes what is old enough at this time, from a task on to the newest one.
    pub async fn round(&self, after: Uuid, now: Micros) -> Result<Round> {
        let (table, bound) = self.table(now).await?;
        let mut round = Round::default();
        if table.keeps_all() {
            return self.end(round).await;
        }
        let mut connection = self.store.dedicated().await?;
        ready::no_flush(&mut connection).await?;
        let mut pace = Pace::new(self.settings.shares);
        let mut after = after;
        let look = self.settings.batch_tasks.saturating_mul(LOOK_BATCHES);
        let look = i64::try_from(look).unwrap_or(i64::MAX);
        while !self.stop.is_cancelled() {
            let began = Instant::now();
            let slice = rows::slice(&mut connection, after, bound, look, &table).await?;
            round.looked_at += slice.looked_at;
            self.rest(&mut pace, began, &mut connection).await?;
            for old in slice.old.chunks(self.settings.batch_tasks) {
                let began = Instant::now();
                let removed = rows::remove(&mut connection, self.settings.action, old, &table).await?;
                round.removed += removed;
                let last = *old.last().expect("chunks are not empty");
                if !self.note(&mut connection, last, removed).await? {
                    return Ok(round);
                }
                self.rest(&mut pace, began, &mut connection).await?;
                if self.stop.is_cancelled() {
                    return Ok(round);
                }
            }
            let Some(last) = slice.last.filter(|_| slice.looked_at == look) else { return self.end(round).await };
            after = last;
            if !self.note(&mut connection, last, 0).await? {
                return Ok(round);
            }
        }
        Ok(round)
    }

    /// Counts what a round would remove.
    pub async fn rehearse(&self, now: Micros) -> Result<Vec<(Handler, State, i64)>> {
        let (table, bound) = self.table(now).await?;
        let handlers = rows::handlers(self.store.pool()).await?;
        let mut connection = self.store.pool().acquire().await.map_err(crate::store::Error::from)?;
        let named = |id: NamedTaskId| handlers.iter().find(|handler| handler.named_task_id == id).cloned();
        let counts = rows::count(&mut connection, bound, &table).await?;
        Ok(counts.into_iter().filter_map(|(id, state, count)| Some((named(id)?, state, count))).collect())
    }

    /// The ages of every handler version, and the first id that is too new for all of them.
    async fn table(&self, now: Micros) -> Result<(Table, Uuid)> {
        let mut table = Table::default();
        let mut newest = 0;
        for handler in rows::handlers(self.store.pool()).await? {
            let cutoffs = self.settings.rules.cutoffs(&handler.namespace, &handler.name, now);
            newest = [cutoffs.ended, cutoffs.failed].into_iter().flatten().fold(newest, Micros::max);
            table.push(handler.named_task_id, cutoffs);
        }
        // Whoever ended before a time was created before it; ids are made by the servers' clocks.
        const SKEW: Micros = 60_000_000;
        Ok((table, rows::first_id(newest.saturating_add(SKEW))))
    }

    async fn end(&self, round: Round) -> Result<Round> {
        rows::end_round(self.store.pool(), self.server, millis(self.settings.interval)).await?;
        Ok(Round { is_whole: true, ..round })
    }

    async fn note(&self, connection: &mut Connection, last: Uuid, removed: i64) -> Result<bool> {
        let archived = if self.settings.action == Action::Archive { removed } else { 0 };
        Ok(rows::note(connection, self.server, millis(LEASE), last, (removed, archived)).await?)
    }

    /// Cuts the old end off the event log.
    async fn trim(&self, now: Micros) -> Result<()> {
        let keep = Micros::try_from(self.settings.keep_events.as_micros()).unwrap_or(Micros::MAX);
        let older_than = crate::store::lifecycle::timestamp(now.saturating_sub(keep));
        while !self.stop.is_cancelled() && log::trim(self.store.pool(), older_than, TRIM_BATCH).await? == TRIM_BATCH {}
        Ok(())
    }

    async fn rest(&self, pace: &mut Pace, began: Instant, connection: &mut Connection) -> Result<()> {
        let rest = pace.rest(began.elapsed());
        self.stop.run_until_cancelled(tokio::time::sleep(rest)).await;
        pace.look(connection).await
    }
}

/// How long to rest, by how long the work took and by what others do.
struct Pace {
    shares: (f64, f64),
    is_idle: bool,
    /// When others were last looked at, what they had committed by then, and what was committed here since.
    looked: Option<(Instant, i64)>,
    own: i64,
}

impl Pace {
    const fn new(shares: (f64, f64)) -> Self {
        Self { shares, is_idle: false, looked: None, own: 0 }
    }

    fn rest(&mut self, worked: Duration) -> Duration {
        let share = if self.is_idle { self.shares.1 } else { self.shares.0 };
        // A removal and its note.
        self.own += 2;
        worked.mul_f64((1.0 / share - 1.0).max(0.0)).min(REST_MAX)
    }

    async fn look(&mut self, connection: &mut Connection) -> Result<()> {
        const INTERVAL: Duration = Duration::from_secs(1);
        if self.looked.is_some_and(|(at, _)| at.elapsed() < INTERVAL) {
            return Ok(());
        }
        let commits = rows::commits(connection).await?;
        if let Some((at, before)) = self.looked.replace((Instant::now(), commits)) {
            let others = (commits - before - self.own).max(0) as f64;
            self.is_idle = others / at.elapsed().as_secs_f64() < IDLE_COMMITS;
        }
        self.own = 1;
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_its_share_and_no_more() {
        let mut pace = Pace::new((0.1, 0.5));
        assert_eq!(pace.rest(Duration::from_millis(10)), Duration::from_millis(90));
        assert_eq!(pace.rest(Duration::from_secs(100)), REST_MAX);
        pace.is_idle = true;
        assert_eq!(pace.rest(Duration::from_millis(10)), Duration::from_millis(10));
        assert_eq!(Pace::new((1.0, 1.0)).rest(Duration::from_secs(1)), Duration::ZERO);
    }
}
