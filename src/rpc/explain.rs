//! ExplainService.

mod remedy;

use tonic::{Request, Response, Status};

use super::{
    fields::Fields,
    limits::Limits,
    render::{micros, pause, state, time},
    scope,
};
use crate::{
    domain::{
        explain::{Blocker, Cause, Explanation, Failure, Fate, Lease, Presence, Seat, Verdict, summary},
        ids::StepNo,
        state::State,
    },
    error::Result,
    proto::tasker::v1::{self as proto, blocker as said, explain_service_server::ExplainService},
    service::{
        explain::{Explain as UseCases, STEPS_DEFAULT, STEPS_MAX, StepTold, TaskTold},
        snapshot::Snapshot,
    },
};

/// The service.
#[derive(Debug, Clone)]
pub struct Explain {
    explain: UseCases,
    limits: Limits,
}

impl Explain {
    /// The service over the use cases.
    pub const fn new(explain: UseCases, limits: Limits) -> Self {
        Self { explain, limits }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ExplainService for Explain {
    async fn explain_task(&self, request: Request<proto::ExplainTaskRequest>) -> Answer<proto::ExplainTaskResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.task_id("task_id", &request.task_id);
        let most = usize::try_from(request.max_steps).ok();
        if most.is_none_or(|most| most > STEPS_MAX) {
            fields.refuse("max_steps", format!("must be between 0 and {STEPS_MAX}"));
        }
        fields.finish()?;
        let most = most.filter(|most| *most > 0).unwrap_or(STEPS_DEFAULT);
        let told = self.explain.task(&scope, id.expect("it was checked"), most).await?;
        Ok(self.limits.fit(proto::ExplainTaskResponse { task: Some(task(&told)) })?)
    }

    async fn explain_step(&self, request: Request<proto::ExplainStepRequest>) -> Answer<proto::ExplainStepResponse> {
        let scope = scope(&request)?;
        let mut fields = Fields::default();
        let id = fields.step_id("step_id", &request.into_inner().step_id);
        fields.finish()?;
        let StepTold { snapshot, step: told, roots } = self.explain.step(&scope, id.expect("it was checked")).await?;
        Ok(self.limits.fit(proto::ExplainStepResponse {
            step: Some(step(&snapshot, &told)),
            roots: roots.iter().map(|root| step(&snapshot, root)).collect(),
            task_id: snapshot.row.task_id.to_string(),
        })?)
    }
}

fn task(told: &TaskTold) -> proto::TaskExplanation {
    let Snapshot { row, run, .. } = &told.snapshot;
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let of_all = Explanation { no: 0, verdict: told.verdict, blockers: Vec::new() };
    proto::TaskExplanation {
        task_id: row.task_id.to_string(),
        handler: run.template().full_name(),
        state: state(run.state()).into(),
        state_reason: run.reason().unwrap_or_default().to_owned(),
        verdict: verdict(told.verdict).into(),
        until_time: until(told.verdict),
        deadline_time: row.deadline_at.map(time),
        blockers: told.blockers.iter().map(|one| blocker(&told.snapshot, &of_all, one)).collect(),
        counts: Some(proto::VerdictCounts {
            movable: count(told.tally.movable),
            running: count(told.tally.running),
            waiting: count(told.tally.waiting),
            never: count(told.tally.never),
            settled: count(told.tally.settled),
        }),
        steps: told.steps.iter().map(|one| step(&told.snapshot, one)).collect(),
        steps_left_out: number(told.left_out),
    }
}

fn step(snapshot: &Snapshot, told: &Explanation) -> proto::StepExplanation {
    let Snapshot { row, run, .. } = snapshot;
    let (condition, spec) = (run.step(told.no), run.template().step(told.no));
    proto::StepExplanation {
        step_id: row.task_id.step(told.no).to_string(),
        name: spec.name.to_string(),
        handler_class: spec.handler_class.to_string(),
        state: state(condition.state).into(),
        attempts: i32::from(condition.attempts),
        retry_limit: i32::from(condition.retry_limit),
        verdict: verdict(told.verdict).into(),
        until_time: until(told.verdict),
        blockers: told.blockers.iter().map(|one| blocker(snapshot, told, one)).collect(),
    }
}

fn blocker(snapshot: &Snapshot, of: &Explanation, blocker: &Blocker) -> proto::Blocker {
    let remedies = blocker.cause.remedies(&snapshot.run, of);
    proto::Blocker {
        cause: Some(cause(snapshot, of.no, &blocker.cause)),
        since_time: blocker.since.map(micros),
        summary: summary(&snapshot.run, of.no, &blocker.cause, snapshot.now),
        remedies: remedies.iter().map(|remedy| remedy::show(snapshot, remedy)).collect(),
    }
}

fn cause(snapshot: &Snapshot, no: StepNo, cause: &Cause) -> said::Cause {
    let template = snapshot.run.template();
    match cause {
        Cause::TaskSettled { state: of, reason } => {
            said::Cause::TaskSettled(said::TaskSettled { state: state(*of).into(), reason: reason.clone() })
        }
        Cause::Parents { unsettled, count } => said::Cause::Parents(said::Parents {
            unsettled: unsettled.iter().map(|(no, of)| reference(snapshot, *no, *of)).collect(),
            count: number(*count),
        }),
        Cause::Ancestor { ancestor, fate: of, failure: how } => said::Cause::Ancestor(said::Ancestor {
            step: Some(reference(snapshot, *ancestor, snapshot.run.step(*ancestor).state)),
            fate: fate(*of).into(),
            failure: how.as_ref().map(failure),
        }),
        Cause::Backoff { until, failure: how } => {
            said::Cause::Backoff(said::Backoff { until_time: Some(micros(*until)), failure: how.as_ref().map(failure) })
        }
        Cause::Exhausted { attempts, limit, failure: how } => said::Cause::Exhausted(said::Exhausted {
            attempts: i32::from(*attempts),
            retry_limit: i32::from(*limit),
            failure: how.as_ref().map(failure),
        }),
        Cause::Permanent { retryable, failure: how } => {
            said::Cause::Permanent(said::Permanent { retryable: *retryable, failure: how.as_ref().map(failure) })
        }
        Cause::Leased { attempt, lease, overdue } => said::Cause::Leased(leased(*attempt, lease.as_ref(), *overdue)),
        Cause::Paused(paused) => said::Cause::Paused(pause(paused)),
        Cause::NoWorker { away } => said::Cause::NoWorker(said::NoWorker {
            namespace: template.namespace.to_string(),
            step_handler: template.step(no).handler_class.to_string(),
            away: away.iter().map(seat).collect(),
        }),
        Cause::NoFreeSlot { holders, count } => said::Cause::NoFreeSlot(said::NoFreeSlot {
            holders: holders.iter().map(seat).collect(),
            count: number(*count),
        }),
        Cause::Draining { seats } => {
            said::Cause::Draining(said::Draining { workers: seats.iter().map(seat).collect() })
        }
        Cause::Dispatch { free } => said::Cause::Dispatch(said::Dispatch { free_slots: number(*free) }),
    }
}

fn reference(snapshot: &Snapshot, no: StepNo, of: State) -> proto::StepRef {
    proto::StepRef {
        step_id: snapshot.row.task_id.step(no).to_string(),
        name: snapshot.run.template().step(no).name.to_string(),
        state: state(of).into(),
    }
}

fn failure(failure: &Failure) -> proto::FailedAttempt {
    proto::FailedAttempt {
        attempt: i32::from(failure.attempt),
        error_class: failure.error_class.clone(),
        message: failure.message.clone(),
        time: Some(micros(failure.at)),
    }
}

fn leased(attempt: u16, lease: Option<&Lease>, overdue: bool) -> said::Leased {
    let lease_token = i64::from(attempt);
    match lease {
        Some(lease) => said::Leased {
            lease_token,
            worker_id: lease.worker_id.clone(),
            session_id: lease.session_id.to_string(),
            expire_time: lease.expires_at.map(micros),
            deadline_time: lease.deadline_at.map(micros),
            overdue,
            percent: lease.percent,
            note: lease.note.clone(),
        },
        None => said::Leased { lease_token, overdue, ..said::Leased::default() },
    }
}

fn seat(seat: &Seat) -> proto::WorkerSeat {
    proto::WorkerSeat {
        worker_id: seat.worker_id.clone(),
        session_id: seat.session_id.to_string(),
        server_id: seat.server_id.to_string(),
        slots: number(seat.slots),
        held: number(seat.held),
        open: seat.presence == Presence::Open,
        connect_time: Some(micros(seat.since)),
    }
}

const fn verdict(verdict: Verdict) -> proto::Verdict {
    match verdict {
        Verdict::Movable => proto::Verdict::Movable,
        Verdict::Running => proto::Verdict::Running,
        Verdict::Waiting { .. } => proto::Verdict::Waiting,
        Verdict::Never => proto::Verdict::Never,
        Verdict::Settled => proto::Verdict::Settled,
    }
}

fn until(verdict: Verdict) -> Option<prost_types::Timestamp> {
    match verdict {
        Verdict::Waiting { until } => until.map(micros),
        _ => None,
    }
}

const fn fate(fate: Fate) -> proto::Fate {
    match fate {
        Fate::Cancelled => proto::Fate::Cancelled,
        Fate::Exhausted => proto::Fate::Exhausted,
        Fate::Permanent => proto::Fate::Permanent,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
