//! `tasker resume`: gives a handler, or a namespace, work again.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    Context, Outcome,
    failure::Failure,
    manual::{Because, Place},
    output::Out,
    remote::Remote,
};

/// Gives out the steps of a paused handler, or of a paused namespace, again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker resume ship_parcel
  tasker resume --namespace logistics  the namespace")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    because: Because,
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
        let namespace = self.place.namespace();
        let Because { reason, by: requested_by } = self.because.clone();
        let was_paused = match self.place.handler.clone() {
            Some(handler) => {
                let request = pb::ResumeHandlerRequest { namespace, handler, reason, requested_by };
                client.handlers().resume_handler(request).await?.into_inner().was_paused
            }
            None => {
                let request = pb::ResumeNamespaceRequest { namespace, reason, requested_by };
                client.handlers().resume_namespace(request).await?.into_inner().was_paused
            }
        };
        match (out.is_json(), was_paused) {
            (true, _) => out.document(&serde_json::json!({ "was_paused": was_paused })),
            (false, true) => out.line(&format!("{} is given work again", self.place)),
            (false, false) => out.line(&format!("{} was not paused", self.place)),
        }
        Ok(ExitCode::SUCCESS)
    }
}
