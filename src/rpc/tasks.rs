//! TaskService.

mod parse;

use std::pin::Pin;

use futures::{Stream, StreamExt, TryStreamExt};
use tonic::{Request, Response, Status};

use super::{
    graph,
    limits::{Limits, ROOM_BYTES},
    render::{
        task::{annotation, execution_context, task},
        transition::{Trail, transition},
    },
    scope,
};
use crate::{
    domain::state::State,
    error::Result,
    proto::tasker::v1::{
        self as proto, batch_create_tasks_outcome::Outcome, task_service_server::TaskService,
        watch_task_response::Message as Watched,
    },
    service::{
        graph::Graphs,
        page::Binding,
        snapshot::Snapshot,
        tasks::{Created, Message, Tasks as UseCases, cursor},
    },
    transport::{CorrelationId, status},
};

/// The service.
#[derive(Debug, Clone)]
pub struct Tasks {
    tasks: UseCases,
    graphs: Graphs,
    limits: Limits,
}

impl Tasks {
    /// The service over the use cases.
    pub const fn new(tasks: UseCases, graphs: Graphs, limits: Limits) -> Self {
        Self { tasks, graphs, limits }
    }

    /// A task that was changed: what was done is answered as done, without its steps where they do not fit.
    fn changed(&self, snapshot: &Snapshot) -> proto::Task {
        let mut shown = task(snapshot);
        if !self.limits.has_room_for(&shown) {
            shown.steps.clear();
        }
        shown
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TaskService for Tasks {
    type WatchTaskStream = Pin<Box<dyn Stream<Item = Result<proto::WatchTaskResponse, Status>> + Send>>;

    async fn create_task(&self, request: Request<proto::CreateTaskRequest>) -> Answer<proto::CreateTaskResponse> {
        let scope = scope(&request)?;
        let trace = parse::trace_context(&request);
        let name = CorrelationId::of(&request);
        let mut parsed = parse::create(request.into_inner(), trace, self.limits)?;
        parse::name(&mut parsed, name.as_ref());
        let Created { task: created, existed } = self.tasks.create(&scope, parsed).await?;
        Ok(Response::new(proto::CreateTaskResponse { task: Some(task(&created)), existed }))
    }

    async fn batch_create_tasks(
        &self,
        request: Request<proto::BatchCreateTasksRequest>,
    ) -> Answer<proto::BatchCreateTasksResponse> {
        let scope = scope(&request)?;
        let trace = parse::trace_context(&request);
        let name = CorrelationId::of(&request);
        let mut parsed = parse::batch(request.into_inner(), trace.as_deref(), self.limits)?;
        parsed.iter_mut().flatten().for_each(|one| parse::name(one, name.as_ref()));
        let outcomes = self.tasks.create_many(&scope, parsed).await?.into_iter().map(|created| match created {
            Ok(created) => Outcome::Task(task(&created.task)),
            Err(error) => Outcome::Error(status::of_item(error)),
        });
        let outcomes = outcomes.map(|outcome| proto::BatchCreateTasksOutcome { outcome: Some(outcome) }).collect();
        Ok(Response::new(proto::BatchCreateTasksResponse { outcomes }))
    }

    async fn get_task(&self, request: Request<proto::GetTaskRequest>) -> Answer<proto::GetTaskResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let (id, view) = parse::get(&request)?;
        let found = self.tasks.get(&scope, id, view).await?;
        let mut tasks = [task(&found)];
        if request.include_dependencies {
            graph::add(&self.graphs, &[found], &mut tasks, self.limits.answer_bytes - ROOM_BYTES).await;
        }
        let [task] = tasks;
        Ok(self.limits.fit(proto::GetTaskResponse { task: Some(task) })?)
    }

    async fn list_tasks(&self, request: Request<proto::ListTasksRequest>) -> Answer<proto::ListTasksResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let include_dependencies = request.include_dependencies;
        let parse::List { wanted, order, after, size, view, binding } = parse::list(request)?;
        let (found, mut more) = self.tasks.list(&scope, wanted, order, after, size, view).await?;
        let (mut tasks, cut) = self.limits.page(found.iter().map(task).collect());
        more |= cut;
        let found = &found[..tasks.len()];
        if include_dependencies {
            graph::add(&self.graphs, found, &mut tasks, self.limits.answer_bytes - ROOM_BYTES).await;
        }
        let next = found.last().filter(|_| more).map(|last| binding.seal(&cursor(last)));
        Ok(self.limits.fit(proto::ListTasksResponse { tasks, next_page_token: next.unwrap_or_default() })?)
    }

    async fn batch_get_execution_contexts(
        &self,
        request: Request<proto::BatchGetExecutionContextsRequest>,
    ) -> Answer<proto::BatchGetExecutionContextsResponse> {
        let scope = scope(&request)?;
        let ids = parse::contexts(&request.into_inner())?;
        let contexts = self.tasks.execution_contexts(&scope, ids).await?;
        Ok(Response::new(proto::BatchGetExecutionContextsResponse {
            contexts: contexts.iter().map(execution_context).collect(),
        }))
    }

    async fn count_tasks(&self, request: Request<proto::CountTasksRequest>) -> Answer<proto::CountTasksResponse> {
        let scope = scope(&request)?;
        let wanted = parse::count(request.into_inner())?;
        let counts = self.tasks.count(&scope, wanted).await?;
        Ok(Response::new(proto::CountTasksResponse { counts: Some(task_counts(&counts)) }))
    }

    async fn update_task(&self, request: Request<proto::UpdateTaskRequest>) -> Answer<proto::UpdateTaskResponse> {
        let scope = scope(&request)?;
        let (id, change, operation) = parse::update(request.into_inner(), &scope)?;
        let updated = self.tasks.update(&scope, id, change, operation).await?;
        Ok(Response::new(proto::UpdateTaskResponse { task: Some(task(&updated)) }))
    }

    async fn cancel_task(&self, request: Request<proto::CancelTaskRequest>) -> Answer<proto::CancelTaskResponse> {
        let scope = scope(&request)?;
        let (id, operation) = parse::cancel(request.into_inner(), &scope)?;
        let cancelled = self.tasks.cancel(&scope, id, operation).await?;
        Ok(Response::new(proto::CancelTaskResponse { task: Some(self.changed(&cancelled)) }))
    }

    async fn retry_task(&self, request: Request<proto::RetryTaskRequest>) -> Answer<proto::RetryTaskResponse> {
        let scope = scope(&request)?;
        let (id, additional, operation) = parse::retry(request.into_inner(), &scope)?;
        let retried = self.tasks.retry(&scope, id, additional, operation).await?;
        Ok(Response::new(proto::RetryTaskResponse { task: Some(self.changed(&retried)) }))
    }

    async fn watch_task(&self, request: Request<proto::WatchTaskRequest>) -> Answer<Self::WatchTaskStream> {
        let scope = scope(&request)?;
        let (id, after, view) = parse::watch(&request.into_inner())?;
        let messages = self.tasks.watch(&scope, id, after, view).await?;
        let messages = messages.map_err(Status::from).map_ok(move |message| proto::WatchTaskResponse {
            message: Some(match message {
                Message::Task(snapshot) => Watched::Task(task(&snapshot)),
                // The creation, which names its subject, comes before every cursor.
                Message::Transition(row, template) => {
                    Watched::Transition(transition(Trail { task: id, template: &template, created_by: None }, &row))
                }
            }),
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn list_transitions(
        &self,
        request: Request<proto::ListTransitionsRequest>,
    ) -> Answer<proto::ListTransitionsResponse> {
        let scope = scope(&request)?;
        let parse::Transitions { id, step, after, size, binding } = parse::transitions(&request.into_inner())?;
        let (of, page) = self.tasks.transitions(&scope, id, step, after, size).await?;
        let trail = Trail { task: id, template: of.run.template(), created_by: of.row.created_by.as_deref() };
        let (transitions, cut) = self.limits.page(page.rows.iter().map(|row| transition(trail, row)).collect());
        let last = transitions.len().checked_sub(1).and_then(|last| page.rows.get(last));
        let next = last.filter(|_| page.more || cut).map(|last| binding.seal(&last.sequence));
        Ok(self
            .limits
            .fit(proto::ListTransitionsResponse { transitions, next_page_token: next.unwrap_or_default() })?)
    }

    async fn create_annotation(
        &self,
        request: Request<proto::CreateAnnotationRequest>,
    ) -> Answer<proto::CreateAnnotationResponse> {
        let scope = scope(&request)?;
        let (id, new) = parse::annotate(request.into_inner())?;
        let made = self.tasks.annotate(&scope, id, &new).await?;
        Ok(Response::new(proto::CreateAnnotationResponse { annotation: Some(annotation(&made)) }))
    }

    async fn list_annotations(
        &self,
        request: Request<proto::ListAnnotationsRequest>,
    ) -> Answer<proto::ListAnnotationsResponse> {
        let scope = scope(&request)?;
        let parse::Annotations { id, after, size, binding } = parse::annotations(&request.into_inner())?;
        let (found, mut more) = self.tasks.annotations(&scope, id, after, size).await?;
        let (annotations, cut) = self.limits.page(found.iter().map(annotation).collect());
        more |= cut;
        let last = annotations.len().checked_sub(1).and_then(|last| found.get(last));
        let next = last.filter(|_| more).map(|last| binding.seal(&last.annotation_id));
        Ok(self
            .limits
            .fit(proto::ListAnnotationsResponse { annotations, next_page_token: next.unwrap_or_default() })?)
    }
}

/// Tasks by state.
fn task_counts(counts: &[(State, i64)]) -> proto::TaskCounts {
    let mut shown = proto::TaskCounts::default();
    for (state, count) in counts {
        shown.total += count;
        *match state {
            State::Pending => &mut shown.pending,
            State::InProgress => &mut shown.in_progress,
            State::Complete => &mut shown.complete,
            State::Error => &mut shown.error,
            State::Cancelled => &mut shown.cancelled,
            State::ResolvedManually => &mut shown.resolved_manually,
        } += count;
    }
    shown
}
