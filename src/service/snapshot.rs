//! Tasks as they are: the run, what its caller said, and as much of the steps as a view wants.
//!
//! Owns: which reads make a view, and the bytes that one answer may have, counted before they are rendered. The run is one row, so its steps
//! agree with each other; outcomes are found by the sequence numbers in that row and never change. Never:
//! changes anything. Next: `store::tasks`, `store::steps`; `rpc::render` shows snapshots.

use std::{collections::HashMap, ops::Range, sync::Arc};

use uuid::Uuid;

use crate::{
    auth::Scope,
    domain::{
        ids::{StepId, StepNo, TaskId},
        run::{Micros, Run},
        template::Template,
    },
    error::{Error, Reason, Result},
    lifecycle::{Clock, TaskState, Templates},
    store::{
        self, Store,
        annotations::Annotation,
        steps::{Budget, Lease, Outcomes, OverBudget},
        tasks::TaskRow,
    },
};

/// What a step takes in an answer, beside payloads and the ids of others.
const STEP_BYTES: usize = 256;

/// What an id takes in an answer.
const ID_BYTES: usize = 38;

/// How much of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The task without steps and payloads.
    Basic,
    /// The task with its steps, without payloads.
    Steps,
    /// Everything.
    Full,
}

/// A task as it was at one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The task's rows.
    pub row: TaskRow,
    /// The run.
    pub run: Run,
    /// When that was, by the database's clock.
    pub now: Micros,
    /// What some of the steps have beside the run; none in the basic view.
    pub steps: Option<Steps>,
    /// The annotations, only in the full view.
    pub annotations: Vec<Annotation>,
}

/// A task that was read and not looked into yet: enough to tell whether it is as it was.
#[derive(Debug)]
pub struct Found {
    /// The task's rows.
    pub row: TaskRow,
    /// The handler version that it pinned.
    pub template: Arc<Template>,
    /// When that was, by the database's clock.
    pub now: Micros,
}

/// What steps have beside the run.
#[derive(Debug)]
pub struct Steps {
    /// Which of them.
    pub range: Range<StepNo>,
    /// Their newest results or errors, by task and sequence number.
    pub outcomes: Outcomes,
    /// Inputs that somebody changed.
    pub inputs: HashMap<StepId, String>,
    /// Who holds running attempts.
    pub leases: HashMap<StepId, Lease>,
    /// Whether inputs and results are part of it.
    pub payloads: bool,
}

/// Why a read ends without what was asked for.
#[derive(Debug)]
enum ReadError {
    /// It would be more than one answer may have.
    OverBudget,
    /// Another reason.
    Other(Error),
}

impl From<OverBudget> for ReadError {
    fn from(_: OverBudget) -> Self {
        Self::OverBudget
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<store::Error> for ReadError {
    fn from(error: store::Error) -> Self {
        Self::Other(error.into())
    }
}

/// Reads snapshots.
#[derive(Debug, Clone)]
pub struct Reader {
    store: Store,
    templates: Templates,
    clock: Clock,
    /// Bytes of one answer at most, about.
    answer_bytes_max: usize,
}

impl Reader {
    /// A reader whose answers have at most about so many bytes.
    pub const fn new(store: Store, templates: Templates, clock: Clock, answer_bytes_max: usize) -> Self {
        Self { store, templates, clock, answer_bytes_max }
    }

    /// The same reader on another store that has the same data, such as a replica.
    #[must_use]
    pub fn on(&self, store: Store) -> Self {
        Self { store, ..self.clone() }
    }

    /// The store that it reads.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The compiled handlers.
    pub const fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The time by the database's clock.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Bytes of one answer at most, about.
    pub const fn answer_bytes_max(&self) -> usize {
        self.answer_bytes_max
    }

    /// One task, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn task(&self, scope: &Scope, id: TaskId, view: View) -> Result<Snapshot> {
        self.tasks(scope, &[id], view).await?.pop().ok_or_else(|| not_found(scope, id))
    }

    /// One task for a look at its row, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn find(&self, scope: &Scope, id: TaskId) -> Result<Found> {
        self.find_one(scope, id, false).await
    }

    /// The same with the task's context.
    pub async fn find_with_context(&self, scope: &Scope, id: TaskId) -> Result<Found> {
        self.find_one(scope, id, true).await
    }

    async fn find_one(&self, scope: &Scope, id: TaskId, context: bool) -> Result<Found> {
        let mut budget = Budget::new(self.answer_bytes_max);
        let found = self.found(scope, &[id], context, &mut budget).await.map_err(|error| self.refuse(error))?;
        found.into_iter().next().ok_or_else(|| not_found(scope, id))
    }

    /// Refuses with TASK_NOT_FOUND unless the task exists within the scope.
    pub async fn require(&self, scope: &Scope, id: TaskId) -> Result<()> {
        let owner = store::tasks::owner(&self.store, id).await?;
        let (template, created_by) = owner.ok_or_else(|| not_found(scope, id))?;
        if scope.covers_all() {
            return Ok(());
        }
        let template = self.templates.get(template).await?;
        if scope.covers_task(&template.namespace, created_by.as_deref()) { Ok(()) } else { Err(not_found(scope, id)) }
    }

    /// Whether the caller may see a task that another request created; not when it does not exist any more.
    pub async fn may_see(&self, scope: &Scope, id: TaskId) -> Result<bool> {
        let Some((template, created_by)) = store::tasks::owner(&self.store, id).await? else { return Ok(false) };
        let template = self.templates.get(template).await?;
        Ok(scope.may_see_task(&template.namespace, created_by.as_deref()))
    }

    /// Tasks in the order of their ids in `ids`; those that do not exist within the scope are left out.
    pub async fn tasks(&self, scope: &Scope, ids: &[TaskId], view: View) -> Result<Vec<Snapshot>> {
        self.read(scope, ids, view).await.map_err(|error| self.refuse(error))
    }

    /// As many of these tasks as one answer has room for, from the first on, at least one; and of how many ids they are.
    pub async fn page(&self, scope: &Scope, mut ids: &[TaskId], view: View) -> Result<(Vec<Snapshot>, usize)> {
        loop {
            match self.read(scope, ids, view).await {
                Ok(tasks) => return Ok((tasks, ids.len())),
                Err(ReadError::OverBudget) if ids.len() > 1 => ids = &ids[..ids.len() / 2],
                Err(error) => return Err(self.refuse(error)),
            }
        }
    }

    async fn read(&self, scope: &Scope, ids: &[TaskId], view: View) -> Result<Vec<Snapshot>, ReadError> {
        let mut budget = Budget::new(self.answer_bytes_max);
        let full = view == View::Full;
        let mut snapshots = self.rows(scope, ids, full, &mut budget).await?;
        if view != View::Basic {
            let ranges: Vec<Range<StepNo>> = snapshots.iter().map(|snapshot| 0..snapshot.run.len()).collect();
            self.add_steps(&mut snapshots, &ranges, full, &mut budget).await?;
        }
        if full {
            self.add_annotations(&mut snapshots, &mut budget).await?;
        }
        Ok(snapshots)
    }

    /// One task with some of its steps, payloads included when asked for: as many of the range as one answer has room
    /// for, at least one. STEP_NOT_FOUND when it has no such steps, TASK_NOT_FOUND when it does not exist.
    pub async fn steps(&self, scope: &Scope, id: TaskId, range: Range<StepNo>, payloads: bool) -> Result<Snapshot> {
        let mut range = range;
        loop {
            match self.read_steps(scope, id, range.clone(), payloads).await {
                Ok(snapshot) => return Ok(snapshot),
                Err(ReadError::OverBudget) if range.len() > 1 => {
                    range.end = range.start + (range.end - range.start) / 2;
                }
                Err(error) => return Err(self.refuse(error)),
            }
        }
    }

    async fn read_steps(
        &self,
        scope: &Scope,
        id: TaskId,
        range: Range<StepNo>,
        payloads: bool,
    ) -> Result<Snapshot, ReadError> {
        let mut budget = Budget::new(self.answer_bytes_max);
        let mut snapshots = self.rows(scope, &[id], payloads, &mut budget).await?;
        let Some(snapshot) = snapshots.first() else { return Err(not_found(scope, id).into()) };
        let range = range.start..range.end.min(snapshot.run.len());
        if payloads {
            // Every step whose inputs nobody changed shows the context.
            let context = snapshot.row.context.as_ref().map_or(0, String::len);
            budget.spend(context * range.len())?;
        }
        self.add_steps(&mut snapshots, &[range], payloads, &mut budget).await?;
        snapshots.pop().ok_or_else(|| not_found(scope, id).into())
    }

    /// A task as a lane left it, with its steps where they fit and can be read: what was done is answered as done.
    pub async fn changed(&self, row: TaskRow, state: TaskState) -> Snapshot {
        let snapshot = changed(row, state);
        let range = 0..snapshot.run.len();
        self.with_steps(snapshot, range, false).await
    }

    /// The same with one step, payloads included where they fit.
    pub async fn changed_step(&self, row: TaskRow, state: TaskState, no: StepNo) -> Snapshot {
        let snapshot = self.with_steps(changed(row, state), no..no + 1, true).await;
        if snapshot.steps.is_some() {
            return snapshot;
        }
        let bare = Snapshot { row: TaskRow { context: None, ..snapshot.row }, ..snapshot };
        self.with_steps(bare, no..no + 1, false).await
    }

    async fn with_steps(&self, snapshot: Snapshot, range: Range<StepNo>, payloads: bool) -> Snapshot {
        let context = snapshot.row.context.as_ref().map_or(0, String::len);
        let mut budget = Budget::new(self.answer_bytes_max.saturating_sub(context));
        let mut snapshots = [snapshot];
        let added = self.add_steps(&mut snapshots, &[range], payloads, &mut budget).await;
        if let Err(ReadError::Other(error)) = added {
            tracing::warn!(error = &error as &dyn std::error::Error, "a change is answered without its steps");
        }
        let [snapshot] = snapshots;
        snapshot
    }

    async fn rows(
        &self,
        scope: &Scope,
        ids: &[TaskId],
        contexts: bool,
        budget: &mut Budget,
    ) -> Result<Vec<Snapshot>, ReadError> {
        let found = self.found(scope, ids, contexts, budget).await?;
        found.into_iter().map(|found| found.load().map_err(ReadError::Other)).collect()
    }

    async fn found(
        &self,
        scope: &Scope,
        ids: &[TaskId],
        contexts: bool,
        budget: &mut Budget,
    ) -> Result<Vec<Found>, ReadError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = store::tasks::get(&self.store, &keys, contexts, budget).await??;
        let mut rows: HashMap<TaskId, TaskRow> = rows.into_iter().map(|row| (row.task_id, row)).collect();
        let now = self.clock.now();
        let mut found = Vec::with_capacity(rows.len());
        for id in ids {
            let Some(row) = rows.remove(id) else { continue };
            let template = self.templates.get(row.named_task_id).await?;
            if scope.covers_task(&template.namespace, row.created_by.as_deref()) {
                found.push(Found { row, template, now });
            }
        }
        Ok(found)
    }

    /// Adds what the steps of each snapshot have that lie in its range.
    async fn add_steps(
        &self,
        snapshots: &mut [Snapshot],
        ranges: &[Range<StepNo>],
        payloads: bool,
        budget: &mut Budget,
    ) -> Result<(), ReadError> {
        let (mut outcomes, mut changed, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for (snapshot, range) in snapshots.iter().zip(ranges) {
            let task = snapshot.row.task_id;
            for no in range.clone() {
                let (step, spec) = (snapshot.run.step(no), snapshot.run.template().step(no));
                let ids = spec.parents.len() + spec.children.len();
                budget.spend(STEP_BYTES + ids * ID_BYTES)?;
                if step.outcome_sequence > 0 {
                    outcomes.push((task, step.outcome_sequence));
                }
                if step.inputs_changed && payloads {
                    changed.push(task.step(no));
                }
                if step.state == crate::domain::state::State::InProgress && running.last() != Some(&task.uuid()) {
                    running.push(task.uuid());
                }
            }
        }
        let mut outcomes = store::steps::outcomes(&self.store, &outcomes, payloads, budget).await??;
        let mut inputs = store::steps::inputs(&self.store, &changed, budget).await??;
        let mut leases = match running.as_slice() {
            [] => HashMap::new(),
            tasks => store::steps::leases(&self.store, tasks).await?,
        };
        for (snapshot, range) in snapshots.iter_mut().zip(ranges) {
            let task = snapshot.row.task_id;
            let mut steps = Steps {
                range: range.clone(),
                outcomes: HashMap::new(),
                inputs: HashMap::new(),
                leases: HashMap::new(),
                payloads,
            };
            for no in range.clone() {
                let (id, step) = (task.step(no), snapshot.run.step(no));
                let key = (task, step.outcome_sequence);
                steps.outcomes.extend(outcomes.remove_entry(&key));
                steps.inputs.extend(inputs.remove_entry(&id));
                let lease = leases.remove_entry(&id);
                steps.leases.extend(lease.filter(|(_, lease)| lease.attempt == i32::from(step.token())));
            }
            snapshot.steps = Some(steps);
        }
        Ok(())
    }

    async fn add_annotations(&self, snapshots: &mut [Snapshot], budget: &mut Budget) -> Result<(), ReadError> {
        let keys: Vec<Uuid> = snapshots.iter().map(|snapshot| snapshot.row.task_id.uuid()).collect();
        let mut by_task: HashMap<TaskId, Vec<Annotation>> = HashMap::new();
        for annotation in store::annotations::list(&self.store, &keys).await? {
            budget.spend(annotation.annotation.len())?;
            by_task.entry(annotation.task_id).or_default().push(annotation);
        }
        for snapshot in snapshots {
            snapshot.annotations = by_task.remove(&snapshot.row.task_id).unwrap_or_default();
        }
        Ok(())
    }

    fn refuse(&self, error: ReadError) -> Error {
        match error {
            ReadError::OverBudget => self.too_large(),
            ReadError::Other(error) => error,
        }
    }

    fn too_large(&self) -> Error {
        let most = self.answer_bytes_max;
        Error::new(
            Reason::AnswerTooLarge,
            format!("the answer would have more than {most} bytes: ask for less at once, or for a smaller view"),
        )
        .with("limit", most.to_string())
    }
}

impl Found {
    /// The task with its run, and with nothing of its steps.
    pub fn load(self) -> Result<Snapshot> {
        let Self { row, template, now } = self;
        let run = Run::load(template, &row.stored)
            .map_err(|corrupt| store::Error::Corrupt(format!("task {}: {corrupt}", row.task_id)))?;
        Ok(Snapshot { row, run, now, steps: None, annotations: Vec::new() })
    }
}

/// TASK_NOT_FOUND.
pub fn unknown(id: TaskId) -> Error {
    Error::new(Reason::TaskNotFound, format!("there is no task {id}")).with("task_id", id.to_string())
}

/// TASK_NOT_FOUND, or that the caller lacks the permission everywhere.
pub fn not_found(scope: &Scope, id: TaskId) -> Error {
    scope.not_found(unknown(id))
}

/// A task as a lane left it, beside what its caller said once.
pub(super) fn changed(row: TaskRow, state: TaskState) -> Snapshot {
    let TaskState { run, now, started_at, finished_at, deadline_at } = state;
    let at = |at: Option<Micros>| at.map(store::lifecycle::timestamp);
    let row = TaskRow {
        stored: run.store(),
        started_at: at(started_at),
        finished_at: at(finished_at),
        deadline_at: at(deadline_at),
        ..row
    };
    Snapshot { row, run, now, steps: None, annotations: Vec::new() }
}
