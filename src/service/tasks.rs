//! What a caller can ask about tasks, and do to them.
//!
//! Owns: the use cases: what is looked up and checked before the writer is asked, and what is read back
//! afterwards. Never: protobuf, SQL, decides whether a task may move. Next: `create` and `watch` for the two
//! long ones, `service::snapshot` for reads, `lifecycle` for changes.

mod create;
mod watch;

use std::time::Duration;

use uuid::Uuid;

use super::{
    namespaces, reads,
    snapshot::{self, Reader, Snapshot, View, unknown},
};
use crate::{
    auth::Scope,
    domain::{
        identity::Strategy,
        ids::{StepId, TaskId},
        run::{Micros, Operation},
        state::State,
    },
    error::{Error, Reason, Result},
    lifecycle::{Deadline, Request, TaskChange, Watch, Writer},
    store::{
        self, Store,
        annotations::{Annotation, Inserted, NewAnnotation},
        pages::{Cursor, Filter, Order},
        tasks::TransitionPage,
    },
};

pub use create::{Created, TaskRequest};
pub use watch::{Message, Messages};

/// Annotations that a task may have: with [`ANNOTATION_BYTES_MAX`] each they fit into one answer of 4 MiB, the
/// size that gRPC clients take by default.
pub const ANNOTATIONS_MAX: i64 = 200;

/// One annotation as JSON text at most.
pub const ANNOTATION_BYTES_MAX: usize = 16 * 1024;

/// How the use cases work.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// When two requests are the same task.
    pub strategy: Strategy,
    /// How long a follower waits for a hint before it looks by itself, since other servers' moves give none.
    pub watch_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { strategy: Strategy::Distinct, watch_interval: Duration::from_secs(1) }
    }
}

/// Everything that can be asked about tasks.
#[derive(Debug, Clone)]
pub struct Tasks {
    reader: Reader,
    writer: Writer,
    watch: Watch,
    settings: Settings,
}

/// Which tasks, as a caller says it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of the handler with this name.
    pub name: Option<String>,
    /// Of this version.
    pub version: Option<String>,
    /// The other conditions.
    pub filter: Filter,
}

impl Wanted {
    /// Whether it is about whole namespaces and states, of which counts are kept.
    fn is_of_namespaces(&self) -> bool {
        self.name.is_none() && self.version.is_none() && self.filter.handlers.is_none() && self.filter.is_tallied()
    }
}

impl Tasks {
    /// The use cases over a reader and the writer.
    pub const fn new(reader: Reader, writer: Writer, watch: Watch, settings: Settings) -> Self {
        Self { reader, writer, watch, settings }
    }

    /// One task, or TASK_NOT_FOUND.
    pub async fn get(&self, scope: &Scope, id: TaskId, view: View) -> Result<Snapshot> {
        self.reader.task(scope, id, view).await
    }

    /// Tasks in the order of their ids, to tell what they are doing; those that do not exist within the scope are left
    /// out.
    pub async fn execution_contexts(&self, scope: &Scope, mut ids: Vec<TaskId>) -> Result<Vec<Snapshot>> {
        ids.sort_unstable();
        ids.dedup();
        self.reader.tasks(scope, &ids, View::Basic).await
    }

    /// A page of tasks in an order, and whether there are more after it. It ends at its size, or where an answer is full.
    pub async fn list(
        &self,
        scope: &Scope,
        wanted: Wanted,
        order: Order,
        after: Option<Cursor>,
        size: i64,
        view: View,
    ) -> Result<(Vec<Snapshot>, bool)> {
        let wanted = &wanted;
        let look = |store| self.list_on(self.reader.on(store), scope, wanted.clone(), order, after, size, view);
        reads::read(self.reader.store(), look).await
    }

    #[expect(clippy::too_many_arguments, reason = "those of the call, and where to look")]
    async fn list_on(
        &self,
        reader: Reader,
        scope: &Scope,
        wanted: Wanted,
        order: Order,
        after: Option<Cursor>,
        size: i64,
        view: View,
    ) -> Result<(Vec<Snapshot>, bool)> {
        let Some(filter) = resolve(reader.store(), scope, wanted).await? else { return Ok((Vec::new(), false)) };
        // One more than the page tells whether there is another.
        let mut ids = store::pages::list(reader.store(), &filter, order, after, size + 1).await?;
        let page = usize::try_from(size).expect("a page has a positive size");
        let more = ids.len() > page;
        ids.truncate(page);
        let (tasks, read) = reader.page(scope, &ids, view).await?;
        Ok((tasks, more || read < ids.len()))
    }

    /// Tasks by state, every state once.
    pub async fn count(&self, scope: &Scope, wanted: Wanted) -> Result<Vec<(State, i64)>> {
        let wanted = &wanted;
        let look = |store: Store| async move {
            if wanted.is_of_namespaces() {
                let namespaces = namespaces::within(&store, scope, wanted.namespace.clone()).await?;
                return Ok(store::pages::count_of_namespaces(&store, namespaces.as_deref(), &wanted.filter).await?);
            }
            match resolve(&store, scope, wanted.clone()).await? {
                Some(filter) => Ok(store::pages::count(&store, &filter).await?),
                None => Ok(Vec::new()),
            }
        };
        let found = reads::read(self.reader.store(), look).await?;
        let of = |state| found.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| *count);
        Ok(State::ALL.into_iter().map(|state| (state, of(state))).collect())
    }

    /// Changes the reason, the tags or the deadline.
    pub async fn update(
        &self,
        scope: &Scope,
        id: TaskId,
        change: TaskChange,
        operation: Operation,
    ) -> Result<Snapshot> {
        if let Some(at) = change.deadline.and_then(Deadline::at) {
            require_ahead(at, self.reader.now())?;
        }
        let mut row = self.reader.find(scope, id).await?.row;
        let TaskChange { reason, tags, .. } = change.clone();
        let state = self.writer.apply(id, Request::UpdateTask { change, operation }).await?;
        row.reason = reason.unwrap_or(row.reason);
        row.tags = tags.unwrap_or(row.tags);
        Ok(snapshot::changed(row, state))
    }

    /// Cancels a task. Succeeds also when it is cancelled already.
    pub async fn cancel(&self, scope: &Scope, id: TaskId, operation: Operation) -> Result<Snapshot> {
        self.change(scope, id, Request::CancelTask(operation)).await
    }

    /// Retries every failed step of a failed task.
    pub async fn retry(&self, scope: &Scope, id: TaskId, additional: u16, operation: Operation) -> Result<Snapshot> {
        self.change(scope, id, Request::RetryTask { additional, operation }).await
    }

    async fn change(&self, scope: &Scope, id: TaskId, request: Request) -> Result<Snapshot> {
        let row = self.reader.find(scope, id).await?.row;
        let state = self.writer.apply(id, request).await?;
        Ok(self.reader.changed(row, state).await)
    }

    /// The audit trail after a sequence number, oldest first, with the task that it is about, and whether there is more.
    /// It ends at its size, or where an answer is full.
    pub async fn transitions(
        &self,
        scope: &Scope,
        id: TaskId,
        step: Option<StepId>,
        after: u32,
        size: i64,
    ) -> Result<(Snapshot, TransitionPage)> {
        let task = self.get(scope, id, View::Basic).await?;
        if let Some(step) = step.filter(|step| step.task != id || !task.run.has(step.no)) {
            let error = Error::new(Reason::StepNotFound, format!("the task has no step {step}"));
            return Err(error.with("step_id", step.to_string()));
        }
        let store = self.reader.store();
        let bytes = self.reader.answer_bytes_max();
        let page = store::tasks::transitions(store, id, after, step.map(|step| step.no), size, bytes).await?;
        Ok((task, page))
    }

    /// Adds an annotation; the first one when the same was added before under the same request id.
    pub async fn annotate(&self, scope: &Scope, id: TaskId, new: &NewAnnotation) -> Result<Annotation> {
        self.reader.require(scope, id).await?;
        let store = self.reader.store();
        match store::annotations::insert(store, Uuid::now_v7(), id, new, ANNOTATIONS_MAX).await? {
            Inserted::Added(annotation) | Inserted::Repeated(annotation) => Ok(annotation),
            Inserted::Reused => Err(Error::new(
                Reason::RequestIdReused,
                "another annotation of this task has the same request id and other content",
            )
            .with("task_id", id.to_string())),
            Inserted::Full => {
                let text = format!("the task has {ANNOTATIONS_MAX} annotations, which is the most");
                Err(Error::new(Reason::LimitExceeded, text).with("limit", ANNOTATIONS_MAX.to_string()))
            }
        }
    }

    /// A page of the annotations after one of them, oldest first, and whether there are more.
    pub async fn annotations(
        &self,
        scope: &Scope,
        id: TaskId,
        after: Option<Uuid>,
        size: i64,
    ) -> Result<(Vec<Annotation>, bool)> {
        self.reader.require(scope, id).await?;
        let mut found = store::annotations::page(self.reader.store(), id, after, size + 1).await?;
        let page = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > page;
        found.truncate(page);
        Ok((found, more))
    }
}

/// Where a list goes on after this task.
pub fn cursor(task: &Snapshot) -> Cursor {
    Cursor { task: task.row.task_id.uuid(), requested_at: task.row.requested_at.timestamp_micros() }
}

/// Refuses a deadline that has passed.
fn require_ahead(deadline_at: Micros, now: Micros) -> Result<()> {
    if deadline_at > now { Ok(()) } else { Err(Error::invalid_field("task.deadline_time", "is in the past")) }
}

/// Turns names into handler versions within the scope; `None` when there are none such, and therefore no tasks.
pub(super) async fn resolve(store: &Store, scope: &Scope, wanted: Wanted) -> Result<Option<Filter>> {
    let Wanted { namespace, name, version, mut filter } = wanted;
    let namespaces = namespaces::within(store, scope, namespace).await?;
    if namespaces.is_some() || name.is_some() || version.is_some() {
        let (name, version) = (name.as_deref(), version.as_deref());
        let handlers = store::tasks::handlers(store, namespaces.as_deref(), name, version).await?;
        if handlers.is_empty() {
            return Ok(None);
        }
        filter.handlers = Some(handlers);
    }
    Ok(Some(filter))
}
