//! `tasker handlers`: shows what is registered.

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    input,
    output::Out,
    remote::Remote,
    shape,
    style::{Tone, one_line},
    table::Table,
};

/// Shows the registered handlers, or one with its steps
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker handlers
  tasker handlers ship_parcel --namespace logistics
  tasker handlers ship_parcel@1.2.0 --output json")]
pub(crate) struct Args {
    /// One handler with its steps, in its latest version unless said otherwise
    #[arg(value_name = "HANDLER[@VERSION]", value_parser = input::handler)]
    handler: Option<(String, String)>,
    /// The namespace; for the list: all when not given
    #[arg(long, short)]
    namespace: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.handlers(context)).await
}

impl Args {
    async fn handlers(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let namespace = self.namespace.clone().unwrap_or_default();
        match &self.handler {
            Some((name, version)) => {
                let (name, version) = (name.clone(), version.clone());
                let request = pb::GetHandlerRequest { namespace, name, version };
                let handler = client.handlers().get_handler(request).await?.into_inner().handler;
                show(out, &handler.unwrap_or_default());
            }
            None => list(&client, out, namespace).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(client: &Client, out: Out, namespace: String) -> Result<(), Failure> {
    let mut request = pb::ListHandlersRequest { namespace, page_size: 1_000, page_token: String::new() };
    let mut table = Table::new(&["NAMESPACE", "HANDLER", "LATEST", "VERSIONS"]);
    let mut found = false;
    loop {
        let page = client.handlers().list_handlers(request.clone()).await?.into_inner();
        for one in &page.handlers {
            found = true;
            if out.is_json() {
                out.record(&serde_json::json!({
                    "namespace": one.namespace, "name": one.name,
                    "latest_version": one.latest_version, "versions": one.versions,
                }));
            }
            let versions = one.versions.join(", ");
            table.row([(&*one.namespace).into(), (&*one.name).into(), (&*one.latest_version).into(), versions.into()]);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    match (out.is_json(), found) {
        (true, _) => {}
        (false, true) => out.raw(&table.render(out.paint)),
        (false, false) => out.line("no handlers; register some with: tasker apply FILE"),
    }
    Ok(())
}

fn show(out: Out, handler: &pb::Handler) {
    if out.is_json() {
        return out.document(&shape::handler(handler));
    }
    out.line(&out.paint.tone(Tone::Bold, &handler.full_name));
    if !handler.description.is_empty() {
        out.line(&one_line(&handler.description));
    }
    let mut table = Table::new(&["STEP", "RUNS", "SYSTEM", "ATTEMPTS", "AFTER"]);
    for step in &handler.step_templates {
        let parents = std::iter::once(&step.depends_on_step).chain(&step.depends_on_steps);
        let parents: Vec<&str> = parents.map(String::as_str).filter(|name| !name.is_empty()).collect();
        let attempts = match (step.default_retryable, step.default_retry_limit) {
            (Some(false), _) => "1".to_owned(),
            (_, limit) => limit.unwrap_or(3).to_string(),
        };
        table.row([
            step.name.as_str().into(),
            step.handler_class.as_str().into(),
            step.dependent_system.as_str().into(),
            attempts.into(),
            parents.join(", ").into(),
        ]);
    }
    out.raw(&table.render(out.paint));
}
