//! `tasker retry`: gives failed tasks or steps another try.

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    bulk::{Chosen, Verb},
    failure::Failure,
    manual::{self, Because, Changed},
    remote::Remote,
    target::Target,
};

/// What is done to the tasks that `--where` names: those in error.
const VERB: Verb = Verb { name: "retry", states: &[pb::State::Error] };

/// Tries failed tasks or steps again, now
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker retry TASK --reason 'the carrier is back'   every failed step
  tasker retry TASK --attempts 3                     three more attempts
  tasker retry TASK/label                            one step, now
  tasker retry --where 'handler=ship age<2h' --dry-run
  tasker retry --where 'handler=ship age<2h' --yes

--where takes tasks in error. Conditions: namespace, handler, version, state,
tag, initiator, source_system, correlation_id, age.")]
pub(crate) struct Args {
    #[command(flatten)]
    chosen: Chosen,
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
        let client = self.remote.connect(context).await?;
        let one = async |target: &Target| self.retry_one(&client, target).await;
        self.chosen.act(context, &client, &VERB, one).await
    }

    async fn retry_one(&self, client: &Client, target: &Target) -> Result<Changed, Failure> {
        let Because { reason, by: requested_by } = self.because.clone();
        if let Some(step_id) = target.step_id(client).await? {
            let request = pb::RetryStepRequest { step_id, reason, requested_by, request_id: manual::request_id() };
            return Ok(Changed::step(client.steps().retry_step(request).await?.into_inner().step));
        }
        let request = pb::RetryTaskRequest {
            task_id: target.task_id(),
            additional_attempts: self.attempts,
            reason,
            requested_by,
            request_id: manual::request_id(),
        };
        Ok(Changed::task(client.tasks().retry_task(request).await?.into_inner().task))
    }
}
