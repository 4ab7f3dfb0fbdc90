//! `tasker retry`: gives failed tasks or steps another try.

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    manual::{self, Because, Changed},
    output::Out,
    remote::Remote,
    target::Target,
};

/// Tries failed tasks or steps again, now
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker retry TASK --reason 'the carrier is back'   every failed step of a task in error
  tasker retry TASK --attempts 3                     with three more attempts for exhausted steps
  tasker retry TASK/label                            one failed step, whatever its backoff says")]
pub(crate) struct Args {
    /// Tasks, steps, or TASK/STEP-NAME
    #[arg(required = true, value_name = "TASK|STEP")]
    targets: Vec<Target>,
    /// Attempts to add to steps of a task that have used all of theirs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    attempts: i32,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.retry(context)).await
}

impl Args {
    async fn retry(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        manual::each(out, &self.targets, async |target| self.retry_one(&client, target).await).await
    }

    async fn retry_one(&self, client: &Client, target: &Target) -> Result<Changed, Failure> {
        let Because { reason, by: requested_by } = self.because.clone();
        if let Some(step_id) = target.step_id(client).await? {
            let request = pb::RetryStepRequest { step_id, reason, requested_by };
            return Ok(Changed::step(client.steps().retry_step(request).await?.into_inner().step));
        }
        let request = pb::RetryTaskRequest {
            task_id: target.task_id(),
            additional_attempts: self.attempts,
            reason,
            requested_by,
        };
        Ok(Changed::task(client.tasks().retry_task(request).await?.into_inner().task))
    }
}
