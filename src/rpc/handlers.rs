//! HandlerService: registering handlers and telling which ones there are.

mod render;

use bytes::Bytes;
use tonic::{Request, Response, Status};

use render::{graph, namespace_summary, record, served, summary};

use super::{
    fields::{Asked, Fields},
    limits::Limits,
    render::{pause, time},
    scope,
};
use crate::{
    domain::handler::{CustomEvent, Draft, NAME_MAX, StepDraft, VERSION_MAX},
    error::Result,
    proto::tasker::v1::{self as proto, handler_service_server::HandlerService},
    service::{
        discovery::{Discovery, Found},
        handlers::{Existing, Extent, Handler, Handlers as UseCases, Outcome},
        page::{self, Binding},
    },
};

/// Handlers in one call at most.
const HANDLERS_MAX: usize = 1_000;

/// The service.
#[derive(Debug, Clone)]
pub struct Handlers {
    handlers: UseCases,
    discovery: Discovery,
    limits: Limits,
}

/// The response of ListHandlers with its handlers encoded: a message within a message and its bytes are the same on the
/// wire. `build.rs` puts it in the place of the generated one.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ListHandlersResponse {
    /// The handlers.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub handlers: Vec<Bytes>,
    /// The token of the next page; empty on the last.
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

impl Handlers {
    /// The service over the use cases.
    pub const fn new(handlers: UseCases, discovery: Discovery, limits: Limits) -> Self {
        Self { handlers, discovery, limits }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl HandlerService for Handlers {
    async fn register_handlers(
        &self,
        request: Request<proto::RegisterHandlersRequest>,
    ) -> Answer<proto::RegisterHandlersResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        check_count(request.handlers.len())?;
        let existing = if request.replace { Existing::Replace } else { Existing::Keep };
        let extent = if request.validate_only { Extent::ValidateOnly } else { Extent::Store };
        let drafts = request.handlers.into_iter().map(draft).collect();
        let registered = self.handlers.register_handlers(&scope, drafts, existing, extent).await?;
        let (handlers, outcomes) = registered
            .into_iter()
            .map(|(registered, became)| (handler(registered), i32::from(outcome(became))))
            .unzip();
        Ok(Response::new(proto::RegisterHandlersResponse { handlers, outcomes }))
    }

    async fn get_handler(&self, request: Request<proto::GetHandlerRequest>) -> Answer<proto::GetHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let (namespace, name) = handler_name(&mut fields, request.namespace, request.name);
        let version = fields.text("version", request.version, VERSION_MAX);
        fields.finish()?;
        let found = self.discovery.get_handler(&scope, &namespace, &name, &version).await?;
        Ok(self.limits.fit(proto::GetHandlerResponse {
            handler: Some(found_handler(&found)),
            graph: (!request.omit_graph).then(|| graph(&found.details)),
            available: found.served.iter().all(|served| served.workers > 0),
            step_handlers: found.served.into_iter().map(served).collect(),
            record: Some(record(&found.record)),
            pauses: found.pauses.iter().map(pause).collect(),
        })?)
    }

    async fn list_handlers(&self, request: Request<proto::ListHandlersRequest>) -> Answer<ListHandlersResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let namespace = fields.text("namespace", request.namespace, NAME_MAX);
        let size = fields.page_size(request.page_size, page::SIZE_DEFAULT);
        fields.finish()?;
        let binding = Binding::to(&("ListHandlers", &namespace));
        let after = binding.open(&request.page_token)?;
        let (listed, next) = self.discovery.list_handlers(&scope, &namespace, after, size).await?;
        let handlers = listed.iter().map(summary).collect();
        let next_page_token = next.map(|cursor| binding.seal(&cursor)).unwrap_or_default();
        Ok(Response::new(ListHandlersResponse { handlers, next_page_token }))
    }

    async fn list_namespaces(
        &self,
        request: Request<proto::ListNamespacesRequest>,
    ) -> Answer<proto::ListNamespacesResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let size = fields.page_size(request.page_size, page::SIZE_DEFAULT);
        fields.finish()?;
        let binding = Binding::to(&"ListNamespaces");
        let after = binding.open(&request.page_token)?;
        let (namespaces, next) = self.discovery.list_namespaces(&scope, after, size).await?;
        let namespaces = namespaces.iter().map(namespace_summary).collect();
        let next_page_token = next.map(|cursor| binding.seal(&cursor)).unwrap_or_default();
        Ok(Response::new(proto::ListNamespacesResponse { namespaces, next_page_token }))
    }

    async fn deprecate_handler(
        &self,
        request: Request<proto::DeprecateHandlerRequest>,
    ) -> Answer<proto::DeprecateHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let (namespace, name) = handler_name(&mut fields, request.namespace, request.name);
        let version = fields.text("version", request.version, VERSION_MAX);
        let operation = fields.asked(request.requested_by, request.reason);
        fields.finish()?;
        let named = (&*namespace, &*name, &*version);
        let found = self.discovery.deprecate(&scope, named, &operation.reason, &operation.requested_by).await?;
        Ok(Response::new(proto::DeprecateHandlerResponse { handler: Some(found_handler(&found)) }))
    }

    async fn restore_handler(
        &self,
        request: Request<proto::RestoreHandlerRequest>,
    ) -> Answer<proto::RestoreHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let (namespace, name) = handler_name(&mut fields, request.namespace, request.name);
        let version = fields.text("version", request.version, VERSION_MAX);
        fields.finish()?;
        let found = self.discovery.restore(&scope, (&namespace, &name, &version)).await?;
        Ok(Response::new(proto::RestoreHandlerResponse { handler: Some(found_handler(&found)) }))
    }

    async fn pause_handler(&self, request: Request<proto::PauseHandlerRequest>) -> Answer<proto::PauseHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let (namespace, name) = handler_name(&mut fields, request.namespace, request.name);
        let operation = fields.asked(request.requested_by, request.reason);
        fields.finish()?;
        let Asked { reason, requested_by } = operation;
        let paused = self.discovery.pause(&scope, &namespace, Some(&name), &reason, &requested_by).await?;
        Ok(Response::new(proto::PauseHandlerResponse { pause: Some(pause(&paused)) }))
    }

    async fn resume_handler(
        &self,
        request: Request<proto::ResumeHandlerRequest>,
    ) -> Answer<proto::ResumeHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let (namespace, name) = handler_name(&mut fields, request.namespace, request.name);
        fields.finish()?;
        let was_paused = self.discovery.resume(&scope, &namespace, Some(&name)).await?;
        Ok(Response::new(proto::ResumeHandlerResponse { was_paused }))
    }

    async fn pause_namespace(
        &self,
        request: Request<proto::PauseNamespaceRequest>,
    ) -> Answer<proto::PauseNamespaceResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let namespace = fields.text("namespace", request.namespace, NAME_MAX);
        let operation = fields.asked(request.requested_by, request.reason);
        fields.finish()?;
        let Asked { reason, requested_by } = operation;
        let paused = self.discovery.pause(&scope, &namespace, None, &reason, &requested_by).await?;
        Ok(Response::new(proto::PauseNamespaceResponse { pause: Some(pause(&paused)) }))
    }

    async fn resume_namespace(
        &self,
        request: Request<proto::ResumeNamespaceRequest>,
    ) -> Answer<proto::ResumeNamespaceResponse> {
        let scope = scope(&request)?;
        let mut fields = Fields::default();
        let namespace = fields.text("namespace", request.into_inner().namespace, NAME_MAX);
        fields.finish()?;
        let was_paused = self.discovery.resume(&scope, &namespace, None).await?;
        Ok(Response::new(proto::ResumeNamespaceResponse { was_paused }))
    }
}

/// The namespace and the name of a handler.
fn handler_name(fields: &mut Fields, namespace: String, name: String) -> (String, String) {
    (fields.text("namespace", namespace, NAME_MAX), fields.required("name", name, NAME_MAX))
}

fn check_count(count: usize) -> Result<()> {
    let mut fields = Fields::default();
    match count {
        0 => fields.refuse("handlers", "must have at least one handler"),
        1..=HANDLERS_MAX => {}
        _ => fields.oversize("handlers", format!("has {count} handlers, the limit is {HANDLERS_MAX}")),
    }
    fields.finish()
}

/// Reads a handler; what the server says about it is not read.
fn draft(handler: proto::Handler) -> Draft {
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
        step_templates: handler.step_templates.into_iter().map(step_draft).collect(),
    }
}

fn step_draft(step: proto::StepTemplate) -> StepDraft {
    let events = step.custom_events.into_iter();
    StepDraft {
        name: step.name,
        handler_class: step.handler_class,
        dependent_system: step.dependent_system,
        description: step.description,
        default_retryable: step.default_retryable,
        default_retry_limit: step.default_retry_limit.map(i64::from),
        skippable: step.skippable,
        depends_on_step: step.depends_on_step,
        depends_on_steps: step.depends_on_steps,
        handler_config_json: step.handler_config_json,
        custom_events: events.map(|event| CustomEvent { name: event.name, description: event.description }).collect(),
        timeout_ms: step.timeout_ms,
    }
}

/// A version that was found, as it is now.
fn found_handler(found: &Found) -> proto::Handler {
    let stored = Handler {
        draft: found.details.draft.clone(),
        revision: found.details.revision,
        created_at: Some(found.details.created_at),
    };
    let deprecation = found.deprecation.as_ref().map(|deprecation| proto::HandlerDeprecation {
        deprecate_time: Some(time(deprecation.at)),
        deprecated_by: deprecation.by.clone(),
        reason: deprecation.reason.clone(),
    });
    proto::Handler { deprecation, ..handler(stored) }
}

fn handler(stored: Handler) -> proto::Handler {
    let draft = stored.draft;
    proto::Handler {
        full_name: format!("{}.{}@{}", draft.namespace, draft.name, draft.version),
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
    let limit = step.default_retry_limit.map(|limit| i32::try_from(limit).expect("the limit has been checked"));
    let events = step.custom_events.into_iter();
    proto::StepTemplate {
        name: step.name,
        handler_class: step.handler_class,
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
        timeout_ms: step.timeout_ms,
    }
}

const fn outcome(became: Outcome) -> proto::RegistrationOutcome {
    match became {
        Outcome::Created => proto::RegistrationOutcome::Created,
        Outcome::Unchanged => proto::RegistrationOutcome::Unchanged,
        Outcome::Replaced => proto::RegistrationOutcome::Replaced,
    }
}
