//! `tasker cancel`: cancels tasks or steps.

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

/// Cancels tasks or steps
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker cancel TASK --reason 'ordered twice'
  tasker cancel TASK/label                     the steps after it can then never run
  tasker cancel $(tasker list --state error --all -o json | jq -r .task_id)

Steps that run are told to stop, and their late results are refused. Cancelling a cancelled task
changes nothing.")]
pub(crate) struct Args {
    /// Tasks, steps, or TASK/STEP-NAME
    #[arg(required = true, value_name = "TASK|STEP")]
    targets: Vec<Target>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.cancel(context)).await
}

impl Args {
    async fn cancel(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        manual::each(out, &self.targets, async |target| self.cancel_one(&client, target).await).await
    }

    async fn cancel_one(&self, client: &Client, target: &Target) -> Result<Changed, Failure> {
        let Because { reason, by: requested_by } = self.because.clone();
        if let Some(step_id) = target.step_id(client).await? {
            let request = pb::CancelStepRequest { step_id, reason, requested_by };
            return Ok(Changed::step(client.steps().cancel_step(request).await?.into_inner().step));
        }
        let task_id = target.task_id();
        let request = pb::CancelTaskRequest { task_id, reason, requested_by };
        Ok(Changed::task(client.tasks().cancel_task(request).await?.into_inner().task))
    }
}
