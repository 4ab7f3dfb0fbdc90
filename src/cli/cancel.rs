//! `tasker cancel`: cancels tasks or steps.

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    bulk::{Chosen, Verb},
    failure::Failure,
    manual::{Because, Changed},
    remote::Remote,
    target::Target,
};

/// What is done to the tasks that `--where` names: those that are not over.
const VERB: Verb = Verb { name: "cancel", states: &[pb::State::Pending, pb::State::InProgress] };

/// Cancels tasks or steps
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker cancel TASK --reason 'ordered twice'
  tasker cancel TASK/label  the steps after it can then never run
  tasker cancel @last       what you submitted last
  tasker cancel --where 'handler=ship tag=test age>1d' --dry-run
  tasker cancel --where 'handler=ship tag=test age>1d' --yes

Steps that run are told to stop, and their late results are refused. --where
takes pending and running tasks, unless it names states. Conditions: namespace,
handler, version, state, tag, initiator, source_system, correlation_id, age.")]
pub(crate) struct Args {
    #[command(flatten)]
    chosen: Chosen,
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
        let client = self.remote.connect(context).await?;
        let one = async |target: &Target| self.cancel_one(&client, target).await;
        self.chosen.act(context, &client, &VERB, one).await
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
