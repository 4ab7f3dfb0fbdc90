//! Finds what nobody else would: lost leases, attempts and tasks past their deadline, and unfinished tasks
//! with a ready step that is neither queued nor running.
//!
//! Every server runs one. Two that find the same thing are no harm: the writer refuses the second. Never:
//! decides anything; it tells the writer what it found.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use uuid::Uuid;

use super::{Sessions, Shared, catalog};
use crate::{
    domain::{
        ids::StepId,
        run::{Micros, Run},
        state::State,
        template::QueueId,
    },
    error::{Reason, Result},
    lifecycle::{AckTo, Clock, Request, StopReason, lost, not_received},
    store::{
        Connection,
        lifecycle::{self, Loaded},
        ready, sessions, tallies,
    },
};

/// Rows that one look takes at most.
const LOOK_MAX: i64 = 1_000;
/// Tasks that one reconciling look takes.
const SLICE: i64 = 500;
/// Looks of a round after which the queues are looked into: they are read as a whole, however few steps are looked for.
const LOOKS_MAX: u32 = 10;
/// The same in steps that are looked for.
const WAITING_MAX: usize = 5_000;
/// Changes of counts that one look folds: what a busy server leaves in ten seconds.
const FOLD_MAX: i64 = 20_000;
/// Closed sessions are kept this long for the audit trail's sake.
const KEEP_CLOSED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Looks at every interval until the engine stops.
pub(super) async fn run(shared: Shared, sessions: Sessions) {
    let now = shared.clock.now();
    let mut reconciler =
        Reconciler { after: Uuid::nil(), due: now, waiting: Vec::new(), looks: 0, unknown: HashSet::new() };
    let mut patience = Patience { until: now, looked_at: None, store_was_unavailable: false };
    let mut losses = Losses { due: now };
    let outcome = |outcome| shared.metrics.sweeps.with([outcome]);
    let (done, failed, took) = (outcome("done"), outcome("failed"), shared.metrics.sweep_duration.with([]));
    loop {
        shared.sweeper.busy();
        let timer = took.timer();
        let swept = sweep(&shared, &sessions, &mut reconciler, &mut patience, &mut losses).await;
        drop(timer);
        shared.sweeper.idle();
        if swept.is_ok() { &done } else { &failed }.add(1);
        if let Err(error) = swept {
            tracing::warn!(error = &error as &dyn std::error::Error, "sweep failed");
            patience.store_was_unavailable |= error.reason() == Reason::DatabaseUnavailable;
        }
        let pause = tokio::time::sleep(shared.settings.sweep_interval);
        if shared.stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

/// Whether sessions that look expired may be alive, because nobody could write that they are.
///
/// After a start, after the store was unavailable, and when nobody has looked for longer than a lease, workers have the
/// time of one lease to show that they live.
#[derive(Debug)]
struct Patience {
    until: Micros,
    looked_at: Option<Micros>,
    store_was_unavailable: bool,
}

impl Patience {
    /// Sessions that expired before this time are over.
    fn expired_before(&mut self, lease_ttl: Micros, now: Micros) -> Micros {
        let was_patient = self.looked_at.is_some_and(|at| at < self.until);
        // Looks that are always late must not be patient for ever.
        let is_late = self.looked_at.is_none_or(|at| now - at > lease_ttl) && !was_patient;
        if is_late || std::mem::take(&mut self.store_was_unavailable) {
            self.until = now.saturating_add(lease_ttl);
        }
        self.looked_at = Some(now);
        if now < self.until { 0 } else { now }
    }
}

async fn sweep(
    shared: &Shared,
    connected: &Sessions,
    reconciler: &mut Reconciler,
    patience: &mut Patience,
    losses: &mut Losses,
) -> Result<()> {
    let before = Clock::local();
    let database = ready::clock(shared.store.pool()).await?;
    if let Some(jump) = shared.clock.discipline(before, database, Clock::local()) {
        shared.metrics.clock_jumps.with([]).add(1);
        tracing::error!(
            seconds = seconds(jump),
            "the database's clock has jumped: nothing old is removed until it is back"
        );
    }
    let machine_offset = shared.clock.now().saturating_sub(Clock::machine());
    shared.metrics.clock_offset.with([]).set(seconds(machine_offset));
    catalog::look(shared, connected).await?;
    let now = shared.clock.now();
    let expired_before = patience.expired_before(micros(shared.settings.lease_ttl), now);
    end_lost_attempts(shared, losses.look(shared, now, expired_before).await?).await?;
    end_late_tasks(shared, now).await?;
    sessions::close_expired(shared.store.pool(), now).await?;
    if let Some(now) = shared.clock.removal_time() {
        sessions::forget_closed(shared.store.pool(), now.saturating_sub(micros(KEEP_CLOSED))).await?;
    }
    tallies::fold(shared.store.pool(), FOLD_MAX).await?;
    if now >= reconciler.due {
        reconciler.look(shared, now).await?;
    }
    Ok(())
}

/// Attempts with whether they are past their own deadline.
type Lost = Vec<(StepId, u16, bool)>;

/// Finds attempts that nobody will report any more.
#[derive(Debug)]
struct Losses {
    /// When all leases are looked at again, whatever is known of sessions.
    due: Micros,
}

impl Losses {
    /// Looks at all leases while some session is over, or has closed within a reconciling interval: a claim may still
    /// have been on its way to it. Otherwise only deadlines end attempts, and they are found by themselves.
    async fn look(&mut self, shared: &Shared, now: Micros, expired_before: Micros) -> Result<Lost> {
        let (pool, interval) = (shared.store.pool(), micros(shared.settings.reconcile_interval));
        if now < self.due && !sessions::any_over(pool, expired_before, now - interval).await? {
            return Ok(sessions::overdue(pool, now, LOOK_MAX).await?);
        }
        let lost = sessions::expired(pool, now, expired_before, LOOK_MAX).await?;
        let is_all = i64::try_from(lost.len()).is_ok_and(|count| count < LOOK_MAX);
        self.due = if is_all { now + interval } else { now };
        Ok(lost)
    }
}

async fn end_lost_attempts(shared: &Shared, expired: Lost) -> Result<()> {
    if !expired.is_empty() {
        let leases: Vec<(StepId, u16)> = expired.iter().map(|(step, attempt, _)| (*step, *attempt)).collect();
        let removed = sessions::remove_orphans(shared.store.pool(), &leases).await?;
        if removed > 0 {
            tracing::error!(removed, "leases of steps that do not run");
        }
    }
    for (step, attempt, overdue) in expired {
        let outcome = if overdue {
            shared.workforce.stop(step, attempt, StopReason::TimedOut);
            lost("StepTimeout", "the attempt ran longer than its timeout")
        } else {
            shared.workforce.stop(step, attempt, StopReason::LeaseLost);
            lost("LeaseExpired", "the worker was not heard of for longer than its lease")
        };
        tracing::info!(%step, attempt, overdue, "attempt lost");
        shared.writer.settle(step, attempt, outcome, AckTo::Nobody).await?;
    }
    Ok(())
}

async fn end_late_tasks(shared: &Shared, now: Micros) -> Result<()> {
    for task in ready::past_deadline(shared.store.pool(), now, LOOK_MAX).await? {
        tracing::info!(%task, "deadline exceeded");
        if let Err(error) = shared.writer.apply(task, Request::ExceedDeadline).await {
            tracing::debug!(%task, %error, "deadline not applied");
        }
    }
    Ok(())
}

/// Walks the unfinished tasks, a slice at a time.
struct Reconciler {
    after: Uuid,
    due: Micros,
    /// Steps that could start when they were seen, and that have yet to be looked for in their queues.
    waiting: Vec<StepId>,
    /// Looks since the queues were looked into.
    looks: u32,
    /// Attempts that no session of this server had been told of at the last look.
    unknown: HashSet<(StepId, u16)>,
}

impl Reconciler {
    async fn look(&mut self, shared: &Shared, now: Micros) -> Result<()> {
        let interval = micros(shared.settings.reconcile_interval);
        // Steps, queue and leases of one moment: what is taken between two looks is not mistaken for forgotten.
        let mut moment = shared.store.moment().await?;
        let slice = ready::unfinished(&mut *moment, self.after, now - interval, SLICE).await?;
        let at_the_end = i64::try_from(slice.len()).is_ok_and(|count| count < SLICE);
        self.after = slice.last().filter(|_| !at_the_end).map_or(Uuid::nil(), |last| last.task_id.uuid());
        let (waiting, running) = sort_out(shared, slice, now).await?;
        self.waiting.extend(waiting.into_iter().map(|(.., step)| step));
        self.looks += 1;
        let forgotten = match at_the_end || self.looks >= LOOKS_MAX || self.waiting.len() >= WAITING_MAX {
            true => {
                self.looks = 0;
                not_listed(shared, &mut moment, std::mem::take(&mut self.waiting), now).await?
            }
            false => Vec::new(),
        };
        let unleased = not_leased(&mut moment, running).await?;
        let leased = match at_the_end {
            true => {
                sessions::leased_by(&mut *moment, shared.server_id, now - micros(shared.settings.lease_ttl)).await?
            }
            false => Vec::new(),
        };
        drop(moment);
        requeue(shared, forgotten).await?;
        for (step, attempt) in unleased {
            tracing::warn!(%step, attempt, "a running step had no lease");
            let outcome = lost("LeaseExpired", "the attempt ran without a lease");
            shared.writer.settle(step, attempt, outcome, AckTo::Nobody).await?;
        }
        if at_the_end {
            // The next round begins after the interval.
            self.due = now + interval;
            self.end_undelivered(shared, leased).await?;
        }
        Ok(())
    }

    /// Ends attempts that sessions of this server have had for longer than a lease and were never told of, when
    /// that is found twice: their claim was durable although the store went away before it could say so.
    async fn end_undelivered(&mut self, shared: &Shared, leased: Vec<(StepId, u16, Uuid)>) -> Result<()> {
        let unknown: HashSet<(StepId, u16)> = shared.workforce.unknown(leased).into_iter().collect();
        for (step, attempt) in unknown.intersection(&self.unknown) {
            tracing::info!(%step, attempt, "the worker was never told of the attempt");
            shared.writer.settle(*step, *attempt, not_received(), AckTo::Nobody).await?;
        }
        self.unknown = unknown;
        Ok(())
    }
}

type Waiting = Vec<(QueueId, Micros, StepId)>;
type Running = Vec<(StepId, u16)>;

/// The steps of these tasks that could start, and the attempts that run.
async fn sort_out(shared: &Shared, slice: Vec<Loaded>, now: Micros) -> Result<(Waiting, Running)> {
    let (mut waiting, mut running) = (Vec::new(), Vec::new());
    let paused = shared.pauses.heard();
    for row in slice {
        let template = shared.templates.get(row.named_task_id).await?;
        let Ok(run) = Run::load(template, &row.stored) else {
            tracing::error!(task = %row.task_id, "stored run is corrupt");
            continue;
        };
        for no in 0..run.len() {
            let step = run.step(no);
            if step.is_startable() {
                // It is parked, or will be when it is looked at.
                if paused.as_ref().is_none_or(|paused| paused.covers(run.template())) {
                    continue;
                }
                let at = step.next_retry_at.unwrap_or(now);
                waiting.push((run.template().step(no).queue, at, row.task_id.step(no)));
            } else if step.state == State::InProgress {
                running.push((row.task_id.step(no), step.token()));
            }
        }
    }
    Ok((waiting, running))
}

/// Those of these steps that are in no queue although they still could start.
async fn not_listed(shared: &Shared, moment: &mut Connection, steps: Vec<StepId>, now: Micros) -> Result<Waiting> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let listed: HashSet<StepId> = ready::listed(&mut *moment, &steps).await?.into_iter().collect();
    let missing: HashSet<StepId> = steps.into_iter().filter(|step| !listed.contains(step)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    // Most of them have begun since they were seen.
    let tasks: BTreeSet<Uuid> = missing.iter().map(|step| step.task.uuid()).collect();
    let tasks = lifecycle::load(moment, &Vec::from_iter(tasks)).await?;
    let (mut waiting, _) = sort_out(shared, tasks, now).await?;
    waiting.retain(|(.., step)| missing.contains(step));
    Ok(waiting)
}

/// Those of these attempts that have no lease: nobody would ever report them.
async fn not_leased(moment: &mut Connection, mut running: Running) -> Result<Running> {
    let steps: Vec<StepId> = running.iter().map(|(step, _)| *step).collect();
    if !steps.is_empty() {
        let leased: HashSet<StepId> = sessions::leased(moment, &steps).await?.into_iter().collect();
        running.retain(|(step, _)| !leased.contains(step));
    }
    Ok(running)
}

/// Queues steps that could start and are in no queue.
async fn requeue(shared: &Shared, forgotten: Waiting) -> Result<()> {
    if forgotten.is_empty() {
        return Ok(());
    }
    tracing::info!(steps = forgotten.len(), "steps brought back to their queues");
    let mut transaction = shared.store.begin().await?;
    ready::put(&mut transaction, &forgotten).await?;
    crate::store::commit(transaction).await?;
    shared.workforce.expect_work(forgotten.iter().map(|(queue, ..)| *queue));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "an offset is small")]
fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at these times, `!` after one for a store that was unavailable before it; whether each was patient.
    fn check(looks: &str, expected: &str) {
        let mut patience = Patience { until: 0, looked_at: None, store_was_unavailable: false };
        let found = looks.split_whitespace().map(|look| {
            patience.store_was_unavailable |= look.ends_with('!');
            let now = look.trim_end_matches('!').parse().unwrap();
            if patience.expired_before(10, now) == 0 { "patient" } else { "strict" }
        });
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{looks}");
    }

    #[test]
    fn workers_have_one_lease_to_show_that_they_live() {
        check("100 101 109 110 111", "patient patient patient strict strict");
        check("100 110 111! 120 121", "patient strict patient patient strict");
        check("100 110 115! 120! 129 130", "patient strict patient patient patient strict");
        check("100 110 125 134 135", "patient strict patient patient strict");
        check("100 115 130 145 160", "patient strict patient strict patient");
    }
}
