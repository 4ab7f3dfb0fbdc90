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
    lifecycle::{Clock, Templates},
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

    /// One task, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn task(&self, scope: &Scope, id: TaskId, view: View) -> Result<Snapshot> {
        self.tasks(scope, &[id], view).await?.pop().ok_or_else(|| unknown(id))
    }

    /// One task for a look at its row, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn find(&self, scope: &Scope, id: TaskId) -> Result<Found> {
        let mut budget = Budget::new(self.answer_bytes_max);
        self.found(scope, &[id], false, &mut budget).await?.pop().ok_or_else(|| unknown(id))
    }

    /// Refuses with TASK_NOT_FOUND unless the task exists within the scope.
    pub async fn require(&self, scope: &Scope, id: TaskId) -> Result<()> {
        let (template, created_by) = store::tasks::owner(&self.store, id).await?.ok_or_else(|| unknown(id))?;
        if scope.covers_all() {
            return Ok(());
        }
        let template = self.templates.get(template).await?;
        if scope.covers_task(&template.namespace, created_by.as_deref()) { Ok(()) } else { Err(unknown(id)) }
    }

    /// Tasks in the order of their ids in `ids`; those that do not exist within the scope are left out.
    pub async fn tasks(&self, scope: &Scope, ids: &[TaskId], view: View) -> Result<Vec<Snapshot>> {
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

    /// One task with some of its steps, payloads included when asked for; STEP_NOT_FOUND when it has no such
    /// steps, TASK_NOT_FOUND when it does not exist.
    pub async fn steps(&self, scope: &Scope, id: TaskId, range: Range<StepNo>, payloads: bool) -> Result<Snapshot> {
        let mut budget = Budget::new(self.answer_bytes_max);
        let mut snapshots = self.rows(scope, &[id], payloads, &mut budget).await?;
        let Some(snapshot) = snapshots.first() else { return Err(unknown(id)) };
        let range = range.start..range.end.min(snapshot.run.len());
        if payloads {
            // Every step whose inputs nobody changed shows the context.
            let context = snapshot.row.context.as_ref().map_or(0, String::len);
            budget.spend(context * range.len()).map_err(|OverBudget| self.too_large())?;
        }
        self.add_steps(&mut snapshots, &[range], payloads, &mut budget).await?;
        Ok(snapshots.pop().expect("one was found"))
    }

    async fn rows(&self, scope: &Scope, ids: &[TaskId], contexts: bool, budget: &mut Budget) -> Result<Vec<Snapshot>> {
        self.found(scope, ids, contexts, budget).await?.into_iter().map(Found::load).collect()
    }

    async fn found(&self, scope: &Scope, ids: &[TaskId], contexts: bool, budget: &mut Budget) -> Result<Vec<Found>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = store::tasks::get(&self.store, &keys, contexts, budget).await?;
        let rows = rows.map_err(|OverBudget| self.too_large())?;
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
    ) -> Result<()> {
        let too_large = |OverBudget| self.too_large();
        let (mut outcomes, mut changed, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for (snapshot, range) in snapshots.iter().zip(ranges) {
            let task = snapshot.row.task_id;
            for no in range.clone() {
                let (step, spec) = (snapshot.run.step(no), snapshot.run.template().step(no));
                let ids = spec.parents.len() + spec.children.len();
                budget.spend(STEP_BYTES + ids * ID_BYTES).map_err(too_large)?;
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
        let outcomes = store::steps::outcomes(&self.store, &outcomes, payloads, budget).await?;
        let mut outcomes = outcomes.map_err(too_large)?;
        let mut inputs = store::steps::inputs(&self.store, &changed, budget).await?.map_err(too_large)?;
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

    async fn add_annotations(&self, snapshots: &mut [Snapshot], budget: &mut Budget) -> Result<()> {
        let keys: Vec<Uuid> = snapshots.iter().map(|snapshot| snapshot.row.task_id.uuid()).collect();
        let mut by_task: HashMap<TaskId, Vec<Annotation>> = HashMap::new();
        for annotation in store::annotations::list(&self.store, &keys).await? {
            budget.spend(annotation.annotation.len()).map_err(|OverBudget| self.too_large())?;
            by_task.entry(annotation.task_id).or_default().push(annotation);
        }
        for snapshot in snapshots {
            snapshot.annotations = by_task.remove(&snapshot.row.task_id).unwrap_or_default();
        }
        Ok(())
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
