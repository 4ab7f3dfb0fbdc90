//! `tasker resume`: gives a handler, or a namespace, work again.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use super::{Context, Outcome, failure::Failure, output::Out, remote::Remote};

/// Gives out the steps of a paused handler, or of a paused namespace, again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker resume ship_parcel
  tasker resume --namespace logistics    the namespace; handlers that are paused by themselves stay so")]
pub(crate) struct Args {
    /// The handler; without it, the namespace
    #[arg(value_name = "HANDLER", required_unless_present = "namespace")]
    handler: Option<String>,
    /// The namespace
    #[arg(long, short)]
    namespace: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.resume(context)).await
}

impl Args {
    async fn resume(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let namespace = self.namespace.clone().unwrap_or_default();
        let shown = if namespace.is_empty() { "default" } else { &namespace };
        let (what, was_paused) = match self.handler.clone() {
            Some(name) => {
                let what = format!("handler {shown}.{name}");
                let request = pb::ResumeHandlerRequest { namespace, name };
                (what, client.handlers().resume_handler(request).await?.into_inner().was_paused)
            }
            None => {
                let what = format!("namespace {shown}");
                let request = pb::ResumeNamespaceRequest { namespace };
                (what, client.handlers().resume_namespace(request).await?.into_inner().was_paused)
            }
        };
        match (out.is_json(), was_paused) {
            (true, _) => out.document(&serde_json::json!({ "was_paused": was_paused })),
            (false, true) => out.line(&format!("{what} is given work again")),
            (false, false) => out.line(&format!("{what} was not paused")),
        }
        Ok(ExitCode::SUCCESS)
    }
}
