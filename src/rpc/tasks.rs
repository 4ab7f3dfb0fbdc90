//! TaskService.

mod parse;

use std::pin::Pin;

use futures::{Stream, StreamExt, TryStreamExt};
use tonic::{Request, Response, Status};

use super::{
    graph,
    limits::Limits,
    render::{
        state,
        task::{annotation, execution_context, task, transition},
    },
    scope,
};
use crate::{
    error::{Error, Reason, Result},
    proto::tasker::v1::{
        self as proto, batch_create_tasks_outcome::Outcome, task_service_server::TaskService,
        watch_task_response::Message as Watched,
    },
    service::{
        graph::Graphs,
        page::Binding,
        tasks::{Created, Message, Tasks as UseCases},
    },
    transport::CorrelationId,
};

/// What an answer needs beside its tasks and their graphs: lengths, and a page token. Answers have at least 64 KiB.
const ROOM_BYTES: usize = 16 * 1_024;

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
            Err(error) => Outcome::Error(item_error(&error)),
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
        let (found, next) = self.tasks.list(&scope, wanted, order, after, size, view).await?;
        let mut tasks: Vec<proto::Task> = found.iter().map(task).collect();
        if include_dependencies {
            graph::add(&self.graphs, &found, &mut tasks, self.limits.answer_bytes - ROOM_BYTES).await;
        }
        Ok(self.limits.fit(proto::ListTasksResponse {
            tasks,
            next_page_token: next.map(|cursor| binding.seal(&cursor)).unwrap_or_default(),
        })?)
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
        Ok(Response::new(proto::CountTasksResponse {
            total: counts.iter().map(|(_, count)| count).sum(),
            counts: counts
                .into_iter()
                .map(|(of, count)| proto::StateCount { state: state(of).into(), count })
                .collect(),
        }))
    }

    async fn update_task(&self, request: Request<proto::UpdateTaskRequest>) -> Answer<proto::UpdateTaskResponse> {
        let scope = scope(&request)?;
        let (id, reason, tags) = parse::update(request.into_inner())?;
        let updated = self.tasks.update(&scope, id, reason, tags).await?;
        Ok(Response::new(proto::UpdateTaskResponse { task: Some(task(&updated)) }))
    }

    async fn cancel_task(&self, request: Request<proto::CancelTaskRequest>) -> Answer<proto::CancelTaskResponse> {
        let scope = scope(&request)?;
        let (id, operation) = parse::cancel(request.into_inner())?;
        let cancelled = self.tasks.cancel(&scope, id, operation).await?;
        Ok(self.limits.fit(proto::CancelTaskResponse { task: Some(task(&cancelled)) })?)
    }

    async fn retry_task(&self, request: Request<proto::RetryTaskRequest>) -> Answer<proto::RetryTaskResponse> {
        let scope = scope(&request)?;
        let (id, additional, operation) = parse::retry(request.into_inner())?;
        let retried = self.tasks.retry(&scope, id, additional, operation).await?;
        Ok(self.limits.fit(proto::RetryTaskResponse { task: Some(task(&retried)) })?)
    }

    async fn watch_task(&self, request: Request<proto::WatchTaskRequest>) -> Answer<Self::WatchTaskStream> {
        let scope = scope(&request)?;
        let (id, after, view) = parse::watch(&request.into_inner())?;
        let messages = self.tasks.watch(&scope, id, after, view).await?;
        let messages = messages.map_err(Status::from).map_ok(move |message| proto::WatchTaskResponse {
            message: Some(match message {
                Message::Task(snapshot) => Watched::Task(task(&snapshot)),
                Message::Transition(row, template) => Watched::Transition(transition(id, &template, &row)),
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
        // One more than the page tells whether there is another.
        let (of, mut rows) = self.tasks.transitions(&scope, id, step, after, size + 1).await?;
        let page = usize::try_from(size).expect("a page has a positive size");
        let more = rows.len() > page;
        rows.truncate(page);
        let next = rows.last().filter(|_| more).map(|last| binding.seal(&last.sequence));
        Ok(Response::new(proto::ListTransitionsResponse {
            transitions: rows.iter().map(|row| transition(id, of.run.template(), row)).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn create_annotation(
        &self,
        request: Request<proto::CreateAnnotationRequest>,
    ) -> Answer<proto::CreateAnnotationResponse> {
        let scope = scope(&request)?;
        let (id, annotation_type, annotation_json) = parse::annotate(request.into_inner())?;
        let made = self.tasks.annotate(&scope, id, &annotation_type, &annotation_json).await?;
        Ok(Response::new(proto::CreateAnnotationResponse { annotation: Some(annotation(&made)) }))
    }

    async fn list_annotations(
        &self,
        request: Request<proto::ListAnnotationsRequest>,
    ) -> Answer<proto::ListAnnotationsResponse> {
        let scope = scope(&request)?;
        let id = parse::task_id(&request.into_inner().task_id)?;
        let annotations = self.tasks.annotations(&scope, id).await?;
        Ok(Response::new(proto::ListAnnotationsResponse { annotations: annotations.iter().map(annotation).collect() }))
    }
}

/// A refusal within an answer: the same as a status would say.
fn item_error(error: &Error) -> proto::ItemError {
    let reason = error.reason();
    let message = if reason == Reason::Internal {
        tracing::error!(error = error as &dyn std::error::Error, "defect");
        "internal error"
    } else {
        error.message()
    };
    let fields = error
        .violations()
        .iter()
        .map(|bad| proto::FieldError { field: bad.field.clone(), description: bad.description.clone() });
    proto::ItemError {
        code: reason.code().into(),
        reason: reason.label().to_owned(),
        message: message.to_owned(),
        metadata: error.metadata().iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        fields: fields.collect(),
    }
}
