//! Handlers as messages.

use crate::{
    domain::handler::StepDraft,
    proto::tasker::v1 as proto,
    rpc::render::{millis, time},
    service::handlers::{Found, Handler, Outcome},
};

/// A version that was found, as it is now.
pub(super) fn found_handler(found: &Found) -> proto::Handler {
    let stored = Handler {
        draft: found.details.draft.clone(),
        revision: found.details.revision,
        created_at: Some(found.details.created_at),
    };
    let deprecation = found.deprecation.as_ref().map(|deprecation| proto::HandlerDeprecation {
        deprecate_time: Some(time(deprecation.at)),
        subject: deprecation.claims.subject.clone(),
        requested_by: deprecation.claims.requested_by.clone(),
        reason: deprecation.claims.reason.clone(),
    });
    proto::Handler { deprecation, ..handler(stored) }
}

/// A version as it is stored.
pub(super) fn handler(stored: Handler) -> proto::Handler {
    let draft = stored.draft;
    proto::Handler {
        namespace: draft.namespace,
        name: draft.name,
        version: draft.version,
        description: draft.description,
        task_handler_class: draft.task_handler_class,
        module_namespace: draft.module_namespace,
        concurrent: draft.concurrent.unwrap_or(true),
        default_dependent_system: draft.default_dependent_system,
        named_steps: draft.named_steps,
        schema_json: draft.schema_json,
        schema_strict: draft.schema_strict,
        step_templates: draft.step_templates.into_iter().map(step_template).collect(),
        revision: stored.revision,
        create_time: stored.created_at.map(time),
        deprecation: None,
    }
}

fn step_template(step: StepDraft) -> proto::StepTemplate {
    let limit = step.default_retry_limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
    let events = step.custom_events.into_iter();
    proto::StepTemplate {
        name: step.name,
        step_handler: step.handler_class,
        dependent_system: step.dependent_system,
        description: step.description,
        default_retryable: step.default_retryable,
        default_retry_limit: limit,
        skippable: step.skippable,
        depends_on_step: step.depends_on_step,
        depends_on_steps: step.depends_on_steps,
        handler_config_json: step.handler_config_json,
        custom_events: events
            .map(|event| proto::CustomEvent { name: event.name, description: event.description })
            .collect(),
        timeout: (step.timeout_ms > 0).then(|| millis(step.timeout_ms)),
    }
}

/// What registering did.
pub(super) const fn outcome(became: Outcome) -> proto::RegistrationOutcome {
    match became {
        Outcome::Created => proto::RegistrationOutcome::Created,
        Outcome::Unchanged => proto::RegistrationOutcome::Unchanged,
        Outcome::Replaced => proto::RegistrationOutcome::Replaced,
    }
}
