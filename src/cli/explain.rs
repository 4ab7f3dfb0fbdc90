//! `tasker explain`: says why a task or a step does not move.

mod shape;
#[cfg(test)]
mod tests;
mod view;

use std::process::ExitCode;

use tasker_sdk::proto::tasker::v1 as pb;

use super::{Context, Outcome, failure::Failure, output::Out, remote::Remote, target::Reference};

/// Says why a task or a step does not move, and what would help
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker explain TASK                what the task is waiting for, step by step
  tasker explain TASK/label          one step, and the steps at the bottom of it
  tasker explain STEP --grpcurl      the calls that would help, for grpcurl
  tasker explain TASK --output json  the same as data")]
pub(crate) struct Args {
    /// A task, a step, or TASK/STEP-NAME
    #[arg(value_name = "TASK|STEP")]
    target: Reference,
    /// Steps of a task to show
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    max_steps: i32,
    /// Show every call as a grpcurl command
    #[arg(long)]
    grpcurl: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.explain(context)).await
}

impl Args {
    async fn explain(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let endpoint = context.connection()?.endpoint;
        let target = self.target.find(context, &client).await?;
        let calls = view::Calls { endpoint: &endpoint, all_grpcurl: self.grpcurl };
        if let Some(step_id) = target.step_id(&client).await? {
            let request = pb::ExplainStepRequest { step_id };
            let explained = client.explain().explain_step(request).await?.into_inner();
            match out.is_json() {
                true => out.document(&shape::of_step(&explained)),
                false => out.raw(&view::of_step(&explained, out.paint, calls)),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let request = pb::ExplainTaskRequest { task_id: target.task_id(), max_steps: self.max_steps };
        let explained = client.explain().explain_task(request).await?.into_inner().task.unwrap_or_default();
        match out.is_json() {
            true => out.document(&shape::of_task(&explained)),
            false => out.raw(&view::of_task(&explained, out.paint, calls)),
        }
        Ok(ExitCode::SUCCESS)
    }
}
