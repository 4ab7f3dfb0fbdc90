//! The JSON shapes that `--output json` prints.
//!
//! Owns: the documented, stable form of tasks, steps and transitions: snake_case keys, times in RFC 3339,
//! states by name, payloads as JSON itself, absent things left out. docs/cli.md describes them; keys are added
//! and never renamed.

mod transition;

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::value::RawValue;
use tasker_sdk::proto::tasker::v1 as pb;

pub(crate) use transition::{cause_line, error_text, failure, transition, who_and_why};

use super::input::from_proto;
use crate::domain::state::State;

/// A task.
#[derive(Debug, Serialize)]
pub(crate) struct Task<'a> {
    task_id: &'a str,
    handler: HandlerRef<'a>,
    state: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    state_reason: &'a str,
    initiator: &'a str,
    source_system: &'a str,
    reason: &'a str,
    tags: &'a [String],
    bypass_steps: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_time: Option<String>,
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<Execution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

/// A handler version.
#[derive(Debug, Serialize)]
struct HandlerRef<'a> {
    namespace: &'a str,
    name: &'a str,
    version: &'a str,
}

/// The steps of a task counted and judged.
#[derive(Debug, Serialize)]
struct Execution {
    total_steps: i32,
    pending_steps: i32,
    in_progress_steps: i32,
    completed_steps: i32,
    failed_steps: i32,
    ready_steps: i32,
    execution_status: String,
    recommended_action: String,
    completion_percentage: f64,
    health_status: String,
}

/// A step.
#[derive(Debug, Serialize)]
pub(crate) struct Step<'a> {
    step_id: &'a str,
    task_id: &'a str,
    name: &'a str,
    step_handler: &'a str,
    dependent_system: &'a str,
    state: &'static str,
    attempts: i32,
    retry_limit: i32,
    retryable: bool,
    skippable: bool,
    bypassed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<String>,
    parent_step_ids: &'a [String],
    child_step_ids: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    readiness: Option<Readiness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<Lease<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct Readiness {
    dependencies_satisfied: bool,
    retry_eligible: bool,
    ready_for_execution: bool,
    total_parents: i32,
    completed_parents: i32,
    permanently_blocked: bool,
}

#[derive(Debug, Serialize)]
struct Lease<'a> {
    lease_token: i64,
    worker_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<String>,
}

/// A note on a task.
#[derive(Debug, Serialize)]
struct Annotation<'a> {
    annotation_id: &'a str,
    annotation_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<String>,
}

/// A registered handler.
#[derive(Debug, Serialize)]
pub(crate) struct Handler<'a> {
    namespace: &'a str,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    revision: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecation: Option<serde_json::Value>,
    step_templates: Vec<StepTemplate<'a>>,
}

#[derive(Debug, Serialize)]
struct StepTemplate<'a> {
    name: &'a str,
    step_handler: &'a str,
    dependent_system: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    default_retryable: bool,
    default_retry_limit: i32,
    skippable: bool,
    depends_on_steps: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    timeout_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler_config: Option<Box<RawValue>>,
}

/// The shape of a handler.
pub(crate) fn handler(handler: &pb::Handler) -> Handler<'_> {
    Handler {
        namespace: &handler.namespace,
        name: &handler.name,
        version: &handler.version,
        description: &handler.description,
        revision: handler.revision,
        create_time: time(handler.create_time),
        schema: raw(&handler.schema_json),
        deprecation: handler.deprecation.as_ref().map(|deprecation| {
            serde_json::json!({
                "deprecate_time": time(deprecation.deprecate_time),
                "subject": deprecation.subject,
                "requested_by": deprecation.requested_by,
                "reason": deprecation.reason,
            })
        }),
        step_templates: handler.step_templates.iter().map(step_template).collect(),
    }
}

fn step_template(step: &pb::StepTemplate) -> StepTemplate<'_> {
    let parents = std::iter::once(&step.depends_on_step).chain(&step.depends_on_steps);
    StepTemplate {
        name: &step.name,
        step_handler: &step.step_handler,
        dependent_system: &step.dependent_system,
        description: &step.description,
        default_retryable: step.default_retryable.unwrap_or(true),
        default_retry_limit: step.default_retry_limit.unwrap_or(3),
        skippable: step.skippable,
        depends_on_steps: parents.map(String::as_str).filter(|name| !name.is_empty()).collect(),
        timeout_ms: millis(step.timeout),
        handler_config: raw(&step.handler_config_json),
    }
}

/// The shape of a task.
pub(crate) fn task(task: &pb::Task) -> Task<'_> {
    Task {
        task_id: &task.task_id,
        handler: handler_ref(task.handler.as_ref()),
        state: state_label(task.state),
        state_reason: &task.state_reason,
        initiator: &task.initiator,
        source_system: &task.source_system,
        reason: &task.reason,
        tags: &task.tags,
        bypass_steps: &task.bypass_steps,
        correlation_id: &task.correlation_id,
        request_time: time(task.request_time),
        create_time: time(task.create_time),
        start_time: time(task.start_time),
        finish_time: time(task.finish_time),
        deadline_time: time(task.deadline_time),
        revision: task.revision,
        execution: task.execution.map(|execution| execution_shape(&execution)),
        context: raw(&task.context_json),
        steps: task.steps.iter().map(step).collect(),
        annotations: task.annotations.iter().map(annotation).collect(),
    }
}

/// The shape of a step.
pub(crate) fn step(step: &pb::Step) -> Step<'_> {
    Step {
        step_id: &step.step_id,
        task_id: &step.task_id,
        name: &step.name,
        step_handler: &step.step_handler,
        dependent_system: &step.dependent_system,
        state: state_label(step.state),
        attempts: step.attempts,
        retry_limit: step.retry_limit,
        retryable: step.retryable,
        skippable: step.skippable,
        bypassed: step.bypassed,
        last_attempt_time: time(step.last_attempt_time),
        complete_time: time(step.complete_time),
        retry_time: time(step.retry_time),
        backoff: duration(step.backoff),
        parent_step_ids: &step.parent_step_ids,
        child_step_ids: &step.child_step_ids,
        readiness: step.readiness.map(|readiness| Readiness {
            dependencies_satisfied: readiness.dependencies_satisfied,
            retry_eligible: readiness.retry_eligible,
            ready_for_execution: readiness.ready_for_execution,
            total_parents: readiness.total_parents,
            completed_parents: readiness.completed_parents,
            permanently_blocked: readiness.permanently_blocked,
        }),
        failure: step.failure.as_ref().map(failure),
        lease: step.lease.as_ref().map(|lease| Lease {
            lease_token: lease.lease_token,
            worker_id: &lease.worker_id,
            claim_time: time(lease.claim_time),
            expire_time: time(lease.expire_time),
        }),
        inputs: raw(&step.inputs_json),
        results: raw(&step.results_json),
    }
}

/// The shape of a pause.
pub(crate) fn pause(pause: &pb::HandlerPause) -> serde_json::Value {
    serde_json::json!({
        "namespace": pause.namespace, "handler": pause.handler, "pause_time": time(pause.pause_time),
        "subject": pause.subject, "requested_by": pause.requested_by, "reason": pause.reason,
    })
}

/// A pause in a line.
pub(crate) fn pause_line(pause: &pb::HandlerPause) -> String {
    let what = match &*pause.handler {
        "" => format!("namespace {}", pause.namespace),
        name => format!("handler {}.{name}", pause.namespace),
    };
    let by = by(&pause.subject, &pause.requested_by);
    let why = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    super::style::one_line(&format!("{what} is paused{by}{why}"))
}

fn handler_ref(handler: Option<&pb::HandlerRef>) -> HandlerRef<'_> {
    handler.map_or(HandlerRef { namespace: "", name: "", version: "" }, |handler| HandlerRef {
        namespace: &handler.namespace,
        name: &handler.name,
        version: &handler.version,
    })
}

/// `namespace.name@version`; empty when there is none.
pub(crate) fn full_name(handler: Option<&pb::HandlerRef>) -> String {
    handler.map_or_else(String::new, |handler| format!("{}.{}@{}", handler.namespace, handler.name, handler.version))
}

/// The same of a handler itself.
pub(crate) fn handler_name(handler: &pb::Handler) -> String {
    format!("{}.{}@{}", handler.namespace, handler.name, handler.version)
}

/// A length of time in seconds, as protobuf writes it in JSON: `1.5s`.
pub(crate) fn duration(duration: Option<prost_types::Duration>) -> Option<String> {
    duration.map(|duration| duration.to_string())
}

/// ` by SUBJECT for WHOM`, as far as either is known.
pub(crate) fn by(subject: &str, requested_by: &str) -> String {
    match (subject, requested_by) {
        ("", "") => String::new(),
        ("", whom) => format!(" by {whom}"),
        (subject, whom) if whom.is_empty() || whom == subject => format!(" by {subject}"),
        (subject, whom) => format!(" by {subject} for {whom}"),
    }
}

/// A length of time in milliseconds; 0 when there is none.
pub(crate) fn millis(duration: Option<prost_types::Duration>) -> i64 {
    duration.map_or(0, |duration| {
        duration.seconds.saturating_mul(1_000).saturating_add(i64::from(duration.nanos) / 1_000_000)
    })
}

/// The name of a state.
pub(crate) fn state_label(value: i32) -> &'static str {
    from_proto(value).map_or("unknown", State::label)
}

/// A time in RFC 3339 with microseconds.
pub(crate) fn time(timestamp: Option<prost_types::Timestamp>) -> Option<String> {
    let timestamp = timestamp?;
    let time = DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)?;
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// `EXECUTION_STATUS_ALL_COMPLETE` becomes `all_complete`.
pub(crate) fn enum_label(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

fn execution_shape(execution: &pb::Execution) -> Execution {
    Execution {
        total_steps: execution.total_steps,
        pending_steps: execution.pending_steps,
        in_progress_steps: execution.in_progress_steps,
        completed_steps: execution.completed_steps,
        failed_steps: execution.failed_steps,
        ready_steps: execution.ready_steps,
        execution_status: enum_label(execution.execution_status().as_str_name(), "EXECUTION_STATUS_"),
        recommended_action: enum_label(execution.recommended_action().as_str_name(), "RECOMMENDED_ACTION_"),
        completion_percentage: execution.completion_percentage,
        health_status: enum_label(execution.health_status().as_str_name(), "HEALTH_STATUS_"),
    }
}

fn annotation(annotation: &pb::Annotation) -> Annotation<'_> {
    Annotation {
        annotation_id: &annotation.annotation_id,
        annotation_type: &annotation.annotation_type,
        annotation: raw(&annotation.annotation_json),
        create_time: time(annotation.create_time),
    }
}

/// The JSON text as JSON; text that is none is shown as a string.
fn raw(json: &str) -> Option<Box<RawValue>> {
    if json.is_empty() {
        return None;
    }
    RawValue::from_string(json.to_owned()).or_else(|_| serde_json::value::to_raw_value(json)).ok()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_json_and_numbers_stay_exact() {
        let found = pb::Step { results_json: r#"{"n": 12345678901234567890123}"#.to_owned(), ..Default::default() };
        let json = serde_json::to_string(&step(&found)).unwrap();
        assert!(json.ends_with(r#""results":{"n": 12345678901234567890123}}"#), "{json}");
    }

    #[test]
    fn times_are_rfc_3339() {
        let found = time(Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 }));
        assert_eq!(found.as_deref(), Some("2023-11-14T22:13:20.123456Z"));
    }
}
