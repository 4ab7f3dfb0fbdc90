//! Events: following the stream, publishing custom ones, the catalog.
//!
//! Owns: where a stream begins, who may see what, what a stream says between events. Never: what an event is;
//! `domain::events` reads it from the audit trail. Next: `lifecycle::events`, which everybody on this server reads
//! through; `types` for the catalog.

mod permits;
mod types;
mod watch;

use std::sync::Arc;

use uuid::Uuid;

use super::snapshot::unknown;
use crate::{
    auth::Scope,
    domain::{
        events::Cursor,
        handler::NAMESPACE_DEFAULT,
        ids::{StepId, TaskId},
        run::Micros,
    },
    error::{Error, Reason, Result},
    lifecycle::{Events as Stream, Templates},
    store::{
        self, Store,
        events::{self as log, Custom},
    },
};

use permits::{Permit, Permits};

pub use permits::Limits;
pub use types::{Found, Type};
pub use watch::{Message, Messages, Start};

/// The use cases. Clones share everything.
#[derive(Debug, Clone)]
pub struct Events {
    store: Store,
    templates: Templates,
    stream: Stream,
    watchers: Arc<Permits>,
}

/// A custom event that somebody wants to publish.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The id; one is made when there is none.
    pub event_id: Option<Uuid>,
    /// The name, which has been checked.
    pub name: String,
    /// The namespace, empty for the task's or the default.
    pub namespace: String,
    /// The task that it is about.
    pub task: Option<TaskId>,
    /// The step that it is about.
    pub step: Option<StepId>,
    /// What it says, as JSON text.
    pub payload_json: String,
}

/// A custom event that is durable.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its id.
    pub event_id: Uuid,
    /// Its place.
    pub cursor: Cursor,
    /// When.
    pub at: Micros,
    /// Whether it had been published before.
    pub existed: bool,
}

impl Events {
    /// The use cases over a stream.
    pub fn new(store: Store, templates: Templates, stream: Stream, watchers: Limits) -> Self {
        Self { store, templates, stream, watchers: Arc::new(Permits::new(watchers)) }
    }

    /// Publishes a custom event. Returns when it is durable.
    pub async fn publish(&self, scope: &Scope, new: NewEvent) -> Result<Published> {
        self.require_log()?;
        let event_id = new.event_id.unwrap_or_else(Uuid::now_v7);
        let event = self.place(scope, new, event_id).await?;
        let found = match log::publish(self.store.pool(), &event).await? {
            Some((position, at)) => Some((position, at, false)),
            None => {
                let before = log::published(self.store.pool(), &event).await?;
                let before = before.ok_or_else(|| Error::new(Reason::Contention, "the event has just expired"))?;
                before.same.then_some((before.position, before.at, true))
            }
        };
        self.stream.wake();
        match found {
            Some((position, at, existed)) => Ok(Published { event_id, cursor: Cursor::past(position), at, existed }),
            None => Err(Error::new(Reason::EventExists, "another event was published with the same id")
                .with("event_id", event_id.to_string())),
        }
    }

    /// Finds out where an event belongs.
    async fn place(&self, scope: &Scope, new: NewEvent, event_id: Uuid) -> Result<Custom> {
        let task = new.step.map(|step| step.task).or(new.task);
        let (namespace, named_task_id) = match task {
            None => (self.namespace(scope, new.namespace).await?, None),
            Some(task) => {
                let owner = store::tasks::owner(&self.store, task).await?;
                let (named_task_id, created_by) = owner.ok_or_else(|| unknown(task))?;
                let template = self.templates.get(named_task_id).await?;
                if !scope.covers_task(&template.namespace, created_by.as_deref()) {
                    return Err(unknown(task));
                }
                if !new.namespace.is_empty() && new.namespace != *template.namespace {
                    let text = format!("is not the namespace of the task, which is {}", template.namespace);
                    return Err(Error::invalid_field("namespace", text));
                }
                if let Some(step) = new.step.filter(|step| usize::from(step.no) >= template.steps.len()) {
                    return Err(
                        Error::new(Reason::StepNotFound, format!("no step {step}")).with("step_id", step.to_string())
                    );
                }
                (template.namespace.to_string(), Some(named_task_id))
            }
        };
        Ok(Custom {
            event_id,
            name: new.name,
            namespace,
            named_task_id,
            task,
            step: new.step.map(|step| step.no),
            payload: new.payload_json,
            published_by: scope.subject().map(|subject| subject.to_string()),
        })
    }

    /// A namespace that exists and that the caller may publish in.
    async fn namespace(&self, scope: &Scope, named: String) -> Result<String> {
        let namespace = if named.is_empty() { NAMESPACE_DEFAULT.to_owned() } else { named };
        scope.narrow(&namespace)?;
        let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
        let first = store::handlers::list_namespaces(&mut connection, &namespace, 1).await?;
        if first.first() == Some(&namespace) {
            return Ok(namespace);
        }
        Err(crate::lifecycle::templates::unknown(&mut connection, &namespace, "", "").await?)
    }

    fn require_log(&self) -> Result<()> {
        if self.stream.enabled() {
            return Ok(());
        }
        Err(Error::new(Reason::EventsDisabled, "the server keeps no log of events: events.enabled is off"))
    }
}
