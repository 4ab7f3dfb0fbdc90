//! `tasker get`: shows a task or a step.

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    input::{self, from_proto},
    output::Out,
    remote::Remote,
    shape,
    style::{Tone, cut, one_line, tone},
    target::Reference,
    terminal::Size,
    watch::{self, Board},
};

use crate::domain::state::State;

/// The most columns of a payload that are shown to people.
const PAYLOAD_COLUMNS_MAX: usize = 1_000;

/// How much of a task to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum View {
    /// The task alone.
    Basic,
    /// With its steps.
    Steps,
    /// With its steps, payloads and annotations.
    Full,
}

impl From<View> for pb::TaskView {
    fn from(view: View) -> Self {
        match view {
            View::Basic => Self::Basic,
            View::Steps => Self::Steps,
            View::Full => Self::Full,
        }
    }
}

/// Shows a task or a step
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker get TASK                            the task and its steps
  tasker get TASK/fetch                      one step, inputs and results
  tasker get STEP                            the same by the step's id
  tasker get TASK --history                  every move of the task
  tasker get TASK --view full --output json  everything
  tasker get TASK/report --field /text       one field of the results

--field takes a JSON pointer into the results of a step, or into the context of
a task.")]
pub(crate) struct Args {
    /// A task, a step, or TASK/STEP-NAME
    #[arg(value_name = "TASK|STEP")]
    target: Reference,
    /// How much of a task to show
    #[arg(long, value_enum, default_value = "steps")]
    view: View,
    /// The transitions instead: the audit trail
    #[arg(long, conflicts_with = "field")]
    history: bool,
    /// Only this field of the results, as a JSON pointer
    #[arg(long, value_name = "POINTER")]
    field: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.get(context)).await
}

impl Args {
    async fn get(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let target = self.target.find(context, &client).await?;
        let step_id = target.step_id(&client).await?;
        if self.history {
            history(&client, out, target.task_id(), step_id.unwrap_or_default()).await?;
            return Ok(ExitCode::SUCCESS);
        }
        match step_id {
            Some(step_id) => {
                let request = pb::GetStepRequest { step_id };
                let step = client.steps().get_step(request).await?.into_inner().step.unwrap_or_default();
                match &self.field {
                    Some(pointer) => field(out, &step.results_json, pointer)?,
                    None => show_step(out, &step),
                }
            }
            None => {
                let view = if self.field.is_some() { View::Full } else { self.view };
                let request = pb::GetTaskRequest {
                    task_id: target.task_id(),
                    view: pb::TaskView::from(view).into(),
                    ..pb::GetTaskRequest::default()
                };
                let task = client.tasks().get_task(request).await?.into_inner().task.unwrap_or_default();
                match &self.field {
                    Some(pointer) => field(out, &task.context_json, pointer)?,
                    None => show_task(out, &task),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints one field of a payload.
fn field(out: Out, json: &str, pointer: &str) -> Result<(), Failure> {
    let payload: serde_json::Value = serde_json::from_str(if json.is_empty() { "null" } else { json })
        .map_err(|error| Failure::local(format!("the payload is not JSON: {error}"), "get it without --field"))?;
    let rooted =
        if pointer.is_empty() || pointer.starts_with('/') { pointer.to_owned() } else { format!("/{pointer}") };
    let Some(found) = payload.pointer(&rooted) else {
        let names: Vec<&str> = payload.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        return Err(Failure::local(
            format!("the payload has nothing at {rooted}"),
            format!("its top level has: {}", names.join(", ")),
        ));
    };
    match found {
        serde_json::Value::String(text) if !out.is_json() => out.line(text),
        other => out.document(other),
    }
    Ok(())
}

/// Prints a task.
pub(crate) fn show_task(out: Out, task: &pb::Task) {
    if out.is_json() {
        return out.document(&shape::task(task));
    }
    let board = Board::new(task);
    let mut lines = Lines::new(out);
    lines.add("task", &task.task_id);
    lines.add("handler", &shape::full_name(task.handler.as_ref()));
    lines.state(task.state, &task.state_reason);
    if let Some(execution) = &task.execution {
        lines.add("progress", &progress(execution, board.state));
    }
    lines.add("asked", &asked(task));
    lines.add("tags", &task.tags.join(", "));
    lines.add("correlation", &task.correlation_id);
    lines.add("requested", &shape::time(task.request_time).unwrap_or_default());
    lines.add("started", &shape::time(task.start_time).unwrap_or_default());
    lines.add("finished", &shape::time(task.finish_time).unwrap_or_default());
    lines.add("deadline", &shape::time(task.deadline_time).unwrap_or_default());
    lines.payload("context", &task.context_json);
    for note in &task.annotations {
        lines.add("note", &format!("{}: {}", note.annotation_type, note.annotation_json));
    }
    if !task.steps.is_empty() {
        out.line("");
        let size = Size { columns: out.columns().unwrap_or(160), lines: usize::MAX };
        for line in watch::steps(&board, input::now().timestamp_micros(), out.paint, size) {
            out.line(&line);
        }
    }
}

/// Prints a step.
pub(crate) fn show_step(out: Out, step: &pb::Step) {
    if out.is_json() {
        return out.document(&shape::step(step));
    }
    let mut lines = Lines::new(out);
    lines.add("step", &step.step_id);
    lines.add("name", &step.name);
    lines.add("task", &step.task_id);
    lines.add("runs", &format!("{} on {}", step.step_handler, step.dependent_system));
    lines.state(step.state, if step.bypassed { "bypassed" } else { "" });
    lines.add("attempts", &format!("{} of {}", step.attempts, step.retry_limit));
    lines.add("attempted", &shape::time(step.last_attempt_time).unwrap_or_default());
    lines.add("finished", &shape::time(step.complete_time).unwrap_or_default());
    lines.add("next retry", &shape::time(step.retry_time).unwrap_or_default());
    if let Some(readiness) = &step.readiness {
        lines.add("parents", &format!("{} of {} done", readiness.completed_parents, readiness.total_parents));
    }
    if let Some(lease) = &step.lease {
        lines
            .add("worker", &format!("{} since {}", lease.worker_id, shape::time(lease.claim_time).unwrap_or_default()));
    }
    if let Some(failure) = &step.failure {
        let kind = if failure.permanent { " (permanent)" } else { "" };
        lines.add("failure", &format!("{}: {}{kind}", failure.error_class, failure.message));
        for frame in failure.backtrace.lines() {
            lines.add("", frame);
        }
    }
    lines.payload("inputs", &step.inputs_json);
    lines.payload("results", &step.results_json);
}

/// Prints every move.
async fn history(client: &Client, out: Out, task_id: String, step_id: String) -> Result<(), Failure> {
    let mut request = pb::ListTransitionsRequest { task_id, step_id, page_size: 1_000, ..Default::default() };
    loop {
        let page = client.tasks().list_transitions(request.clone()).await?.into_inner();
        for transition in &page.transitions {
            if out.is_json() {
                out.record(&shape::transition(transition));
            } else {
                out.line(&move_line(out, transition));
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

fn move_line(out: Out, transition: &pb::Transition) -> String {
    let who = if transition.step_name.is_empty() { "task" } else { &transition.step_name };
    let from = from_proto(transition.from_state).map_or("created", State::label);
    let to = from_proto(transition.to_state).unwrap_or_default();
    let attempt = if transition.attempt > 0 { format!("  attempt {}", transition.attempt) } else { String::new() };
    let cause = match shape::cause_line(transition) {
        line if line.is_empty() => line,
        line => format!("  {}", out.paint.tone(Tone::Dim, &one_line(&line))),
    };
    let moved = format!("{from} → {}", out.paint.tone(tone(to), to.label()));
    let time = shape::time(transition.transition_time).unwrap_or_default();
    format!("{:>5}  {time}  {}  {moved}{attempt}{cause}", transition.sequence, one_line(who))
}

fn progress(execution: &pb::Execution, state: State) -> String {
    let status = shape::enum_label(execution.execution_status().as_str_name(), "EXECUTION_STATUS_");
    let action = shape::enum_label(execution.recommended_action().as_str_name(), "RECOMMENDED_ACTION_");
    let health = shape::enum_label(execution.health_status().as_str_name(), "HEALTH_STATUS_");
    let next = if state.is_settled_task() { String::new() } else { format!("; {status}, so {action}") };
    format!(
        "{} of {} steps, {} %, {health}{next}",
        execution.completed_steps, execution.total_steps, execution.completion_percentage
    )
}

fn asked(task: &pb::Task) -> String {
    format!("by {} from {}, because {}", task.initiator, task.source_system, task.reason)
}

/// Names and values below one another.
struct Lines {
    out: Out,
}

impl Lines {
    fn new(out: Out) -> Self {
        Self { out }
    }

    fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.out.line(&format!("{}  {}", self.out.paint.tone(Tone::Dim, &format!("{name:<11}")), one_line(value)));
        }
    }

    /// A payload; a long one is cut.
    fn payload(&mut self, name: &str, json: &str) {
        let shown = cut(&one_line(json), PAYLOAD_COLUMNS_MAX);
        let rest =
            if shown.len() < json.len() { format!(" ({} bytes; -o json has all)", json.len()) } else { String::new() };
        self.add(name, &format!("{shown}{rest}"));
    }

    fn state(&mut self, state: i32, reason: &str) {
        let state = from_proto(state).unwrap_or_default();
        let reason = if reason.is_empty() { String::new() } else { format!(" ({})", one_line(reason)) };
        let name = self.out.paint.tone(Tone::Dim, &format!("{:<11}", "state"));
        self.out.line(&format!("{name}  {}{reason}", self.out.paint.tone(tone(state), state.label())));
    }
}
