//! `tasker pause`: gives a handler, or a namespace, no more work.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    Context, Outcome,
    failure::Failure,
    manual::{Because, Place},
    output::Out,
    remote::Remote,
    shape,
};

/// Stops giving out the steps of a handler, or of a whole namespace; what runs goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker pause ship_parcel --reason 'the carrier is down'
  tasker pause ship_parcel --namespace logistics
  tasker pause --namespace logistics  all handlers of the namespace")]
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
    args.remote.run(context, args.pause(context)).await
}

impl Args {
    async fn pause(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let namespace = self.place.namespace();
        let Because { reason, by: requested_by } = self.because.clone();
        let pause = match self.place.handler.clone() {
            Some(handler) => {
                let request = pb::PauseHandlerRequest { namespace, handler, reason, requested_by };
                client.handlers().pause_handler(request).await?.into_inner().pause
            }
            None => {
                let request = pb::PauseNamespaceRequest { namespace, reason, requested_by };
                client.handlers().pause_namespace(request).await?.into_inner().pause
            }
        };
        let pause = pause.unwrap_or_default();
        match out.is_json() {
            true => out.document(&shape::pause(&pause)),
            false => out.line(&shape::pause_line(&pause)),
        }
        Ok(ExitCode::SUCCESS)
    }
}
