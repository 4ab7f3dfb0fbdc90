//! `tasker queues`: shows the steps that wait for workers.

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    Context, Outcome,
    failure::Failure,
    json,
    output::Out,
    remote::Remote,
    style::{Tone, one_line},
    table::{Table, columns, text},
};

/// Shows the steps that wait for workers, by handler and step, the longest queue first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker queues
  tasker queues --namespace logistics
  tasker queues --output json | jq 'select(.depth > 100)'

The figures are a few seconds old. With --output json every queue is one
document on a line of its own.")]
pub(crate) struct Args {
    /// The namespace; all that you may see when not given
    #[arg(long, short)]
    namespace: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.show(context)).await
}

impl Args {
    async fn show(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let status = client.status().get_status(pb::GetStatusRequest {}).await?.into_inner();
        let wanted =
            |queue: &&pb::QueueStatus| self.namespace.as_ref().is_none_or(|namespace| *namespace == queue.namespace);
        let queues: Vec<&pb::QueueStatus> = status.queues.iter().filter(wanted).collect();
        if out.is_json() {
            queues.iter().for_each(|queue| out.record(&json::of("tasker.v1.QueueStatus", *queue)));
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(
            const { columns([text("HANDLER", 20), text("STEP", 12), text("WAITING", 7), text("OLDEST", 6)]) },
        );
        for queue in &queues {
            table.row([
                one_line(&format!("{}.{}", queue.namespace, queue.handler)).into(),
                one_line(&queue.step_name).into(),
                queue.depth.to_string().into(),
                super::analytics::length(queue.wait_duration).into(),
            ]);
        }
        out.table(&table);
        if queues.is_empty() {
            out.line(&out.paint.tone(Tone::Dim, "no step waits for a worker"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
