//! Transitions read as events.
//!
//! What one commit did to one task is a group of transitions; the groups of a task follow one another without
//! gaps. [`derive`] reads one group. Every transition tells the events that belong to it; what a group tells as a
//! whole, such as that steps were found to run, is told by its first claim or its last result. So an event has a
//! place that never changes: its transition, and its number among the events of that transition.
//!
//! | transition | events, in order |
//! |---|---|
//! | any change of state | `task.before_transition` or `step.before_transition`, then the state machine's own |
//! | a task is created | … `observability.task.enqueue` |
//! | a task starts or goes on | … `workflow.task_started` |
//! | a task waits | … `workflow.no_viable_steps`, `workflow.task_reenqueue_delayed` |
//! | a task ends | … `workflow.task_finalization_started`, `workflow.task_completed` or `_failed`, `…_finalization_completed` |
//! | a step is bypassed | … `observability.step.skip` |
//! | an attempt begins | … `step.before_handle`; the first of a group: what steps were found, and that they start |
//! | an attempt ends | … `workflow.step_completed` or `_failed`, `observability.step.backoff` or `.max_retries_reached`; the last of a group: that the steps have run |
//!
//! Names and payloads are those of the original service; each occurrence is told once.

use serde_json::{Value, value::RawValue};

use super::payload::{Payload, seconds, time};
use crate::domain::{
    audit::Note,
    ids::{StepNo, TaskId},
    run::Micros,
    state::{Owner, State, event},
    template::Template,
};

/// The task that a group belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The task.
    pub task: TaskId,
    /// Its handler.
    pub template: &'a Template,
    /// When it was created.
    pub created_at: Micros,
    /// Its input as JSON text; `None` when it is not wanted or too large.
    pub context: Option<&'a str>,
}

/// The steps before a group. Only read when the task itself moves; otherwise the default will do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// Steps that are complete or resolved.
    pub completed: u32,
    /// Steps that have failed, with the time of the next attempt if there is one.
    pub failed: Vec<(StepNo, Option<Micros>)>,
}

/// One transition.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number within the task.
    pub sequence: u32,
    /// The step, or `None` for the task's own.
    pub step: Option<StepNo>,
    /// The state before.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// The attempt, 0 for none.
    pub attempt: u16,
    /// When.
    pub at: Micros,
    /// When the attempt that the row settles began.
    pub started_at: Option<Micros>,
    /// The attempts that the step is allowed, if they are not the handler's.
    pub retry_limit: Option<u16>,
    /// Changed inputs of the step as JSON text, if it has some and they are not too large.
    pub inputs: Option<String>,
    /// Results as JSON text, if there are some and they are not too large.
    pub results: Option<String>,
    /// Bytes of results or inputs that are too large to be carried along.
    pub omitted_bytes: Option<i64>,
    /// What the audit trail says, as JSON text.
    pub metadata: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name in the catalog.
    pub name: &'static str,
    /// The transition that it is read from.
    pub sequence: u32,
    /// Its number among the events of that transition, from 0.
    pub nth: u8,
    /// The step, if it is about one.
    pub step: Option<StepNo>,
    /// When it happened.
    pub at: Micros,
    /// What it says.
    pub payload: Payload,
}

/// Reads a group of transitions, which are in order.
pub fn derive(subject: Subject<'_>, before: &Before, rows: &[Row]) -> Vec<Event> {
    let mut reader = Reader { subject, steps: before.clone(), claims: Vec::new(), settled: (0, 0), events: Vec::new() };
    reader.claims = rows.iter().filter(|row| row.begins()).filter_map(|row| row.step).collect();
    let first_claim = rows.iter().find(|row| row.begins()).map(|row| row.sequence);
    let last_result = rows.iter().rev().find(|row| row.settles()).map(|row| row.sequence);
    for row in rows {
        if row.from == Some(row.to) {
            // Noted without a move.
            continue;
        }
        let note = Note::read(row.metadata.as_deref());
        match row.step {
            None => reader.task(row, &note),
            Some(no) => reader.step(no, row, &note),
        }
        if first_claim == Some(row.sequence) {
            reader.steps_found(row);
        }
        if last_result == Some(row.sequence) {
            reader.steps_ran(row);
        }
    }
    reader.events
}

impl Row {
    /// Whether an attempt begins.
    fn begins(&self) -> bool {
        self.step.is_some() && self.to == State::InProgress && self.from != Some(State::InProgress)
    }

    /// Whether an attempt ends with a result.
    fn settles(&self) -> bool {
        self.step.is_some() && self.from == Some(State::InProgress) && matches!(self.to, State::Complete | State::Error)
    }
}

struct Reader<'a> {
    subject: Subject<'a>,
    /// The steps as they are before the row that is read.
    steps: Before,
    /// Steps that begin in this group.
    claims: Vec<StepNo>,
    /// Attempts that have ended in this group so far, and those that ended well.
    settled: (u32, u32),
    events: Vec<Event>,
}

impl Reader<'_> {
    fn tell(&mut self, name: &'static str, row: &Row, payload: Payload) {
        self.push(name, row, row.step, payload);
    }

    fn push(&mut self, name: &'static str, row: &Row, step: Option<StepNo>, payload: Payload) {
        let nth = self.events.iter().rev().take_while(|event| event.sequence == row.sequence).count();
        let nth = u8::try_from(nth).expect("a transition tells a handful of events");
        let payload = payload.with("event_type", name).with("timestamp", time(row.at));
        self.events.push(Event { name, sequence: row.sequence, nth, step, at: row.at, payload });
    }

    fn task(&mut self, row: &Row, note: &Note<'_>) {
        let Some(name) = event(Owner::Task, row.from, row.to) else { return };
        if let Some(from) = row.from {
            let moved = self.base(row).with("from_state", from.label()).with("to_state", row.to.label());
            self.tell("task.before_transition", row, moved);
        }
        let base = asked(self.base(row), note);
        match row.to {
            State::Pending if row.from.is_none() => {
                self.tell(name, row, base);
                let enqueued = self.workflow().with("step_count", self.total());
                self.tell("observability.task.enqueue", row, enqueued);
            }
            State::Pending if row.from == Some(State::Error) => {
                self.tell(name, row, base.with("retry_reason", "Task retry requested"));
            }
            State::Pending => {
                self.tell(name, row, base);
                self.waits(row, note);
            }
            State::InProgress => {
                let started = base.with_json("task_context", self.subject.context);
                self.tell(name, row, started);
                let workflow = self.workflow().with("step_count", self.total());
                self.tell("workflow.task_started", row, workflow);
            }
            State::Error => {
                let failed =
                    base.with("error_message", "Task execution failed").with_some("error_steps", self.error_steps());
                self.ends(name, row, failed);
            }
            State::Cancelled => {
                let reason = note.reason.clone().unwrap_or_else(|| "Task cancelled".to_owned());
                self.ends(name, row, base.with("cancellation_reason", reason));
            }
            State::Complete | State::ResolvedManually => self.ends(name, row, base),
        }
    }

    /// The task has nothing to do until a backoff is over.
    fn waits(&mut self, row: &Row, note: &Note<'_>) {
        let reason = note.reason.clone().unwrap_or_else(|| "waiting_for_dependencies".to_owned());
        let idle = self.workflow().with("reason", reason.clone());
        self.tell("workflow.no_viable_steps", row, idle.clone());
        let next = self.steps.failed.iter().filter_map(|(_, at)| *at).min();
        let delayed = idle
            .with_some("delay_seconds", next.map(|at| seconds(at - row.at)))
            .with_some("scheduled_for", next.map(time));
        self.tell("workflow.task_reenqueue_delayed", row, delayed);
    }

    fn ends(&mut self, name: &'static str, row: &Row, payload: Payload) {
        self.tell(name, row, payload);
        let processed = self.steps.completed + self.failed();
        let finalized = self.workflow().with("processed_steps_count", processed);
        self.tell("workflow.task_finalization_started", row, finalized.clone());
        let finalized = finalized.with("final_status", row.to.label());
        match row.to {
            State::Complete => self.tell("workflow.task_completed", row, finalized.clone()),
            State::Error => self.tell("workflow.task_failed", row, finalized.clone()),
            _ => {}
        }
        self.tell("workflow.task_finalization_completed", row, finalized);
    }

    fn step(&mut self, no: StepNo, row: &Row, note: &Note<'_>) {
        let Some(name) = event(Owner::Step, row.from, row.to) else { return };
        let base = self.step_base(no, row);
        if let Some(from) = row.from {
            let moved = base.clone().with("from_state", from.label()).with("to_state", row.to.label());
            self.tell("step.before_transition", row, moved);
        }
        match row.to {
            State::Pending => {
                let retried = asked(base, note)
                    .with("previous_attempts", row.attempt.saturating_sub(1))
                    .with("retry_reason", "Step execution failed")
                    .with("backoff_strategy", "exponential");
                self.tell(name, row, retried);
            }
            State::InProgress => self.begins(name, no, row, base),
            State::Complete => self.completes(name, row, note, base),
            State::Error => self.fails(name, row, note, base),
            State::Cancelled => {
                let reason = note.reason.clone().unwrap_or_else(|| "Step cancelled".to_owned());
                self.tell(name, row, asked(base, note).with("cancellation_reason", reason));
            }
            State::ResolvedManually => {
                let resolved = asked(base, note).with_json("step_results", row.results.as_deref());
                self.tell(name, row, resolved);
            }
        }
        self.steps.apply(no, row, note.retry_at);
    }

    fn begins(&mut self, name: &'static str, no: StepNo, row: &Row, base: Payload) {
        let parents = &self.subject.template.step(no).parents;
        let parents: Vec<Value> = parents.iter().map(|parent| self.name(*parent).into()).collect();
        let unchanged = if row.omitted_bytes.is_none() { self.subject.context } else { None };
        let begun = base
            .with("step_dependencies", parents)
            .with_json("step_inputs", row.inputs.as_deref().or(unchanged))
            .with_some("omitted_bytes", row.omitted_bytes);
        self.tell(name, row, begun.clone());
        self.tell("step.before_handle", row, begun);
    }

    fn completes(&mut self, name: &'static str, row: &Row, note: &Note<'_>, base: Payload) {
        let completed = base.with("execution_duration", row.duration());
        if note.bypassed {
            self.tell(name, row, completed.clone().with("bypassed", true));
            self.tell("observability.step.skip", row, completed);
            return;
        }
        self.settled = (self.settled.0 + 1, self.settled.1 + 1);
        let completed =
            completed.with_json("step_results", row.results.as_deref()).with_some("omitted_bytes", row.omitted_bytes);
        self.tell(name, row, completed.clone());
        self.tell("workflow.step_completed", row, completed);
    }

    fn fails(&mut self, name: &'static str, row: &Row, note: &Note<'_>, base: Payload) {
        self.settled.0 += 1;
        let backoff = base.clone();
        let failed = base
            .with("execution_duration", row.duration())
            .with("error_message", note.message.clone().unwrap_or_else(|| "Unknown error".to_owned()))
            .with("exception_class", note.error_class.clone().unwrap_or_else(|| "StandardError".to_owned()))
            .with("is_retryable", note.retry_at.is_some())
            .with_some("error_code", note.error_code.clone())
            .with_some("backtrace", note.backtrace.clone())
            .with_json("step_results", note.context.map(RawValue::get));
        self.tell(name, row, failed.clone());
        self.tell("workflow.step_failed", row, failed.clone());
        if let Some(at) = note.retry_at {
            let backoff = backoff
                .with("backoff_seconds", seconds(at - row.at))
                .with("backoff_type", "exponential")
                .with("next_retry_at", time(at));
            self.tell("observability.step.backoff", row, backoff);
        } else if !note.permanent {
            self.tell("observability.step.max_retries_reached", row, failed);
        }
    }

    fn steps_found(&mut self, row: &Row) {
        let count = self.claims.len();
        let ids = |no: &StepNo| Value::from(self.subject.task.step(*no).to_string());
        let found = self.workflow().with("step_count", count).with("processing_mode", "concurrent");
        let listed = found.clone().with("step_ids", self.claims.iter().map(ids).collect::<Vec<_>>());
        self.push("workflow.viable_steps_discovered", row, None, listed);
        self.push("workflow.steps_execution_started", row, None, found);
    }

    fn steps_ran(&mut self, row: &Row) {
        let (processed, well) = self.settled;
        let ran = self.workflow().with("processed_count", processed).with("successful_count", well);
        self.push("workflow.steps_execution_completed", row, None, ran);
    }

    /// What every event of a task says.
    fn base(&self, row: &Row) -> Payload {
        let Subject { task, template, created_at, .. } = self.subject;
        let total = self.total();
        let (completed, failed) = (self.steps.completed, self.failed());
        let done = completed == total;
        let payload = Payload::default()
            .with("task_id", task.to_string())
            .with("task_name", &*template.name)
            .with("task_type", template.full_name())
            .with("namespace", &*template.namespace)
            .with_time("started_at", Some(created_at))
            .with_time("completed_at", done.then_some(row.at))
            .with("total_steps", total)
            .with("completed_steps", completed)
            .with("failed_steps", failed)
            .with("pending_steps", total.saturating_sub(completed + failed));
        let lived = seconds(row.at - created_at);
        payload.with(if done { "total_execution_duration" } else { "current_execution_duration" }, lived)
    }

    /// What every event of a step says.
    fn step_base(&self, no: StepNo, row: &Row) -> Payload {
        let spec = self.subject.template.step(no);
        let settled = matches!(row.to, State::Complete | State::Error | State::ResolvedManually | State::Cancelled);
        let started = if row.begins() { Some(row.at) } else { row.started_at };
        Payload::default()
            .with("task_id", self.subject.task.to_string())
            .with("step_id", self.subject.task.step(no).to_string())
            .with("step_name", &*spec.name)
            .with("handler_class", &*spec.handler_class)
            .with_time("started_at", started)
            .with_time("completed_at", settled.then_some(row.at))
            .with("attempt_number", row.attempt.max(1))
            .with("retry_limit", row.retry_limit.unwrap_or(spec.retry_limit))
    }

    /// What every event of the orchestration says.
    fn workflow(&self) -> Payload {
        Payload::default()
            .with("orchestration_event", true)
            .with("task_id", self.subject.task.to_string())
            .with("task_name", &*self.subject.template.name)
    }

    fn total(&self) -> u32 {
        u32::try_from(self.subject.template.steps.len()).expect("steps_per_task is checked at registration")
    }

    fn failed(&self) -> u32 {
        u32::try_from(self.steps.failed.len()).expect("no more than there are steps")
    }

    fn name(&self, no: StepNo) -> &str {
        &self.subject.template.step(no).name
    }

    fn error_steps(&self) -> Option<Vec<Value>> {
        /// A failed task of ten thousand steps needs not name all of them.
        const NAMES_MAX: usize = 100;
        let names: Vec<Value> = self.steps.failed.iter().take(NAMES_MAX).map(|(no, _)| self.name(*no).into()).collect();
        (!names.is_empty()).then_some(names)
    }
}

impl Row {
    /// How long the attempt took, in seconds; zero when nobody ran.
    fn duration(&self) -> f64 {
        self.started_at.map_or(0.0, |started| seconds(self.at - started))
    }
}

impl Before {
    fn apply(&mut self, no: StepNo, row: &Row, retry_at: Option<Micros>) {
        match row.from {
            Some(State::Error) => self.failed.retain(|(failed, _)| *failed != no),
            Some(State::Complete | State::ResolvedManually) => self.completed = self.completed.saturating_sub(1),
            _ => {}
        }
        match row.to {
            State::Error => self.failed.push((no, retry_at)),
            State::Complete | State::ResolvedManually => self.completed += 1,
            _ => {}
        }
    }
}

/// Adds who asked for it, if somebody did.
fn asked(payload: Payload, note: &Note<'_>) -> Payload {
    payload
        .with_some("operation", note.operation.clone())
        .with_some("requested_by", note.requested_by.clone())
        .with_some("reason", note.reason.clone())
}
