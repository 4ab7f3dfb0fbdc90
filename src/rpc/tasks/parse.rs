//! What the requests of TaskService say, checked.

use prost::Message;
use tonic::Request;
use uuid::Uuid;

use super::{Binding, Limits};
use crate::{
    auth::Scope,
    domain::{
        ids::{self, PREFIX_DIGITS_MIN, STEPS_PER_TASK_CEILING, StepId, TaskId},
        run::{Operation, OperationKind},
        state::State,
    },
    error::{Error, Result},
    lifecycle::{Deadline, TaskChange},
    proto::tasker::v1 as proto,
    rpc::{fields::Fields, render},
    service::{
        snapshot::View,
        tasks::{ANNOTATION_BYTES_MAX, TaskRequest, Wanted},
    },
    store::{
        annotations::NewAnnotation,
        pages::{AnnotationFilter, Cursor, Filter, Order},
    },
    transport::CorrelationId,
};

/// Lengths in characters, from the protos.
const NAME_MAX: usize = 64;
const VERSION_MAX: usize = 16;
const STEP_NAME_MAX: usize = 128;
const WHO_AND_WHY_MAX: usize = 128;
const TAGS_MAX: usize = 64;
const TAG_MAX: usize = 128;
const KEY_MAX: usize = 128;
const CORRELATION_ID_MAX: usize = 100;

/// Tasks of one call for execution contexts.
const CONTEXTS_MAX: usize = 1_000;

/// Attempts that one retry may add.
const ADDITIONAL_MAX: u16 = 10_000;

/// Tasks of a page when the caller does not say.
const TASKS_DEFAULT: i64 = 20;

/// Transitions of a page when the caller does not say.
const TRANSITIONS_DEFAULT: i64 = 100;

/// Annotations of a page when the caller does not say.
const ANNOTATIONS_DEFAULT: i64 = 100;

/// What stands in the place of no reason.
const UNKNOWN: &str = "unknown";

/// What stands for no namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// A valid ListTasks request.
pub(super) struct List {
    pub(super) wanted: Wanted,
    pub(super) order: Order,
    pub(super) after: Option<Cursor>,
    pub(super) size: i64,
    pub(super) view: View,
    pub(super) binding: Binding,
}

/// A valid ListTransitions request.
pub(super) struct Transitions {
    pub(super) id: TaskId,
    pub(super) step: Option<StepId>,
    pub(super) after: u32,
    pub(super) size: i64,
    pub(super) binding: Binding,
}

/// A valid ListAnnotations request.
pub(super) struct Annotations {
    pub(super) id: TaskId,
    pub(super) after: Option<Uuid>,
    pub(super) size: i64,
    pub(super) binding: Binding,
}

/// The caller's W3C trace context, if it sent a plausible one.
pub(super) fn trace_context<T>(request: &Request<T>) -> Option<String> {
    let text = request.metadata().get("traceparent")?.to_str().ok()?;
    (text.len() == 55).then(|| text.to_owned())
}

/// A task that its caller did not name is found again by the name of the call that created it.
pub(super) fn name(parsed: &mut TaskRequest, call: Option<&CorrelationId>) {
    if parsed.correlation_id.is_none() {
        parsed.correlation_id = call.map(|name| name.as_str().to_owned());
    }
}

pub(super) fn create(request: proto::CreateTaskRequest, trace: Option<String>, limits: Limits) -> Result<TaskRequest> {
    let task = request.task.ok_or_else(|| Error::invalid_field("task", "is required"))?;
    task_request(task, trace, limits)
}

pub(super) fn batch(
    request: proto::BatchCreateTasksRequest,
    trace: Option<&str>,
    limits: Limits,
) -> Result<Vec<Result<TaskRequest>>> {
    let mut fields = Fields::default();
    if request.tasks.len() > limits.batch_tasks {
        let (found, most) = (request.tasks.len(), limits.batch_tasks);
        fields.oversize("tasks", format!("has {found} entries, at most {most} are allowed"));
    }
    fields.finish()?;
    Ok(request.tasks.into_iter().map(|task| task_request(task, trace.map(str::to_owned), limits)).collect())
}

fn task_request(task: proto::NewTask, trace_context: Option<String>, limits: Limits) -> Result<TaskRequest> {
    let mut fields = Fields::default();
    let handler = task.handler.unwrap_or_default();
    let namespace = fields.text("task.handler.namespace", handler.namespace, NAME_MAX);
    let context_json = fields.json_object("task.context_json", task.context_json, limits.payload_bytes);
    if is_empty_object(&context_json) {
        fields.refuse("task.context_json", "must not be empty");
    }
    let parsed = TaskRequest {
        namespace: if namespace.is_empty() { DEFAULT_NAMESPACE.to_owned() } else { namespace },
        name: fields.required("task.handler.name", handler.name, NAME_MAX),
        version: fields.text("task.handler.version", handler.version, VERSION_MAX),
        context_json,
        initiator: fields.text("task.initiator", task.initiator, WHO_AND_WHY_MAX),
        source_system: fields.text("task.source_system", task.source_system, WHO_AND_WHY_MAX),
        reason: fields.text("task.reason", task.reason, WHO_AND_WHY_MAX),
        tags: fields.texts("task.tags", task.tags, TAGS_MAX, TAG_MAX),
        bypass_steps: fields.texts("task.bypass_steps", task.bypass_steps, STEPS_PER_TASK_CEILING, STEP_NAME_MAX),
        requested_at: fields.time("task.request_time", task.request_time).map(|at| at.timestamp_micros()),
        idempotency_key: fields.text("task.idempotency_key", task.idempotency_key, KEY_MAX),
        correlation_id: fields.optional("task.correlation_id", task.correlation_id, CORRELATION_ID_MAX),
        deadline_at: fields.time("task.deadline_time", task.deadline_time).map(|at| at.timestamp_micros()),
        trace_context,
    };
    fields.finish()?;
    Ok(parsed)
}

pub(super) fn contexts(request: &proto::BatchGetExecutionContextsRequest) -> Result<Vec<TaskId>> {
    let mut fields = Fields::default();
    let found = request.task_ids.len();
    if found > CONTEXTS_MAX {
        fields.oversize("task_ids", format!("has {found} entries, at most {CONTEXTS_MAX} are allowed"));
        fields.finish()?;
        return Ok(Vec::new());
    }
    let each = request.task_ids.iter().enumerate();
    let ids = each.filter_map(|(place, id)| fields.task_id(&format!("task_ids[{place}]"), id)).collect();
    fields.finish()?;
    Ok(ids)
}

fn is_empty_object(text: &str) -> bool {
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

pub(super) fn get(request: &proto::GetTaskRequest) -> Result<(TaskId, View)> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let view = fields.choice("view", request.view);
    done(fields, id.zip(view)).map(|(id, view)| (id, render::view(view, View::Full)))
}

pub(super) fn list(request: proto::ListTasksRequest) -> Result<List> {
    let mut fields = Fields::default();
    let filter = request.filter.unwrap_or_default();
    let binding = Binding::to(&("ListTasks", filter.encode_to_vec(), request.order));
    let wanted = wanted(&mut fields, filter);
    let order = fields.choice("order", request.order).map(|order| match order {
        proto::TaskOrder::Unspecified | proto::TaskOrder::CreateTimeDesc => Order::CreatedDesc,
        proto::TaskOrder::CreateTimeAsc => Order::CreatedAsc,
        proto::TaskOrder::RequestTimeDesc => Order::RequestedDesc,
        proto::TaskOrder::RequestTimeAsc => Order::RequestedAsc,
    });
    let size = fields.page_size(request.page_size, TASKS_DEFAULT);
    let view = fields.choice("view", request.view);
    let (order, view) = done(fields, order.zip(view))?;
    let after = binding.open(&request.page_token)?;
    Ok(List { wanted, order, after, size, view: render::view(view, View::Basic), binding })
}

pub(super) fn count(request: proto::CountTasksRequest) -> Result<Wanted> {
    let mut fields = Fields::default();
    let wanted = wanted(&mut fields, request.filter.unwrap_or_default());
    fields.finish()?;
    Ok(wanted)
}

fn wanted(fields: &mut Fields, filter: proto::TaskFilter) -> Wanted {
    let mut states = Vec::new();
    for (place, code) in filter.states.into_iter().enumerate() {
        // The stored codes are those of the proto without the one that is never stored.
        match u8::try_from(code - 1).ok().and_then(State::from_code) {
            Some(state) => states.push(state),
            None => fields.refuse(format!("filter.states[{place}]"), "is not a state"),
        }
    }
    states.sort_unstable();
    states.dedup();
    if states.len() == State::ALL.len() {
        states.clear();
    }
    Wanted {
        namespace: fields.optional("filter.namespace", filter.namespace, NAME_MAX),
        name: fields.optional("filter.handler", filter.handler, NAME_MAX),
        version: fields.optional("filter.version", filter.version, VERSION_MAX),
        filter: Filter {
            handlers: None,
            states,
            tags: fields.texts("filter.tags", filter.tags, TAGS_MAX, TAG_MAX),
            initiator: fields.optional("filter.initiator", filter.initiator, WHO_AND_WHY_MAX),
            source_system: fields.optional("filter.source_system", filter.source_system, WHO_AND_WHY_MAX),
            correlation_id: fields.optional("filter.correlation_id", filter.correlation_id, CORRELATION_ID_MAX),
            requested_from: fields.time("filter.min_request_time", filter.min_request_time),
            requested_until: fields.time("filter.max_request_time", filter.max_request_time),
            annotation: filter.annotation.map(|annotation| by_annotation(fields, annotation)),
            ids: by_prefix(fields, &filter.task_id_prefix),
        },
    }
}

/// The ids that begin so; no beginning does not restrict.
fn by_prefix(fields: &mut Fields, prefix: &str) -> Option<(Uuid, Uuid)> {
    if prefix.is_empty() {
        return None;
    }
    let range = ids::range_of_prefix(prefix);
    if range.is_none() {
        fields.refuse("filter.task_id_prefix", format!("is not {PREFIX_DIGITS_MIN} to 32 hexadecimal digits"));
    }
    range
}

fn by_annotation(fields: &mut Fields, filter: proto::AnnotationFilter) -> AnnotationFilter {
    let name = filter.annotation_type.trim().to_owned();
    let found = AnnotationFilter {
        annotation_type: fields.optional("filter.annotation.annotation_type", name, NAME_MAX),
        key: fields.optional("filter.annotation.key", filter.key, KEY_MAX),
        value: fields.optional("filter.annotation.value", filter.value, ANNOTATION_BYTES_MAX),
    };
    if found.annotation_type.is_none() && found.key.is_none() {
        fields.refuse("filter.annotation", "needs an annotation_type or a key");
    }
    if found.value.is_some() && found.key.is_none() {
        fields.refuse("filter.annotation.value", "needs a key");
    }
    found
}

/// The fields of a task that can be changed.
const MUTABLE: &[&str] = &["reason", "tags", "deadline_time"];

pub(super) fn update(request: proto::UpdateTaskRequest, scope: &Scope) -> Result<(TaskId, TaskChange, Operation)> {
    let mut fields = Fields::default();
    let task = request.task.unwrap_or_default();
    let id = fields.task_id("task.task_id", &task.task_id);
    let mut change = TaskChange::default();
    for path in fields.mask(request.update_mask, MUTABLE) {
        match path.as_str() {
            "reason" => {
                let reason = fields.text("task.reason", task.reason.clone(), WHO_AND_WHY_MAX);
                change.reason = Some(if reason.is_empty() { UNKNOWN.to_owned() } else { reason });
            }
            "tags" => change.tags = Some(fields.texts("task.tags", task.tags.clone(), TAGS_MAX, TAG_MAX)),
            _ => {
                let at = fields.time("task.deadline_time", task.deadline_time);
                change.deadline = Some(at.map_or(Deadline::Never, |at| Deadline::At(at.timestamp_micros())));
            }
        }
    }
    let asked = fields.asked(request.requested_by, request.reason);
    let operation = fields.operation(OperationKind::UpdateTask, scope, asked, String::new());
    Ok((done(fields, id)?, change, operation))
}

pub(super) fn cancel(request: proto::CancelTaskRequest, scope: &Scope) -> Result<(TaskId, Operation)> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let asked = fields.asked(request.requested_by, request.reason);
    let operation = fields.operation(OperationKind::CancelTask, scope, asked, String::new());
    Ok((done(fields, id)?, operation))
}

pub(super) fn retry(request: proto::RetryTaskRequest, scope: &Scope) -> Result<(TaskId, u16, Operation)> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let additional = fields.number("additional_attempts", request.additional_attempts, 0..=ADDITIONAL_MAX);
    let asked = fields.asked(request.requested_by, request.reason);
    let operation = fields.operation(OperationKind::RetryTask, scope, asked, request.request_id);
    Ok((done(fields, id)?, additional.max(1), operation))
}

pub(super) fn watch(request: &proto::WatchTaskRequest) -> Result<(TaskId, u32, View)> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let after = u32::try_from(request.after_sequence).ok();
    if after.is_none() {
        fields.refuse("after_sequence", "is not the number of a transition");
    }
    let view = fields.choice("view", request.view);
    let ((id, after), view) = done(fields, id.zip(after).zip(view))?;
    Ok((id, after, render::view(view, View::Steps)))
}

pub(super) fn transitions(request: &proto::ListTransitionsRequest) -> Result<Transitions> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let step = (!request.step_id.is_empty()).then(|| fields.step_id("step_id", &request.step_id));
    let size = fields.page_size(request.page_size, TRANSITIONS_DEFAULT);
    let id = done(fields, id)?;
    let step = step.flatten();
    let binding = Binding::to(&("ListTransitions", id.to_string(), step.map(|step| step.to_string())));
    let after = binding.open(&request.page_token)?.unwrap_or(0);
    Ok(Transitions { id, step, after, size, binding })
}

pub(super) fn annotate(request: proto::CreateAnnotationRequest) -> Result<(TaskId, NewAnnotation)> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let name = request.annotation_type.trim().to_owned();
    let new = NewAnnotation {
        annotation_type: fields.required("annotation_type", name, NAME_MAX),
        annotation: fields.json_object("annotation_json", request.annotation_json, ANNOTATION_BYTES_MAX),
        request_id: fields.request_id(request.request_id),
    };
    Ok((done(fields, id)?, new))
}

pub(super) fn annotations(request: &proto::ListAnnotationsRequest) -> Result<Annotations> {
    let mut fields = Fields::default();
    let id = fields.task_id("task_id", &request.task_id);
    let size = fields.page_size(request.page_size, ANNOTATIONS_DEFAULT);
    let id = done(fields, id)?;
    let binding = Binding::to(&("ListAnnotations", id.to_string()));
    let after = binding.open(&request.page_token)?;
    Ok(Annotations { id, after, size, binding })
}

/// The value, unless a field was wrong; only then it may be missing.
fn done<T>(fields: Fields, value: Option<T>) -> Result<T> {
    fields.finish()?;
    Ok(value.expect("a field without a value was refused"))
}
