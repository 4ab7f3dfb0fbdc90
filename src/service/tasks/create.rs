//! Creating tasks: what a caller wishes for, checked against the handler it names.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::future::join_all;

use super::{Snapshot, Tasks, View, unknown};
use crate::{
    auth::Scope,
    domain::{
        identity::{Content, Identity},
        ids::{StepNo, TaskId},
        near,
        run::Micros,
        template::Template,
    },
    error::{Error, Result, Violation},
    lifecycle::{self, NewTask, templates::Registered},
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

impl Tasks {
    /// Creates a task. OK means that it is durable.
    pub async fn create(&self, scope: &Scope, request: TaskRequest) -> Result<Created> {
        let created = self.submit(scope, request).await?;
        let task = self.get(scope, created.task_id, View::Basic).await?;
        Ok(Created { task: Arc::new(task), existed: created.existed })
    }

    /// Creates tasks all at once, so that the writer has them in few batches; each succeeds or fails by itself.
    pub async fn create_many(&self, scope: &Scope, requests: Vec<Result<TaskRequest>>) -> Result<Vec<Result<Created>>> {
        let submitted = join_all(requests.into_iter().map(async |request| self.submit(scope, request?).await)).await;
        let ids: HashSet<TaskId> = submitted.iter().flatten().map(|created| created.task_id).collect();
        let ids: Vec<TaskId> = ids.into_iter().collect();
        let read = self.reader.tasks(scope, &ids, View::Basic).await?;
        let tasks: HashMap<TaskId, Arc<Snapshot>> =
            read.into_iter().map(|task| (task.row.task_id, Arc::new(task))).collect();
        let outcomes = submitted.into_iter().map(|submitted| {
            let lifecycle::Created { task_id, existed } = submitted?;
            // Two wishes with one identity are one task.
            let task = tasks.get(&task_id).map(Arc::clone).ok_or_else(|| unknown(task_id))?;
            Ok(Created { task, existed })
        });
        Ok(outcomes.collect())
    }

    async fn submit(&self, scope: &Scope, request: TaskRequest) -> Result<lifecycle::Created> {
        scope.narrow(&request.namespace)?;
        let handler = self.reader.templates().resolve(&request.namespace, &request.name, &request.version).await?;
        let bypass = check(&handler, &request)?;
        self.writer.create_task(self.new_task(&handler.template, bypass, request, scope.subject())).await
    }

    fn new_task(
        &self,
        template: &Arc<Template>,
        bypass: Vec<StepNo>,
        request: TaskRequest,
        created_by: Option<Arc<str>>,
    ) -> NewTask {
        let now = self.reader.now();
        let or_unknown = |text: String| if text.is_empty() { UNKNOWN.to_owned() } else { text };
        let (initiator, source_system, reason) =
            (or_unknown(request.initiator), or_unknown(request.source_system), or_unknown(request.reason));
        let content = Content {
            namespace: &request.namespace,
            name: &request.name,
            version: &request.version,
            context_json: &request.context_json,
            initiator: &initiator,
            source_system: &source_system,
            reason: &reason,
            tags: &request.tags,
            bypass_steps: &request.bypass_steps,
            requested_at: request.requested_at,
            deadline_at: request.deadline_at,
        };
        let identity = Identity::of(self.settings.strategy, &request.idempotency_key, &content, now);
        NewTask {
            template: Arc::clone(template),
            identity: identity.map(|Identity { key, content_hash }| lifecycle::Identity { key, content_hash }),
            context_json: Arc::from(request.context_json),
            initiator,
            source_system,
            reason,
            tags: request.tags,
            bypass,
            requested_at: request.requested_at.unwrap_or(now),
            correlation_id: request.correlation_id,
            deadline_at: request.deadline_at,
            created_by: created_by.map(|subject| subject.as_ref().to_owned()),
            trace_context: request.trace_context,
        }
    }
}

/// Checks what depends on the handler, all of it, and returns the steps to bypass.
fn check(handler: &Registered, request: &TaskRequest) -> Result<Vec<StepNo>> {
    let mut violations = Vec::new();
    if let Some(schema) = &handler.schema {
        let context = serde_json::from_str(&request.context_json).expect("the context has been checked");
        violations.extend(schema.validate(&context));
    }
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
