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

/// A task that a caller wishes for. Its fields are valid by themselves.
#[derive(Debug, Clone, Default)]
pub struct Wish {
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
    pub async fn create(&self, scope: &Scope, wish: Wish) -> Result<Created> {
        let created = self.submit(scope, wish).await?;
        let task = self.get(scope, created.task_id, View::Basic).await?;
        Ok(Created { task: Arc::new(task), existed: created.existed })
    }

    /// Creates tasks all at once, so that the writer has them in few batches; each succeeds or fails by itself.
    pub async fn create_many(&self, scope: &Scope, wishes: Vec<Result<Wish>>) -> Result<Vec<Result<Created>>> {
        let submitted = join_all(wishes.into_iter().map(async |wish| self.submit(scope, wish?).await)).await;
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

    async fn submit(&self, scope: &Scope, wish: Wish) -> Result<lifecycle::Created> {
        scope.narrow(&wish.namespace)?;
        let handler = self.reader.templates().resolve(&wish.namespace, &wish.name, &wish.version).await?;
        let bypass = check(&handler, &wish)?;
        self.writer.create_task(self.new_task(&handler.template, bypass, wish, scope.subject())).await
    }

    fn new_task(
        &self,
        template: &Arc<Template>,
        bypass: Vec<StepNo>,
        wish: Wish,
        created_by: Option<Arc<str>>,
    ) -> NewTask {
        let now = self.reader.now();
        let said = |text: String| if text.is_empty() { UNKNOWN.to_owned() } else { text };
        let (initiator, source_system, reason) = (said(wish.initiator), said(wish.source_system), said(wish.reason));
        let content = Content {
            namespace: &wish.namespace,
            name: &wish.name,
            version: &wish.version,
            context_json: &wish.context_json,
            initiator: &initiator,
            source_system: &source_system,
            reason: &reason,
            tags: &wish.tags,
            bypass_steps: &wish.bypass_steps,
            requested_at: wish.requested_at,
            deadline_at: wish.deadline_at,
        };
        let identity = Identity::of(self.settings.strategy, &wish.idempotency_key, &content, now);
        NewTask {
            template: Arc::clone(template),
            identity: identity.map(|Identity { key, content_hash }| lifecycle::Identity { key, content_hash }),
            context_json: Arc::from(wish.context_json),
            initiator,
            source_system,
            reason,
            tags: wish.tags,
            bypass,
            requested_at: wish.requested_at.unwrap_or(now),
            correlation_id: wish.correlation_id,
            deadline_at: wish.deadline_at,
            created_by: created_by.map(|subject| subject.as_ref().to_owned()),
            trace_context: wish.trace_context,
        }
    }
}

/// Checks what depends on the handler, all of it, and returns the steps to bypass.
fn check(handler: &Registered, wish: &Wish) -> Result<Vec<StepNo>> {
    let mut violations = Vec::new();
    if let Some(schema) = &handler.schema {
        let context = serde_json::from_str(&wish.context_json).expect("the context has been checked");
        violations.extend(schema.validate(&context));
    }
    let bypass = bypass(&handler.template, &wish.bypass_steps, &mut violations);
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
