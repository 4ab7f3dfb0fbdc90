//! `tasker handlers history` and `describe`: who changed the catalog and why, and what a namespace is for.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use crate::cli::{
    Context,
    failure::Failure,
    manual::Because,
    output::Out,
    remote::Remote,
    shape,
    style::{cut, one_line},
    table::{Table, columns, text},
};

/// Which changes to show.
#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// Only this handler, all versions of it
    #[arg(value_name = "HANDLER")]
    handler: Option<String>,
    /// Only this namespace; all when not given
    #[arg(long, short)]
    namespace: Option<String>,
    /// At most this many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// What to say about a namespace.
#[derive(Debug, clap::Args)]
pub(super) struct Describe {
    /// The namespace
    namespace: String,
    /// What it is for
    description: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl History {
    pub(super) async fn show(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let mut left = i32::try_from(self.limit).unwrap_or(i32::MAX);
        let mut request = pb::ListHandlerOperationsRequest {
            namespace: self.namespace.clone().unwrap_or_default(),
            handler: self.handler.clone().unwrap_or_default(),
            page_size: left.min(1_000),
            ..pb::ListHandlerOperationsRequest::default()
        };
        let mut table = Table::new(
            const { columns([text("TIME", 20), text("CHANGE", 10), text("OF", 16), text("BY", 8), text("REASON", 10)]) },
        );
        while left > 0 {
            let page = client.handlers().list_handler_operations(request.clone()).await?.into_inner();
            for one in &page.operations {
                left -= 1;
                if out.is_json() {
                    out.record(&document(one));
                }
                let by = shape::by(&one.subject, &one.requested_by);
                table.row([
                    shape::time(one.create_time).unwrap_or_default().into(),
                    kind(one).replace('_', " ").into(),
                    one_line(&subject(one.handler.as_ref())).into(),
                    one_line(by.trim_start_matches(" by ")).into(),
                    cut(&one_line(&one.reason), 60).into(),
                ]);
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            request.page_size = left.min(1_000);
        }
        if !out.is_json() {
            out.table(&table);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Describe {
    pub(super) async fn describe(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let Because { reason, by: requested_by } = self.because.clone();
        let namespace = pb::NamespaceSummary {
            name: self.namespace.clone(),
            description: self.description.clone(),
            ..pb::NamespaceSummary::default()
        };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["description".to_owned()] });
        let request = pb::UpdateNamespaceRequest { namespace: Some(namespace), update_mask, reason, requested_by };
        let found = client.handlers().update_namespace(request).await?.into_inner().namespace.unwrap_or_default();
        if out.is_json() {
            out.document(&serde_json::json!({ "name": found.name, "description": found.description }));
        } else {
            out.line(&format!("{}: {}", one_line(&found.name), one_line(&found.description)));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `namespace.name@version`, as far as it goes.
fn subject(handler: Option<&pb::HandlerRef>) -> String {
    let Some(handler) = handler else { return String::new() };
    match (&*handler.name, &*handler.version) {
        ("", _) => handler.namespace.clone(),
        (name, "") => format!("{}.{name}", handler.namespace),
        (name, version) => format!("{}.{name}@{version}", handler.namespace),
    }
}

fn kind(operation: &pb::HandlerOperation) -> String {
    shape::enum_label(operation.kind().as_str_name(), "HANDLER_OPERATION_KIND_")
}

fn document(operation: &pb::HandlerOperation) -> serde_json::Value {
    let handler = operation.handler.clone().unwrap_or_default();
    serde_json::json!({
        "sequence": operation.sequence, "kind": kind(operation),
        "namespace": handler.namespace, "name": handler.name, "version": handler.version,
        "subject": operation.subject, "requested_by": operation.requested_by, "reason": operation.reason,
        "create_time": shape::time(operation.create_time),
    })
}
