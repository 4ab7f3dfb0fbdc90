//! Requests of HandlerService, read.

use crate::{
    domain::handler::{CustomEvent, Draft, NAME_MAX, OperationKind, StepDraft, VERSION_MAX},
    error::Result,
    proto::tasker::v1 as proto,
    rpc::fields::{Asked, Fields},
    service::{
        handlers::{Actor, OperationFilter},
        page::Binding,
    },
};

/// Handlers in one call at most.
const HANDLERS_MAX: usize = 1_000;

/// Kinds of operations in a filter at most.
const KINDS_MAX: usize = 32;

/// The longest description of a namespace.
pub(super) const DESCRIPTION_MAX: usize = 255;

/// Who asks and why.
pub(super) fn actor(fields: &mut Fields, requested_by: String, reason: String) -> Actor {
    let Asked { requested_by, reason } = fields.asked(requested_by, reason);
    Actor { requested_by, reason }
}

/// The reference to a handler; the version may be empty.
pub(super) fn handler_ref(fields: &mut Fields, handler: Option<proto::HandlerRef>) -> proto::HandlerRef {
    let Some(handler) = handler else {
        fields.refuse("handler", "is required");
        return proto::HandlerRef::default();
    };
    proto::HandlerRef {
        namespace: fields.text("handler.namespace", handler.namespace, NAME_MAX),
        name: fields.required("handler.name", handler.name, NAME_MAX),
        version: fields.text("handler.version", handler.version, VERSION_MAX),
    }
}

/// Which operations, and what their page tokens are bound to.
pub(super) fn operation_filter(
    fields: &mut Fields,
    request: &proto::ListHandlerOperationsRequest,
) -> (OperationFilter, Binding) {
    if request.kinds.len() > KINDS_MAX {
        fields.oversize("kinds", format!("has {} kinds, at most {KINDS_MAX} are allowed", request.kinds.len()));
    }
    let mut kinds = Vec::new();
    for (position, kind) in request.kinds.iter().take(KINDS_MAX).enumerate() {
        match i16::try_from(*kind).ok().and_then(OperationKind::from_code) {
            Some(kind) => kinds.push(kind),
            None => fields.refuse(format!("kinds[{position}]"), format!("{kind} is no kind of operation")),
        }
    }
    let filter = OperationFilter {
        namespace: fields.optional("namespace", request.namespace.clone(), NAME_MAX),
        handler: fields.optional("handler", request.handler.clone(), NAME_MAX),
        kinds,
        from: request.start_time.and_then(|at| fields.time("start_time", Some(at))),
        until: request.end_time.and_then(|at| fields.time("end_time", Some(at))),
    };
    let times = (filter.from.map(|at| at.timestamp_micros()), filter.until.map(|at| at.timestamp_micros()));
    let binding = Binding::to(&("ListHandlerOperations", &filter.namespace, &filter.handler, &request.kinds, times));
    (filter, binding)
}

/// Refuses no handlers, and too many.
pub(super) fn check_count(count: usize) -> Result<()> {
    let mut fields = Fields::default();
    match count {
        0 => fields.refuse("handlers", "must have at least one handler"),
        1..=HANDLERS_MAX => {}
        _ => fields.oversize("handlers", format!("has {count} handlers, the limit is {HANDLERS_MAX}")),
    }
    fields.finish()
}

/// Reads handlers; what is wrong with durations is told at once, everything else when they are checked.
pub(super) fn drafts(handlers: Vec<proto::Handler>) -> Result<Vec<Draft>> {
    let mut fields = Fields::default();
    let drafts = handlers.into_iter().enumerate();
    let drafts =
        drafts.map(|(position, handler)| draft(handler, &format!("handlers[{position}]"), &mut fields)).collect();
    fields.finish()?;
    Ok(drafts)
}

/// Reads a handler; what the server says about it is not read.
fn draft(handler: proto::Handler, at: &str, fields: &mut Fields) -> Draft {
    Draft {
        namespace: handler.namespace,
        name: handler.name,
        version: handler.version,
        description: handler.description,
        task_handler_class: handler.task_handler_class,
        module_namespace: handler.module_namespace,
        concurrent: Some(handler.concurrent),
        default_dependent_system: handler.default_dependent_system,
        named_steps: handler.named_steps,
        schema_json: handler.schema_json,
        schema_strict: handler.schema_strict,
        step_templates: handler
            .step_templates
            .into_iter()
            .enumerate()
            .map(|(position, step)| step_draft(step, &format!("{at}.step_templates[{position}]"), fields))
            .collect(),
    }
}

fn step_draft(step: proto::StepTemplate, at: &str, fields: &mut Fields) -> StepDraft {
    let events = step.custom_events.into_iter();
    StepDraft {
        name: step.name,
        handler_class: step.step_handler,
        dependent_system: step.dependent_system,
        description: step.description,
        default_retryable: step.default_retryable,
        default_retry_limit: step.default_retry_limit.map(i64::from),
        skippable: step.skippable,
        depends_on_step: step.depends_on_step,
        depends_on_steps: step.depends_on_steps,
        handler_config_json: step.handler_config_json,
        custom_events: events.map(|event| CustomEvent { name: event.name, description: event.description }).collect(),
        timeout_ms: step.timeout.map_or(0, |timeout| timeout_ms(&timeout, at, fields)),
    }
}

/// A timeout in whole milliseconds.
fn timeout_ms(timeout: &prost_types::Duration, at: &str, fields: &mut Fields) -> i64 {
    let millis = timeout.seconds.checked_mul(1_000).and_then(|ms| ms.checked_add(i64::from(timeout.nanos) / 1_000_000));
    match millis {
        Some(millis) if millis >= 0 && timeout.nanos % 1_000_000 == 0 && timeout.nanos >= 0 => millis,
        _ => {
            fields.refuse(format!("{at}.timeout"), "must be whole milliseconds, and not negative");
            0
        }
    }
}
