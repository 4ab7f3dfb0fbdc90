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
        explain::{
            Blocker, Cause, Explanation, Failure, Lease, Presence, SessionOccupancy, TerminalCause, Verdict, summary,
        },
        ids::StepNo,
        state::State,
    },
    error::Result,
    proto::tasker::v1::{self as proto, blocker as pb_blocker, explain_service_server::ExplainService},
    service::{
        explain::{Explain as UseCases, STEPS_DEFAULT, STEPS_MAX, StepExplanation, TaskExplanation},
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
        let explained = self.explain.task(&scope, id.expect("it was checked"), most).await?;
        Ok(self.limits.fit(proto::ExplainTaskResponse { task: Some(task(&explained)) })?)
    }

    async fn explain_step(&self, request: Request<proto::ExplainStepRequest>) -> Answer<proto::ExplainStepResponse> {
        let scope = scope(&request)?;
        let mut fields = Fields::default();
        let id = fields.step_id("step_id", &request.into_inner().step_id);
        fields.finish()?;
        let StepExplanation { snapshot, step: explained, roots } =
            self.explain.step(&scope, id.expect("it was checked")).await?;
        Ok(self.limits.fit(proto::ExplainStepResponse {
            step: Some(step(&snapshot, &explained)),
            roots: roots.iter().map(|root| step(&snapshot, root)).collect(),
            task_id: snapshot.row.task_id.to_string(),
        })?)
    }
}

fn task(explained: &TaskExplanation) -> proto::TaskExplanation {
    let Snapshot { row, run, .. } = &explained.snapshot;
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let of_all = Explanation { no: 0, verdict: explained.verdict, blockers: Vec::new() };
    proto::TaskExplanation {
        task_id: row.task_id.to_string(),
        handler: run.template().full_name(),
        state: state(run.state()).into(),
        state_reason: run.reason().unwrap_or_default().to_owned(),
        verdict: verdict(explained.verdict).into(),
        until_time: until(explained.verdict),
        deadline_time: row.deadline_at.map(time),
        blockers: explained.blockers.iter().map(|one| blocker(&explained.snapshot, &of_all, one)).collect(),
        counts: Some(proto::VerdictCounts {
            movable: count(explained.tally.movable),
            running: count(explained.tally.running),
            waiting: count(explained.tally.waiting),
            never: count(explained.tally.never),
            settled: count(explained.tally.settled),
        }),
        steps: explained.steps.iter().map(|one| step(&explained.snapshot, one)).collect(),
        steps_left_out: number(explained.left_out),
    }
}

fn step(snapshot: &Snapshot, explained: &Explanation) -> proto::StepExplanation {
    let Snapshot { row, run, .. } = snapshot;
    let (condition, spec) = (run.step(explained.no), run.template().step(explained.no));
    proto::StepExplanation {
        step_id: row.task_id.step(explained.no).to_string(),
        name: spec.name.to_string(),
        handler_class: spec.handler_class.to_string(),
        state: state(condition.state).into(),
        attempts: i32::from(condition.attempts),
        retry_limit: i32::from(condition.retry_limit),
        verdict: verdict(explained.verdict).into(),
        until_time: until(explained.verdict),
        blockers: explained.blockers.iter().map(|one| blocker(snapshot, explained, one)).collect(),
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

fn cause(snapshot: &Snapshot, no: StepNo, cause: &Cause) -> pb_blocker::Cause {
    let template = snapshot.run.template();
    match cause {
        Cause::TaskSettled { state: of, reason } => {
            pb_blocker::Cause::TaskSettled(pb_blocker::TaskSettled { state: state(*of).into(), reason: reason.clone() })
        }
        Cause::Parents { unsettled, count } => pb_blocker::Cause::Parents(pb_blocker::Parents {
            unsettled: unsettled.iter().map(|(no, of)| reference(snapshot, *no, *of)).collect(),
            count: number(*count),
        }),
        Cause::Ancestor { ancestor, terminal_cause: of, failure: how } => {
            pb_blocker::Cause::Ancestor(pb_blocker::Ancestor {
                step: Some(reference(snapshot, *ancestor, snapshot.run.step(*ancestor).state)),
                fate: terminal_cause(*of).into(),
                failure: how.as_ref().map(failure),
            })
        }
        Cause::Backoff { until, failure: how } => pb_blocker::Cause::Backoff(pb_blocker::Backoff {
            until_time: Some(micros(*until)),
            failure: how.as_ref().map(failure),
        }),
        Cause::Exhausted { attempts, limit, failure: how } => pb_blocker::Cause::Exhausted(pb_blocker::Exhausted {
            attempts: i32::from(*attempts),
            retry_limit: i32::from(*limit),
            failure: how.as_ref().map(failure),
        }),
        Cause::Permanent { retryable, failure: how } => pb_blocker::Cause::Permanent(pb_blocker::Permanent {
            retryable: *retryable,
            failure: how.as_ref().map(failure),
        }),
        Cause::Leased { attempt, lease, overdue } => {
            pb_blocker::Cause::Leased(leased(*attempt, lease.as_ref(), *overdue))
        }
        Cause::Paused(paused) => pb_blocker::Cause::Paused(pause(paused)),
        Cause::NoWorker { disconnected } => pb_blocker::Cause::NoWorker(pb_blocker::NoWorker {
            namespace: template.namespace.to_string(),
            step_handler: template.step(no).handler_class.to_string(),
            away: disconnected.iter().map(session).collect(),
        }),
        Cause::NoFreeSlot { holders, count } => pb_blocker::Cause::NoFreeSlot(pb_blocker::NoFreeSlot {
            holders: holders.iter().map(session).collect(),
            count: number(*count),
        }),
        Cause::Draining { sessions } => {
            pb_blocker::Cause::Draining(pb_blocker::Draining { workers: sessions.iter().map(session).collect() })
        }
        Cause::Dispatch { free } => pb_blocker::Cause::Dispatch(pb_blocker::Dispatch { free_slots: number(*free) }),
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

fn leased(attempt: u16, lease: Option<&Lease>, overdue: bool) -> pb_blocker::Leased {
    let lease_token = i64::from(attempt);
    match lease {
        Some(lease) => pb_blocker::Leased {
            lease_token,
            worker_id: lease.worker_id.clone(),
            session_id: lease.session_id.to_string(),
            expire_time: lease.expires_at.map(micros),
            deadline_time: lease.deadline_at.map(micros),
            overdue,
            percent: lease.percent,
            note: lease.note.clone(),
        },
        None => pb_blocker::Leased { lease_token, overdue, ..pb_blocker::Leased::default() },
    }
}

fn session(session: &SessionOccupancy) -> proto::WorkerSeat {
    proto::WorkerSeat {
        worker_id: session.worker_id.clone(),
        session_id: session.session_id.to_string(),
        server_id: session.server_id.to_string(),
        slots: number(session.slots),
        held: number(session.held),
        open: session.presence == Presence::Open,
        connect_time: Some(micros(session.since)),
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

const fn terminal_cause(cause: TerminalCause) -> proto::Fate {
    match cause {
        TerminalCause::Cancelled => proto::Fate::Cancelled,
        TerminalCause::Exhausted => proto::Fate::Exhausted,
        TerminalCause::Permanent => proto::Fate::Permanent,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
