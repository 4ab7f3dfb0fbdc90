//! Finds what nobody else would: lost leases, attempts and tasks past their deadline, and unfinished tasks
//! with a ready step that is neither queued nor running.
//!
//! Every server runs one. Two that find the same thing are no harm: the writer refuses the second. Never:
//! decides anything; it tells the writer what it found.

use std::{collections::HashSet, time::Duration};

use uuid::Uuid;

use super::Shared;
use crate::{
    domain::{
        ids::StepId,
        run::{Micros, Run},
        state::State,
        template::QueueId,
    },
    error::Result,
    lifecycle::{AckTo, Clock, Request, lost},
    store::{ready, sessions},
};

/// Rows that one look takes at most.
const LOOK_MAX: i64 = 1_000;
/// Tasks that one reconciling look takes.
const SLICE: i64 = 500;
/// Closed sessions are kept this long for the audit trail's sake.
const KEEP_CLOSED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Looks at every interval until the engine stops.
pub(super) async fn run(shared: Shared) {
    let mut reconciler = Reconciler { after: Uuid::nil(), due: shared.clock.now() };
    loop {
        if let Err(error) = sweep(&shared, &mut reconciler).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "sweep failed");
        }
        let pause = tokio::time::sleep(shared.settings.sweep_interval);
        if shared.stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

async fn sweep(shared: &Shared, reconciler: &mut Reconciler) -> Result<()> {
    let before = Clock::local();
    let database = ready::clock(shared.store.pool()).await?;
    shared.clock.discipline(before, database, Clock::local());
    let now = shared.clock.now();
    end_lost_attempts(shared, now).await?;
    end_late_tasks(shared, now).await?;
    let keep = Micros::try_from(KEEP_CLOSED.as_micros()).expect("a week fits");
    sessions::tidy(shared.store.pool(), now, now - keep).await?;
    if now >= reconciler.due {
        reconciler.look(shared, now).await?;
    }
    Ok(())
}

async fn end_lost_attempts(shared: &Shared, now: Micros) -> Result<()> {
    for (step, attempt, overdue) in sessions::expired(shared.store.pool(), now, LOOK_MAX).await? {
        let outcome = if overdue {
            shared.workforce.stop(step, attempt, "timed_out");
            lost("StepTimeout", "the attempt ran longer than its timeout")
        } else {
            shared.workforce.stop(step, attempt, "lease_expired");
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
}

impl Reconciler {
    async fn look(&mut self, shared: &Shared, now: Micros) -> Result<()> {
        let interval = Micros::try_from(shared.settings.reconcile_interval.as_micros()).unwrap_or(Micros::MAX / 2);
        let slice = ready::unfinished(shared.store.pool(), self.after, now - interval, SLICE).await?;
        match slice.last() {
            // The end is reached: the next round begins after the interval.
            _ if i64::try_from(slice.len()).is_ok_and(|count| count < SLICE) => {
                self.after = Uuid::nil();
                self.due = now + interval;
            }
            Some(last) => self.after = last.task_id.uuid(),
            None => {}
        }
        let mut ready_steps: Vec<(QueueId, Micros, StepId)> = Vec::new();
        let mut running: Vec<(StepId, u16)> = Vec::new();
        for row in slice {
            let template = shared.templates.get(row.named_task_id).await?;
            let Ok(run) = Run::load(template, &row.stored) else {
                tracing::error!(task = %row.task_id, "stored run is corrupt");
                continue;
            };
            for no in 0..run.len() {
                let step = run.step(no);
                if step.is_startable() {
                    let at = step.next_retry_at.unwrap_or(now);
                    ready_steps.push((run.template().step(no).queue, at, row.task_id.step(no)));
                } else if step.state == State::InProgress {
                    running.push((row.task_id.step(no), step.attempts));
                }
            }
        }
        requeue(shared, ready_steps).await?;
        end_unleased(shared, running).await
    }
}

/// Queues steps that could start and are in no queue.
async fn requeue(shared: &Shared, steps: Vec<(QueueId, Micros, StepId)>) -> Result<()> {
    let ids: Vec<StepId> = steps.iter().map(|(.., step)| *step).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let listed: HashSet<StepId> = ready::listed(shared.store.pool(), &ids).await?.into_iter().collect();
    let forgotten: Vec<_> = steps.into_iter().filter(|(.., step)| !listed.contains(step)).collect();
    if forgotten.is_empty() {
        return Ok(());
    }
    tracing::info!(steps = forgotten.len(), "steps brought back to their queues");
    let mut connection = shared.store.pool().acquire().await.map_err(crate::store::Error::from)?;
    ready::put(&mut connection, &forgotten).await?;
    shared.workforce.expect_work(forgotten.iter().map(|(queue, ..)| *queue));
    Ok(())
}

/// Ends attempts that run without a lease: nobody would ever report them.
async fn end_unleased(shared: &Shared, running: Vec<(StepId, u16)>) -> Result<()> {
    if running.is_empty() {
        return Ok(());
    }
    let steps: Vec<StepId> = running.iter().map(|(step, _)| *step).collect();
    let leased = sessions::holders(shared.store.pool(), &steps).await?;
    let leased: HashSet<StepId> = leased.into_iter().map(|(step, ..)| step).collect();
    for (step, attempt) in running.into_iter().filter(|(step, _)| !leased.contains(step)) {
        tracing::warn!(%step, attempt, "a running step had no lease");
        let outcome = lost("LeaseExpired", "the attempt ran without a lease");
        shared.writer.settle(step, attempt, outcome, AckTo::Nobody).await?;
    }
    Ok(())
}
