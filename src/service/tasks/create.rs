//! Creating tasks: what a caller wishes for, checked against the handler it names.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::future::join_all;

use super::{Snapshot, Tasks, View, snapshot, unknown};
use crate::{
    auth::Scope,
    domain::{
        identity::{Content, Identity},
        ids::{StepNo, TaskId},
        near,
        run::Micros,
        template::Template,
    },
    error::{Error, Reason, Result, Violation},
    lifecycle::{self, NewTask, TaskState, templates::Registered},
    store::{self, lifecycle::timestamp, tasks::TaskRow},
};

/// What stands in the place of nothing in the fields that say who asked and why.
const UNKNOWN: &str = "unknown";

/// Near misses are looked for in this many wrong names; one look costs by the steps of the handler.
const HINTS_MAX: usize = 8;

/// A task that a caller asks for. Its fields are valid by themselves.
#[derive(Debug, Clone, Default)]
pub struct TaskRequest {
    /// The handler's namespace.
    pub namespace: String,
    /// The handler's name.
    pub name: String,
    /// The handler's version, empty or `latest` for the greatest.
    pub version: String,
    /// The input: a JSON object as text, not empty.
    pub context_json: String,
    /// Who asks.
    pub initiator: String,
    /// The system that asks.
    pub source_system: String,
    /// Why.
    pub reason: String,
    /// Labels.
    pub tags: Vec<String>,
    /// Steps to complete without running them, by name.
    pub bypass_steps: Vec<String>,
    /// When it was asked for.
    pub requested_at: Option<Micros>,
    /// Makes two requests the same; empty for none.
    pub idempotency_key: String,
    /// Finds related work again.
    pub correlation_id: Option<String>,
    /// When it must be finished.
    pub deadline_at: Option<Micros>,
    /// The caller's W3C trace context.
    pub trace_context: Option<String>,
}

/// A task that exists now.
#[derive(Debug)]
pub struct Created {
    /// The task in the basic view.
    pub task: Arc<Snapshot>,
    /// Whether an earlier request had created it.
    pub existed: bool,
}

/// What became of a request.
enum Submitted {
    /// The task that it created.
    New(Box<Snapshot>),
    /// The task that an earlier request had created.
    Existed(TaskId),
}

impl Tasks {
    /// Creates a task. OK means that it is durable.
    pub async fn create(&self, scope: &Scope, request: TaskRequest) -> Result<Created> {
        match self.submit(scope, request).await? {
            Submitted::New(task) => Ok(Created { task: Arc::from(task), existed: false }),
            Submitted::Existed(task_id) => {
                let task = self.get(scope, task_id, View::Basic).await?;
                Ok(Created { task: Arc::new(task), existed: true })
            }
        }
    }

    /// Creates tasks all at once, so that the writer has them in few batches; each succeeds or fails by itself.
    pub async fn create_many(&self, scope: &Scope, requests: Vec<Result<TaskRequest>>) -> Result<Vec<Result<Created>>> {
        let submitted = join_all(requests.into_iter().map(async |request| self.submit(scope, request?).await)).await;
        let existed = submitted.iter().flatten().filter_map(|submitted| match submitted {
            Submitted::New(_) => None,
            Submitted::Existed(task_id) => Some(*task_id),
        });
        let ids: HashSet<TaskId> = existed.collect();
        let ids: Vec<TaskId> = ids.into_iter().collect();
        let read = self.reader.tasks(scope, &ids, View::Basic).await?;
        let tasks: HashMap<TaskId, Arc<Snapshot>> =
            read.into_iter().map(|task| (task.row.task_id, Arc::new(task))).collect();
        let outcomes = submitted.into_iter().map(|submitted| match submitted? {
            Submitted::New(task) => Ok(Created { task: Arc::from(task), existed: false }),
            // Two requests with one identity are one task.
            Submitted::Existed(task_id) => {
                let task = tasks.get(&task_id).map(Arc::clone).ok_or_else(|| unknown(task_id))?;
                Ok(Created { task, existed: true })
            }
        });
        Ok(outcomes.collect())
    }

    async fn submit(&self, scope: &Scope, request: TaskRequest) -> Result<Submitted> {
        scope.narrow(&request.namespace)?;
        let request = said(request);
        let now = self.reader.now();
        let identity = self.identity(&request, now);
        let new = match self.new_task(request, identity.clone(), now, scope.subject()).await {
            Ok(new) => new,
            // What was accepted once is not refused because the handler is another one now.
            Err(refusal) => {
                return match identity {
                    Some(identity) if refusal.reason().retry_after().is_none() => {
                        self.first_of(scope, &identity).await?.ok_or(refusal)
                    }
                    _ => Err(refusal),
                };
            }
        };
        let said = new.clone();
        let created = match self.writer.create_task(new).await {
            Err(refusal) if refusal.reason() == Reason::TaskExists => return Err(self.hide(scope, refusal).await?),
            created => created?,
        };
        let Some(state) = created.state else { return Ok(Submitted::Existed(created.task_id)) };
        let row = row(created.task_id, said, &state);
        Ok(Submitted::New(Box::new(snapshot::changed(row, state))))
    }

    /// The first task of an identity, if there is one; a refusal when its content is another.
    async fn first_of(&self, scope: &Scope, identity: &Identity) -> Result<Option<Submitted>> {
        match store::tasks::find_identity(self.reader.store(), &identity.key).await? {
            None => Ok(None),
            Some((task_id, hash)) if hash == identity.content_hash => Ok(Some(Submitted::Existed(task_id))),
            Some((task_id, _)) => Err(self.hide(scope, lifecycle::identity_taken(task_id)).await?),
        }
    }

    /// The same refusal, which names the first task only to who may see it.
    async fn hide(&self, scope: &Scope, refusal: Error) -> Result<Error> {
        let task_id = refusal.metadata().get("task_id").and_then(|id| id.parse().ok());
        let Some(task_id) = task_id else { return Ok(refusal) };
        Ok(if self.reader.may_see(scope, task_id).await? { refusal } else { refusal.without("task_id") })
    }

    fn identity(&self, request: &TaskRequest, now: Micros) -> Option<Identity> {
        let content = Content {
            namespace: &request.namespace,
            name: &request.name,
            version: &request.version,
            context_json: &request.context_json,
            initiator: &request.initiator,
            source_system: &request.source_system,
            reason: &request.reason,
            tags: &request.tags,
            bypass_steps: &request.bypass_steps,
            requested_at: request.requested_at,
            deadline_at: request.deadline_at,
        };
        Identity::of(self.settings.strategy, &request.idempotency_key, &content, now)
    }

    /// Checks a request against its handler and the time.
    async fn new_task(
        &self,
        request: TaskRequest,
        identity: Option<Identity>,
        now: Micros,
        created_by: Option<Arc<str>>,
    ) -> Result<NewTask> {
        if let Some(at) = request.deadline_at {
            super::require_ahead(at, now)?;
        }
        let handler = self.reader.templates().resolve(&request.namespace, &request.name, &request.version).await?;
        let bypass = check(&handler, &request).await?;
        Ok(NewTask {
            template: Arc::clone(&handler.template),
            identity: identity.map(|Identity { key, content_hash }| lifecycle::Identity { key, content_hash }),
            context_json: Arc::from(request.context_json),
            initiator: request.initiator,
            source_system: request.source_system,
            reason: request.reason,
            tags: request.tags,
            bypass,
            requested_at: request.requested_at.unwrap_or(now),
            correlation_id: request.correlation_id,
            deadline_at: request.deadline_at,
            created_by: created_by.map(|subject| subject.as_ref().to_owned()),
            trace_context: request.trace_context,
        })
    }
}

/// The request with something in the place of nothing.
fn said(mut request: TaskRequest) -> TaskRequest {
    for text in [&mut request.initiator, &mut request.source_system, &mut request.reason] {
        if text.is_empty() {
            UNKNOWN.clone_into(text);
        }
    }
    request
}

/// What is stored of a new task, without its context.
fn row(task_id: TaskId, new: NewTask, state: &TaskState) -> TaskRow {
    let bypass_steps = new.bypass.iter().map(|no| new.template.step(*no).name.to_string()).collect();
    TaskRow {
        task_id,
        named_task_id: new.template.id,
        stored: state.run.store(),
        created_at: timestamp(state.now),
        started_at: None,
        finished_at: None,
        deadline_at: None,
        created_by: new.created_by,
        initiator: new.initiator,
        source_system: new.source_system,
        reason: new.reason,
        tags: new.tags,
        bypass_steps,
        context: None,
        requested_at: timestamp(new.requested_at),
        correlation_id: new.correlation_id,
    }
}

/// Checks what depends on the handler, all of it, and returns the steps to bypass.
async fn check(handler: &Registered, request: &TaskRequest) -> Result<Vec<StepNo>> {
    let mut violations = handler.check_context(&request.context_json).await?;
    let bypass = bypass(&handler.template, &request.bypass_steps, &mut violations);
    if violations.is_empty() { Ok(bypass) } else { Err(Error::invalid(violations)) }
}

/// The numbers of the steps with these names, each once, ascending.
fn bypass(template: &Template, names: &[String], violations: &mut Vec<Violation>) -> Vec<StepNo> {
    if names.is_empty() {
        return Vec::new();
    }
    let by_name: HashMap<&str, StepNo> = (0..).zip(&template.steps).map(|(no, step)| (&*step.name, no)).collect();
    let mut found = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let description = match by_name.get(name.as_str()) {
            Some(no) if template.step(*no).skippable => {
                found.push(*no);
                continue;
            }
            Some(_) => format!("the step '{name}' is not skippable"),
            None if violations.len() < HINTS_MAX => {
                let hint = near::hint(name, template.steps.iter().map(|step| &*step.name));
                format!("the handler has no step '{name}'{hint}")
            }
            None => format!("the handler has no step '{name}'"),
        };
        violations.push(Violation { field: format!("task.bypass_steps[{place}]"), description });
    }
    found.sort_unstable();
    found.dedup();
    found
}
