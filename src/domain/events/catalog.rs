//! The catalog of system events: what each is called, when it is told, and what it says.
//!
//! One line an event, grouped by who tells it. Names that the original declares and nothing can tell are listed
//! with nobody who fires them, so that a subscriber to them is not refused and learns why it hears nothing.

use serde_json::{Map, Value, json};

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// A task.
    Task,
    /// A step.
    Step,
    /// The work of the engine on a task.
    Workflow,
    /// What is told for the sake of observers only.
    Observability,
    /// The export of metrics.
    Telemetry,
    /// What is registered.
    Registry,
    /// What workers and clients publish.
    Custom,
}

/// A system event.
#[derive(Debug, Clone, Copy)]
pub struct EventType {
    /// The name.
    pub name: &'static str,
    /// What it is about.
    pub category: Category,
    /// When it is told.
    pub description: &'static str,
    /// Who tells it; nobody for names that are only declared.
    pub fired_by: &'static [&'static str],
    /// What its payload has beyond `event_type` and `timestamp`.
    pub fields: &'static [&'static [Field]],
}

/// A field of a payload.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// Its type in JSON Schema.
    pub kind: &'static str,
    /// Whether every such event has it.
    pub required: bool,
    /// An example as JSON text.
    pub example: &'static str,
}

const fn must(name: &'static str, kind: &'static str, example: &'static str) -> Field {
    Field { name, kind, required: true, example }
}

const fn may(name: &'static str, kind: &'static str, example: &'static str) -> Field {
    Field { name, kind, required: false, example }
}

const TASK_ID: &str = r#""019e2a7c-5b1f-7d0e-9d0a-5f2c1d3e0000""#;
const STEP_ID: &str = r#""019e2a7c-5b1f-7d0e-9d0a-5f2c1d3e0001""#;
const EARLIER: &str = r#""2026-11-21T09:00:00.000000Z""#;
const LATER: &str = r#""2026-11-21T09:00:01.250000Z""#;

const TASK: &[Field] = &[
    must("task_id", "string", TASK_ID),
    must("task_name", "string", r#""fulfil_order""#),
    must("task_type", "string", r#""default.fulfil_order@1.0.0""#),
    must("namespace", "string", r#""default""#),
    must("started_at", "string", EARLIER),
    must("completed_at", "string or null", "null"),
    must("total_steps", "integer", "4"),
    must("completed_steps", "integer", "2"),
    must("failed_steps", "integer", "1"),
    must("pending_steps", "integer", "1"),
    may("total_execution_duration", "number", "1.25"),
    may("current_execution_duration", "number", "1.25"),
];
const STEP: &[Field] = &[
    must("task_id", "string", TASK_ID),
    must("step_id", "string", STEP_ID),
    must("step_name", "string", r#""charge_card""#),
    must("handler_class", "string", r#""Payments::ChargeCard""#),
    must("started_at", "string or null", EARLIER),
    must("completed_at", "string or null", LATER),
    must("attempt_number", "integer", "1"),
    must("retry_limit", "integer", "3"),
];
const WORKFLOW: &[Field] = &[
    must("orchestration_event", "boolean", "true"),
    must("task_id", "string", TASK_ID),
    must("task_name", "string", r#""fulfil_order""#),
];
const MOVE: &[Field] = &[must("from_state", "string", r#""pending""#), must("to_state", "string", r#""in_progress""#)];
const ASKED: &[Field] = &[
    may("operation", "string", r#""retry_step""#),
    may("requested_by", "string", r#""ops@example.com""#),
    may("reason", "string", r#""the carrier is back""#),
];
const STEP_COUNT: &[Field] = &[must("step_count", "integer", "4")];
const MODE: &[Field] = &[must("processing_mode", "string", r#""concurrent""#)];
const REASON: &[Field] = &[must("reason", "string", r#""waiting_for_dependencies""#)];
const CANCELLED: &[Field] = &[must("cancellation_reason", "string", r#""the order was withdrawn""#)];
const DURATION: &[Field] = &[must("execution_duration", "number", "1.25")];
const RESULTS: &[Field] =
    &[may("step_results", "any", r#"{"charged": true}"#), may("omitted_bytes", "integer", "1048576")];
const FAILURE: &[Field] = &[
    must("error_message", "string", r#""card declined""#),
    must("exception_class", "string", r#""CardDeclined""#),
    must("is_retryable", "boolean", "true"),
    may("error_code", "string", r#""DECLINED""#),
    may("backtrace", "string", r#""payments.rb:12""#),
    may("step_results", "any", "{}"),
];
const BEGUN: &[Field] = &[
    must("step_dependencies", "array", r#"["reserve_stock"]"#),
    may("step_inputs", "any", r#"{"order_id": 7}"#),
    may("omitted_bytes", "integer", "1048576"),
];
const PROCESSED: &[Field] = &[must("processed_steps_count", "integer", "4")];
const FINAL: &[Field] = &[must("final_status", "string", r#""complete""#)];

const WRITER: &[&str] = &["state machine"];
const ENGINE: &[&str] = &["engine"];
const NOBODY: &[&str] = &[];

macro_rules! events {
    ($($category:ident $name:literal by $by:ident [$($fields:expr),*] $description:literal;)*) => {
        &[$(EventType {
            name: $name,
            category: Category::$category,
            description: $description,
            fired_by: $by,
            fields: &[$($fields),*],
        },)*]
    };
}

/// Every system event.
pub const CATALOG: &[EventType] = events! {
    Task "task.initialize_requested" by WRITER [TASK, ASKED] "A task was created, or waits to be looked at again.";
    Task "task.start_requested" by WRITER [TASK, ASKED, &[may("task_context", "any", r#"{"order_id": 7}"#)]]
        "A task starts, or goes on after waiting.";
    Task "task.completed" by WRITER [TASK, ASKED] "All steps of a task are complete or resolved.";
    Task "task.failed" by WRITER [TASK, ASKED, &[
            must("error_message", "string", r#""Task execution failed""#),
            may("error_steps", "array", r#"["charge_card"]"#),
        ]] "A task failed: nothing of it can move any more.";
    Task "task.retry_requested" by WRITER [TASK, ASKED, &[must("retry_reason", "string", r#""Task retry requested""#)]]
        "A failed task is to move again.";
    Task "task.cancelled" by WRITER [TASK, ASKED, CANCELLED] "A task was cancelled.";
    Task "task.resolved_manually" by WRITER [TASK, ASKED] "Somebody declared a failed task done.";
    Task "task.before_transition" by WRITER [TASK, MOVE] "A task changes its state.";

    Step "step.initialize_requested" by NOBODY [STEP] "Declared only: steps begin as pending with their task.";
    Step "step.execution_requested" by WRITER [STEP, BEGUN] "An attempt begins.";
    Step "step.before_handle" by WRITER [STEP, BEGUN] "An attempt is handed to a worker.";
    Step "step.handle" by NOBODY [STEP] "Declared only: what happens inside a worker is not seen here.";
    Step "step.completed" by WRITER [STEP, DURATION, RESULTS, &[may("bypassed", "boolean", "true")]]
        "An attempt ended well, or the step was bypassed.";
    Step "step.failed" by WRITER [STEP, DURATION, FAILURE] "An attempt failed or was lost.";
    Step "step.retry_requested" by WRITER [STEP, ASKED, &[
            must("previous_attempts", "integer", "0"),
            must("retry_reason", "string", r#""Step execution failed""#),
            must("backoff_strategy", "string", r#""exponential""#),
        ]] "A failed step is to be tried again now.";
    Step "step.cancelled" by WRITER [STEP, ASKED, CANCELLED] "A step was cancelled.";
    Step "step.resolved_manually" by WRITER [STEP, ASKED, &[may("step_results", "any", "{}")]]
        "Somebody declared a step done.";
    Step "step.before_transition" by WRITER [STEP, MOVE] "A step changes its state.";

    Workflow "workflow.task_started" by ENGINE [WORKFLOW, STEP_COUNT] "The engine begins, or goes on, with a task.";
    Workflow "workflow.task_completed" by ENGINE [WORKFLOW, PROCESSED, FINAL] "The engine ended a task well.";
    Workflow "workflow.task_failed" by ENGINE [WORKFLOW, PROCESSED, FINAL] "The engine ended a task in error.";
    Workflow "workflow.step_completed" by ENGINE [STEP, DURATION, RESULTS] "The engine took a step's good result.";
    Workflow "workflow.step_failed" by ENGINE [STEP, DURATION, FAILURE] "The engine took a step's failure.";
    Workflow "workflow.viable_steps_discovered" by ENGINE [WORKFLOW, STEP_COUNT, MODE, &[
            must("step_ids", "array", r#"["019e2a7c-5b1f-7d0e-9d0a-5f2c1d3e0001"]"#),
        ]] "Steps of a task were found that could run, and got workers.";
    Workflow "workflow.no_viable_steps" by ENGINE [WORKFLOW, REASON] "A task has nothing to run for the time being.";
    Workflow "workflow.steps_execution_started" by ENGINE [WORKFLOW, STEP_COUNT, MODE] "Steps of a task start together.";
    Workflow "workflow.steps_execution_completed" by ENGINE [WORKFLOW, &[
            must("processed_count", "integer", "2"),
            must("successful_count", "integer", "1"),
        ]] "Results of steps of a task were taken together.";
    Workflow "workflow.task_finalization_started" by ENGINE [WORKFLOW, PROCESSED] "The engine ends a task.";
    Workflow "workflow.task_finalization_completed" by ENGINE [WORKFLOW, PROCESSED, FINAL] "The engine ended a task.";
    Workflow "workflow.task_reenqueue_delayed" by ENGINE [WORKFLOW, REASON, &[
            may("delay_seconds", "number", "4.0"),
            may("scheduled_for", "string", LATER),
        ]] "A task will be looked at again, at the latest at the time that is given.";
    Workflow "workflow.task_reenqueue_started" by NOBODY [WORKFLOW] "Declared only: a task that waits is not queued as a job.";
    Workflow "workflow.task_reenqueue_requested" by NOBODY [WORKFLOW] "Declared only: a task that waits is not queued as a job.";
    Workflow "workflow.task_reenqueue_failed" by NOBODY [WORKFLOW] "Declared only: waiting cannot fail.";
    Workflow "workflow.orchestration_requested" by NOBODY [WORKFLOW] "Declared only: nobody needs to ask.";
    Workflow "workflow.task_state_unclear" by NOBODY [WORKFLOW] "Declared only: a task's state follows from its steps.";
    Workflow "workflow.step_execution_failed" by NOBODY [STEP] "Declared only: see step.failed and its exception_class.";
    Workflow "workflow.viable_steps_batch_ready" by NOBODY [WORKFLOW] "Declared only: steps are not run in batches.";

    Observability "observability.task.enqueue" by ENGINE [WORKFLOW, STEP_COUNT] "A task was taken in.";
    Observability "observability.task.handle" by NOBODY [WORKFLOW] "Declared only: see workflow.task_started.";
    Observability "observability.task.finalize" by NOBODY [WORKFLOW] "Declared only: see workflow.task_finalization_started.";
    Observability "observability.step.handle" by NOBODY [STEP] "Declared only: see step.before_handle.";
    Observability "observability.step.find_viable" by NOBODY [WORKFLOW] "Declared only: see workflow.viable_steps_discovered.";
    Observability "observability.step.backoff" by ENGINE [STEP, &[
            must("backoff_seconds", "number", "4.0"),
            must("backoff_type", "string", r#""exponential""#),
            must("next_retry_at", "string", LATER),
        ]] "A failed step waits for its next attempt.";
    Observability "observability.step.skip" by ENGINE [STEP, DURATION] "A step was bypassed.";
    Observability "observability.step.max_retries_reached" by ENGINE [STEP, DURATION, FAILURE]
        "A step failed and has no attempt left.";

    Telemetry "tasker.telemetry.cache_synced" by NOBODY [] "Declared only: metrics are not kept in a cache.";
    Telemetry "tasker.telemetry.export_requested" by NOBODY [] "Declared only: metrics are exported by OpenTelemetry.";
    Telemetry "tasker.telemetry.export_completed" by NOBODY [] "Declared only: metrics are exported by OpenTelemetry.";
    Telemetry "tasker.telemetry.export_failed" by NOBODY [] "Declared only: metrics are exported by OpenTelemetry.";
    Telemetry "tasker.telemetry.plugin_registered" by NOBODY [] "Declared only: there are no plugins.";
    Telemetry "tasker.telemetry.plugin_unregistered" by NOBODY [] "Declared only: there are no plugins.";
    Registry "handler.registered" by NOBODY [] "Declared only: registrations are logged.";
    Registry "handler.unregistered" by NOBODY [] "Declared only: registrations are logged.";
    Registry "handler.validation_failed" by NOBODY [] "Declared only: the caller is told.";
    Registry "plugin.registered" by NOBODY [] "Declared only: there are no plugins.";
    Registry "plugin.unregistered" by NOBODY [] "Declared only: there are no plugins.";
    Registry "plugin.validation_failed" by NOBODY [] "Declared only: there are no plugins.";
    Registry "subscriber.registered" by NOBODY [] "Declared only: subscribers are streams.";
    Registry "subscriber.unregistered" by NOBODY [] "Declared only: subscribers are streams.";
    Registry "subscriber.validation_failed" by NOBODY [] "Declared only: the caller is told.";
    Registry "registry.sync_requested" by NOBODY [] "Declared only: there is one registry, the database.";
    Registry "registry.health_check" by NOBODY [] "Declared only: see the health service.";
    Registry "registry.stats_collected" by NOBODY [] "Declared only: see the metrics.";
    Registry "registry.cross_discovery" by NOBODY [] "Declared only: there is one registry, the database.";
    Registry "registry.coordination_complete" by NOBODY [] "Declared only: there is one registry, the database.";
};

/// The system event of this name.
pub fn find(name: &str) -> Option<&'static EventType> {
    CATALOG.iter().find(|event| event.name == name)
}

impl Category {
    /// The name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Step => "step",
            Self::Workflow => "workflow",
            Self::Observability => "observability",
            Self::Telemetry => "telemetry",
            Self::Registry => "registry",
            Self::Custom => "custom",
        }
    }
}

impl EventType {
    /// All fields of the payload.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        let common = [must("event_type", "string", ""), must("timestamp", "string", LATER)];
        common.into_iter().chain(self.fields.iter().copied().flatten().copied())
    }

    /// The payload as JSON Schema.
    pub fn payload_schema(&self) -> Value {
        let property = |field: Field| {
            let kind = match field.kind {
                "any" => json!({}),
                "string or null" => json!({ "type": ["string", "null"] }),
                kind => json!({ "type": kind }),
            };
            (field.name.to_owned(), kind)
        };
        let required: Vec<&str> = self.fields().filter(|field| field.required).map(|field| field.name).collect();
        let properties: Map<String, Value> = self.fields().map(property).collect();
        json!({ "type": "object", "properties": properties, "required": required })
    }

    /// A payload as it may look.
    pub fn example_payload(&self) -> Value {
        let example = |field: Field| match field.name {
            "event_type" => self.name.into(),
            _ => serde_json::from_str(field.example).expect("examples are JSON"),
        };
        let required = self.fields().filter(|field| field.required);
        Value::Object(required.map(|field| (field.name.to_owned(), example(field))).collect())
    }
}
