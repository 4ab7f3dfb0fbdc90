//! `tasker handlers`: shows what is registered and who runs it, and takes versions out of use.

mod history;

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    input,
    manual::Because,
    output::Out,
    remote::Remote,
    shape,
    style::{Tone, one_line},
    table::{Cell, Table, columns, text},
};

/// Shows the registered handlers and whether anybody runs them, or one with its steps
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  tasker handlers
  tasker handlers --namespaces
  tasker handlers ship_parcel --namespace logistics
  tasker handlers ship_parcel@1.2.0 --output json
  tasker handlers deprecate ship_parcel@1.1.0 --reason 'use 1.2.0'
  tasker handlers history ship_parcel --namespace logistics
  tasker handlers describe logistics 'everything that is shipped'"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// One handler with its steps, in its latest version unless said otherwise
    #[arg(value_name = "HANDLER[@VERSION]", value_parser = input::handler)]
    handler: Option<(String, String)>,
    /// The namespace; for the list: all when not given
    #[arg(long, short)]
    namespace: Option<String>,
    /// The namespaces, and not the handlers
    #[arg(long, conflicts_with_all = ["handler", "namespace"])]
    namespaces: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Takes a version out of use: no new tasks, and not the latest any more; its tasks go on
    Deprecate(Version),
    /// Takes the deprecation of a version back
    Restore(Version),
    /// Shows who changed what is registered, and why
    History(history::History),
    /// Says what a namespace is for
    Describe(history::Describe),
}

#[derive(Debug, clap::Args)]
struct Version {
    /// The version, exactly
    #[arg(value_name = "HANDLER@VERSION", value_parser = exactly)]
    handler: (String, String),
    /// The namespace
    #[arg(long, short, default_value = "")]
    namespace: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    remote: Remote,
}

fn exactly(text: &str) -> Result<(String, String), String> {
    let (name, version) = input::handler(text)?;
    if version.is_empty() { Err("name the version: HANDLER@VERSION".to_owned()) } else { Ok((name, version)) }
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    match &args.action {
        Some(Action::Deprecate(version)) => version.remote.run(context, version.change(context, true)).await,
        Some(Action::Restore(version)) => version.remote.run(context, version.change(context, false)).await,
        Some(Action::History(history)) => history.remote.run(context, history.show(context)).await,
        Some(Action::Describe(describe)) => describe.remote.run(context, describe.describe(context)).await,
        None => args.remote.run(context, args.handlers(context)).await,
    }
}

impl Version {
    async fn change(&self, context: &Context, deprecate: bool) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let namespace = self.namespace.clone();
        let (name, version) = self.handler.clone();
        let Because { reason, by: requested_by } = self.because.clone();
        let handler = Some(pb::HandlerRef { namespace, name, version });
        let handler = if deprecate {
            let request = pb::DeprecateHandlerRequest { handler, reason, requested_by };
            client.handlers().deprecate_handler(request).await?.into_inner().handler
        } else {
            let request = pb::RestoreHandlerRequest { handler, reason, requested_by };
            client.handlers().restore_handler(request).await?.into_inner().handler
        };
        let handler = handler.unwrap_or_default();
        if out.is_json() {
            out.document(&shape::handler(&handler));
        } else {
            let what = if deprecate { "takes no new tasks" } else { "takes new tasks" };
            out.line(&format!("{} {what}", shape::handler_name(&handler)));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    async fn handlers(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let namespace = self.namespace.clone().unwrap_or_default();
        match &self.handler {
            Some((name, version)) => {
                let (name, version) = (name.clone(), version.clone());
                let handler = Some(pb::HandlerRef { namespace, name, version });
                let request = pb::GetHandlerRequest { handler, omit_graph: !out.is_json() };
                show(out, &client.handlers().get_handler(request).await?.into_inner());
            }
            None if self.namespaces => list_namespaces(&client, out).await?,
            None => list(&client, out, namespace).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list_namespaces(client: &Client, out: Out) -> Result<(), Failure> {
    let mut request = pb::ListNamespacesRequest { page_size: 1_000, page_token: String::new() };
    let mut table = Table::new(
        const { columns([text("NAMESPACE", 40), text("HANDLERS", 8), text("VERSIONS", 8), text("NOTE", 12)]) },
    );
    loop {
        let page = client.handlers().list_namespaces(request.clone()).await?.into_inner();
        for one in &page.namespaces {
            if out.is_json() {
                out.record(&serde_json::json!({
                    "name": one.name, "description": one.description, "handlers": one.handlers,
                    "versions": one.versions, "paused_handlers": one.paused_handlers,
                    "pause": one.pause.as_ref().map(shape::pause),
                }));
            }
            let note = match (&one.pause, one.paused_handlers) {
                (Some(_), _) => Cell::toned(Tone::Warn, "paused"),
                (None, 0) => "".into(),
                (None, count) => Cell::toned(Tone::Warn, format!("{count} paused")),
            };
            table.row([(&*one.name).into(), one.handlers.to_string().into(), one.versions.to_string().into(), note]);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if !out.is_json() {
        out.table(&table);
    }
    Ok(())
}

async fn list(client: &Client, out: Out, namespace: String) -> Result<(), Failure> {
    let mut request = pb::ListHandlersRequest { namespace, page_size: 1_000, page_token: String::new() };
    let mut table = Table::new(
        const {
            columns([
                text("NAMESPACE", 14),
                text("HANDLER", 20),
                text("LATEST", 8),
                text("VERSIONS", 13),
                text("WORKERS", 7),
                text("NOTE", 6),
            ])
        },
    );
    let mut found = false;
    loop {
        let page = client.handlers().list_handlers(request.clone()).await?.into_inner();
        for one in &page.handlers {
            found = true;
            if out.is_json() {
                out.record(&serde_json::json!({
                    "namespace": one.namespace, "name": one.name,
                    "latest_version": one.latest_version, "versions": one.versions,
                    "deprecated_versions": one.deprecated_versions, "available": one.available,
                    "pauses": one.pauses.iter().map(shape::pause).collect::<Vec<_>>(),
                }));
            }
            let version = |version: &String| {
                if one.deprecated_versions.contains(version) { format!("({version})") } else { version.clone() }
            };
            let versions = one.versions.iter().map(version).collect::<Vec<_>>().join(", ");
            let workers = if one.available { Cell::toned(Tone::Good, "yes") } else { Cell::toned(Tone::Dim, "no") };
            let note = if one.pauses.is_empty() { "".into() } else { Cell::toned(Tone::Warn, "paused") };
            table.row([
                (&*one.namespace).into(),
                (&*one.name).into(),
                (&*one.latest_version).into(),
                versions.into(),
                workers,
                note,
            ]);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    match (out.is_json(), found) {
        (true, _) => {}
        (false, true) => out.table(&table),
        (false, false) => out.line("no handlers; register some with: tasker apply FILE"),
    }
    Ok(())
}

fn show(out: Out, found: &pb::GetHandlerResponse) {
    let handler = found.handler.clone().unwrap_or_default();
    if out.is_json() {
        return out.document(&document(found, &handler));
    }
    out.line(&out.paint.tone(Tone::Bold, &shape::handler_name(&handler)));
    if !handler.description.is_empty() {
        out.line(&one_line(&handler.description));
    }
    if let Some(deprecation) = &handler.deprecation {
        let why = if deprecation.reason.is_empty() { String::new() } else { format!(": {}", deprecation.reason) };
        out.line(&out.paint.tone(Tone::Warn, &one_line(&format!("deprecated, takes no new tasks{why}"))));
    }
    for pause in &found.pauses {
        out.line(&out.paint.tone(Tone::Warn, &shape::pause_line(pause)));
    }
    if let Some(record) = found.record.as_ref().filter(|record| record.tasks > 0) {
        let open = record.unfinished;
        out.line(&format!(
            "of the last {} tasks {} complete, {} failed, {} cancelled, {open} open; half took {} ms at most, 95 % {} ms",
            record.tasks, record.complete, record.failed, record.cancelled, shape::millis(record.median_duration), shape::millis(record.p95_duration)
        ));
    }
    let mut table = Table::new(
        const {
            columns([
                text("STEP", 16),
                text("RUNS", 16),
                text("WORKERS", 10),
                text("SYSTEM", 8),
                text("ATTEMPTS", 8),
                text("AFTER", 12),
            ])
        },
    );
    for step in &handler.step_templates {
        let parents = std::iter::once(&step.depends_on_step).chain(&step.depends_on_steps);
        let parents: Vec<&str> = parents.map(String::as_str).filter(|name| !name.is_empty()).collect();
        let attempts = match (step.default_retryable, step.default_retry_limit) {
            (Some(false), _) => "1".to_owned(),
            (_, limit) => limit.unwrap_or(3).to_string(),
        };
        let served = found.step_handlers.iter().find(|served| served.step_handler == step.step_handler);
        let workers = match served.map(|served| (served.workers, served.free_slots)) {
            Some((workers @ 1.., free)) => Cell::toned(Tone::Good, format!("{workers}, {free} free")),
            _ => Cell::toned(Tone::Bad, "none"),
        };
        table.row([
            step.name.as_str().into(),
            step.step_handler.as_str().into(),
            workers,
            step.dependent_system.as_str().into(),
            attempts.into(),
            parents.join(", ").into(),
        ]);
    }
    out.table(&table);
}

/// The handler with everything that is said of it.
fn document(found: &pb::GetHandlerResponse, handler: &pb::Handler) -> serde_json::Value {
    let mut value = serde_json::to_value(shape::handler(handler)).expect("our shapes are JSON");
    let graph = found.graph.clone().unwrap_or_default();
    let record = found.record.unwrap_or_default();
    let edges = graph.edges.iter().map(|edge| serde_json::json!({ "from": edge.from, "to": edge.to }));
    let served = found.step_handlers.iter().map(|served| {
        serde_json::json!({
            "step_handler": served.step_handler, "workers": served.workers, "free_slots": served.free_slots,
        })
    });
    let more = serde_json::json!({
        "available": found.available,
        "step_handlers": served.collect::<Vec<_>>(),
        "pauses": found.pauses.iter().map(shape::pause).collect::<Vec<_>>(),
        "record": {
            "tasks": record.tasks, "complete": record.complete, "failed": record.failed,
            "cancelled": record.cancelled, "unfinished": record.unfinished, "median_ms": shape::millis(record.median_duration),
            "p95_ms": shape::millis(record.p95_duration), "last_task_time": shape::time(record.last_task_time),
        },
        "graph": {
            "edges": edges.collect::<Vec<_>>(),
            "execution_order": graph.execution_order, "roots": graph.roots, "leaves": graph.leaves,
            "levels": graph.nodes.iter().map(|node| (node.name.clone(), node.level.into())).collect::<serde_json::Map<_, _>>(),
            "total_steps": graph.total_steps, "total_dependencies": graph.total_dependencies,
            "max_depth": graph.max_depth, "parallel_branches": graph.parallel_branches,
            "total_paths": graph.total_paths,
        },
    });
    if let (Some(object), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        object.extend(more);
    }
    value
}
