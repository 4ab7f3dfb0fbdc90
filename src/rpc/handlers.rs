//! HandlerService: registering handlers and telling which ones there are.

mod message;
mod parse;
mod render;

use bytes::Bytes;
use tonic::{Request, Response, Status};

use message::{found_handler, handler, outcome};
use parse::{DESCRIPTION_MAX, actor, check_count, handler_ref, operation_filter};
use render::{graph, namespace_summary, operation, record, served, summary};

use super::{fields::Fields, limits::Limits, render::pause, scope};
use crate::{
    domain::handler::NAME_MAX,
    error::Result,
    proto::tasker::v1::{self as proto, handler_service_server::HandlerService},
    service::{
        handlers::{Existing, Extent, Handlers as UseCases},
        page::{self, Binding},
    },
};

/// The service.
#[derive(Debug, Clone)]
pub struct Handlers {
    handlers: UseCases,
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
    pub const fn new(handlers: UseCases, limits: Limits) -> Self {
        Self { handlers, limits }
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
        let mut fields = Fields::default();
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let drafts = parse::drafts(request.handlers)?;
        let registered = self.handlers.register_handlers(&scope, drafts, existing, extent, &actor).await?;
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
        let handler = handler_ref(&mut fields, request.handler);
        fields.finish()?;
        let found = self.handlers.get_handler(&scope, &handler.namespace, &handler.name, &handler.version).await?;
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
        let (listed, next) = self.handlers.list_handlers(&scope, &namespace, after, size).await?;
        let handlers: Vec<Bytes> = listed.iter().map(summary).collect();
        let kept = self.limits.rows(handlers.iter().map(Bytes::len));
        let cut = listed.get(kept.saturating_sub(1)).filter(|_| kept < listed.len());
        let next = cut.map(|last| (last.entry.namespace.clone(), last.entry.name.clone())).or(next);
        let handlers = handlers.into_iter().take(kept).collect();
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
        let (namespaces, next) = self.handlers.list_namespaces(&scope, after, size).await?;
        let namespaces = namespaces.iter().map(namespace_summary).collect();
        let next_page_token = next.map(|cursor| binding.seal(&cursor)).unwrap_or_default();
        Ok(Response::new(proto::ListNamespacesResponse { namespaces, next_page_token }))
    }

    async fn update_namespace(
        &self,
        request: Request<proto::UpdateNamespaceRequest>,
    ) -> Answer<proto::UpdateNamespaceResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let actor = actor(&mut fields, request.requested_by, request.reason);
        if request.namespace.is_none() {
            fields.refuse("namespace", "is required");
        }
        let wanted = request.namespace.unwrap_or_default();
        let name = fields.required("namespace.name", wanted.name, NAME_MAX);
        let description = fields.text("namespace.description", wanted.description, DESCRIPTION_MAX);
        let paths = request.update_mask.map_or_else(|| vec!["description".to_owned()], |mask| mask.paths);
        for path in paths.iter().filter(|path| *path != "description") {
            fields.refuse("update_mask", format!("{path:?} cannot be changed; description can"));
        }
        fields.finish()?;
        let description = (!paths.is_empty()).then_some(&*description);
        let found = self.handlers.update_namespace(&scope, &name, description, &actor).await?;
        Ok(Response::new(proto::UpdateNamespaceResponse { namespace: Some(namespace_summary(&found)) }))
    }

    async fn list_handler_operations(
        &self,
        request: Request<proto::ListHandlerOperationsRequest>,
    ) -> Answer<proto::ListHandlerOperationsResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let (filter, binding) = operation_filter(&mut fields, &request);
        let size = fields.page_size(request.page_size, page::SIZE_DEFAULT);
        fields.finish()?;
        let before = binding.open(&request.page_token)?;
        let (found, more) = self.handlers.list_operations(&scope, &filter, before, size).await?;
        let (operations, cut) = self.limits.page(found.into_iter().map(operation).collect::<Vec<_>>());
        let more = more || cut;
        let next = operations.last().filter(|_| more).map(|last| binding.seal(&last.sequence));
        let next_page_token = next.unwrap_or_default();
        Ok(Response::new(proto::ListHandlerOperationsResponse { operations, next_page_token }))
    }

    async fn deprecate_handler(
        &self,
        request: Request<proto::DeprecateHandlerRequest>,
    ) -> Answer<proto::DeprecateHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let handler = handler_ref(&mut fields, request.handler);
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let named = (&*handler.namespace, &*handler.name, &*handler.version);
        let found = self.handlers.deprecate(&scope, named, &actor).await?;
        Ok(Response::new(proto::DeprecateHandlerResponse { handler: Some(found_handler(&found)) }))
    }

    async fn restore_handler(
        &self,
        request: Request<proto::RestoreHandlerRequest>,
    ) -> Answer<proto::RestoreHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let handler = handler_ref(&mut fields, request.handler);
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let named = (&*handler.namespace, &*handler.name, &*handler.version);
        let found = self.handlers.restore(&scope, named, &actor).await?;
        Ok(Response::new(proto::RestoreHandlerResponse { handler: Some(found_handler(&found)) }))
    }

    async fn pause_handler(&self, request: Request<proto::PauseHandlerRequest>) -> Answer<proto::PauseHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let namespace = fields.text("namespace", request.namespace, NAME_MAX);
        let handler = fields.required("handler", request.handler, NAME_MAX);
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let paused = self.handlers.pause(&scope, &namespace, Some(&handler), &actor).await?;
        Ok(Response::new(proto::PauseHandlerResponse { pause: Some(pause(&paused)) }))
    }

    async fn resume_handler(
        &self,
        request: Request<proto::ResumeHandlerRequest>,
    ) -> Answer<proto::ResumeHandlerResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let namespace = fields.text("namespace", request.namespace, NAME_MAX);
        let handler = fields.required("handler", request.handler, NAME_MAX);
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let was_paused = self.handlers.resume(&scope, &namespace, Some(&handler), &actor).await?;
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
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let paused = self.handlers.pause(&scope, &namespace, None, &actor).await?;
        Ok(Response::new(proto::PauseNamespaceResponse { pause: Some(pause(&paused)) }))
    }

    async fn resume_namespace(
        &self,
        request: Request<proto::ResumeNamespaceRequest>,
    ) -> Answer<proto::ResumeNamespaceResponse> {
        let scope = scope(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let namespace = fields.text("namespace", request.namespace, NAME_MAX);
        let actor = actor(&mut fields, request.requested_by, request.reason);
        fields.finish()?;
        let was_paused = self.handlers.resume(&scope, &namespace, None, &actor).await?;
        Ok(Response::new(proto::ResumeNamespaceResponse { was_paused }))
    }
}
