//! `tasker resolve`: declares a step done.

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    input,
    manual::{self, Because, Changed},
    remote::Remote,
    target::{Reference, Target},
};

/// Declares a pending or failed step done, with results for the steps after it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker resolve TASK/label --results '{\"label\": 17}' --reason 'printed by hand'
  tasker resolve STEP --results @label.json")]
pub(crate) struct Args {
    /// A step, or TASK/STEP-NAME
    #[arg(value_name = "STEP")]
    target: Reference,
    /// The results: JSON, @FILE, or - for the standard input
    #[arg(long, default_value = "{}", value_name = "JSON|@FILE|-")]
    results: String,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.resolve(context)).await
}

impl Args {
    async fn resolve(&self, context: &Context) -> Result<ExitCode, Failure> {
        if matches!(self.target, Reference::Task(_)) {
            let next = "name a step: tasker resolve TASK/STEP-NAME";
            return Err(Failure::local("a task cannot be resolved, only its steps", next));
        }
        let results = input::json(&self.results, "--results")?;
        let client = self.remote.connect(context).await?;
        let targets = std::slice::from_ref(&self.target);
        let one = async |target: &Target| self.resolve_one(&client, target, &results).await;
        manual::each(context, &client, targets, one).await
    }

    async fn resolve_one(&self, client: &Client, target: &Target, results: &str) -> Result<Changed, Failure> {
        let Because { reason, by: requested_by } = self.because.clone();
        let step_id = target.step_id(client).await?.expect("a task was refused before");
        let results_json = results.to_owned();
        let request_id = manual::request_id();
        let request = pb::ResolveStepRequest { step_id, results_json, reason, requested_by, request_id };
        Ok(Changed::step(client.steps().resolve_step(request).await?.into_inner().step))
    }
}
