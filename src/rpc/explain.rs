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
            Blocker, Cause, Explanation, Failure, Group, Lease, Presence, SessionOccupancy, TerminalCause, Verdict,
            summary,
        },
        ids::StepNo,
        state::State,
        template::Template,
    },
    error::Result,
    proto::tasker::v1::{self as proto, blocker as pb_blocker, explain_service_server::ExplainService},
    service::{
        explain::{BlockerGroup, Explain as UseCases, StepExplanation, TaskExplanation},
        page::Binding,
        snapshot::Snapshot,
    },
    store::pages::Cursor,
};

/// The longest name of a namespace or handler, in characters.
const NAME_MAX: usize = 64;

/// Groups of a page when the caller does not say.
const GROUPS_DEFAULT: i64 = 50;

/// Tasks that are looked at for a page when the caller does not say.
const TASKS_DEFAULT: i64 = 500;

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
        let proto::ExplainTaskRequest { task_id, page_size, page_token } = request.into_inner();
        let mut fields = Fields::default();
        let id = fields.task_id("task_id", &task_id);
        let size = fields.page_size(page_size, GROUPS_DEFAULT);
        fields.finish()?;
        let binding = Binding::to(&("ExplainTask", &task_id));
        let after: Option<StepNo> = binding.open(&page_token)?;
        let most = usize::try_from(size).expect("a page has a positive size");
        let explained = self.explain.task(&scope, id.expect("it was checked"), after, most).await?;
        let whole = proto::ExplainTaskResponse {
            task: Some(task(&explained)),
            generate_time: Some(micros(explained.snapshot.now)),
            ..proto::ExplainTaskResponse::default()
        };
        let rendered = explained.groups.iter().map(|(group, root)| self::group(&explained.snapshot, group, root));
        let groups = self.limits.fitting(&whole, rendered);
        let more = explained.more || groups.len() < explained.groups.len();
        let last = groups.len().checked_sub(1).map(|last| explained.groups[last].0.root);
        let next_page_token = last.filter(|_| more).map(|last| binding.seal(&last)).unwrap_or_default();
        Ok(self.limits.fit(proto::ExplainTaskResponse { groups, next_page_token, ..whole })?)
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
            generate_time: Some(micros(snapshot.now)),
        })?)
    }

    async fn list_blockers(&self, request: Request<proto::ListBlockersRequest>) -> Answer<proto::ListBlockersResponse> {
        let scope = scope(&request)?;
        let proto::ListBlockersRequest { namespace, handler, page_size, page_token } = request.into_inner();
        let binding = Binding::to(&("ListBlockers", &namespace, &handler));
        let mut fields = Fields::default();
        let namespace = fields.optional("namespace", namespace, NAME_MAX);
        let handler = fields.optional("handler", handler, NAME_MAX);
        let size = fields.page_size(page_size, TASKS_DEFAULT);
        fields.finish()?;
        let after: Option<Cursor> = binding.open(&page_token)?;
        let page = self.explain.blockers(&scope, namespace, handler, after, size).await?;
        Ok(self.limits.fit(proto::ListBlockersResponse {
            groups: page.groups.iter().map(blocker_group).collect(),
            examined_tasks: number(page.examined),
            moving_tasks: number(page.moving),
            next_page_token: page.next.map(|next| binding.seal(&next)).unwrap_or_default(),
            generate_time: Some(micros(page.now)),
        })?)
    }
}

fn task(explained: &TaskExplanation) -> proto::TaskExplanation {
    let Snapshot { row, run, .. } = &explained.snapshot;
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let of_all = Explanation { no: 0, verdict: explained.verdict, blockers: Vec::new() };
    proto::TaskExplanation {
        task_id: row.task_id.to_string(),
        handler: Some(handler(run.template())),
        state: state(run.state()).into(),
        state_reason: run.reason().unwrap_or_default().to_owned(),
        verdict: verdict(explained.verdict).into(),
        ready_time: ready_at(explained.verdict),
        deadline_time: row.deadline_at.map(time),
        blockers: explained.blockers.iter().map(|one| blocker(&explained.snapshot, &of_all, one)).collect(),
        counts: Some(proto::VerdictCounts {
            movable: count(explained.tally.movable),
            running: count(explained.tally.running),
            waiting: count(explained.tally.waiting),
            stuck: count(explained.tally.stuck),
            settled: count(explained.tally.settled),
        }),
    }
}

fn handler(template: &Template) -> proto::HandlerRef {
    proto::HandlerRef {
        namespace: template.namespace.to_string(),
        name: template.name.to_string(),
        version: template.version.to_string(),
    }
}

fn group(snapshot: &Snapshot, group: &Group, root: &Explanation) -> proto::StepGroup {
    let waiting = group.waiting.iter().map(|no| reference(snapshot, *no, snapshot.run.step(*no).state));
    proto::StepGroup {
        root: Some(step(snapshot, root)),
        waiting: waiting.collect(),
        waiting_count: number(group.waiting_count),
    }
}

fn blocker_group(group: &BlockerGroup) -> proto::BlockerGroup {
    let template = group.snapshot.run.template();
    let kept = (!group.whole_task).then(|| template.step(group.of.no));
    proto::BlockerGroup {
        handler: Some(proto::HandlerRef { version: String::new(), ..handler(template) }),
        step_name: kept.map(|step| step.name.to_string()).unwrap_or_default(),
        step_handler: kept.map(|step| step.handler_class.to_string()).unwrap_or_default(),
        verdict: verdict(group.of.verdict).into(),
        blocker: Some(blocker(&group.snapshot, &group.of, &group.blocker)),
        task_count: number(group.tasks),
        step_count: number(group.steps),
        sample_task_ids: group.samples.iter().map(ToString::to_string).collect(),
    }
}

fn step(snapshot: &Snapshot, explained: &Explanation) -> proto::StepExplanation {
    let Snapshot { row, run, .. } = snapshot;
    let (condition, spec) = (run.step(explained.no), run.template().step(explained.no));
    proto::StepExplanation {
        step_id: row.task_id.step(explained.no).to_string(),
        name: spec.name.to_string(),
        step_handler: spec.handler_class.to_string(),
        state: state(condition.state).into(),
        attempts: i32::from(condition.attempts),
        retry_limit: i32::from(condition.retry_limit),
        verdict: verdict(explained.verdict).into(),
        ready_time: ready_at(explained.verdict),
        blockers: explained.blockers.iter().map(|one| blocker(snapshot, explained, one)).collect(),
    }
}

fn blocker(snapshot: &Snapshot, of: &Explanation, blocker: &Blocker) -> proto::Blocker {
    let remedies = blocker.cause.remedies(&snapshot.run, of);
    proto::Blocker {
        cause: Some(cause(snapshot, of.no, &blocker.cause)),
        start_time: blocker.since.map(micros),
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
                reason: terminal_cause(*of).into(),
                failure: how.as_ref().map(failure),
            })
        }
        Cause::Backoff { until, failure: how } => pb_blocker::Cause::Backoff(pb_blocker::Backoff {
            retry_time: Some(micros(*until)),
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
        Cause::Cancelled => pb_blocker::Cause::Cancelled(pb_blocker::Cancelled {}),
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
        fail_time: Some(micros(failure.at)),
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

fn session(session: &SessionOccupancy) -> proto::WorkerSlots {
    proto::WorkerSlots {
        worker_id: session.worker_id.clone(),
        session_id: session.session_id.to_string(),
        server_id: session.server_id.to_string(),
        slots: number(session.slots),
        in_flight: number(session.held),
        accepting: session.presence == Presence::Open,
        connect_time: Some(micros(session.since)),
    }
}

const fn verdict(verdict: Verdict) -> proto::Verdict {
    match verdict {
        Verdict::Movable => proto::Verdict::Movable,
        Verdict::Running => proto::Verdict::Running,
        Verdict::Waiting { .. } => proto::Verdict::Waiting,
        Verdict::Stuck => proto::Verdict::Stuck,
        Verdict::Settled => proto::Verdict::Settled,
    }
}

fn ready_at(verdict: Verdict) -> Option<prost_types::Timestamp> {
    match verdict {
        Verdict::Waiting { until } => until.map(micros),
        _ => None,
    }
}

const fn terminal_cause(cause: TerminalCause) -> proto::BlockedReason {
    match cause {
        TerminalCause::Cancelled => proto::BlockedReason::Cancelled,
        TerminalCause::Exhausted => proto::BlockedReason::Exhausted,
        TerminalCause::Permanent => proto::BlockedReason::Permanent,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
