//! `tasker update`: changes a task or a step that exists.

use std::process::ExitCode;

use prost_types::FieldMask;
use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    input::{self, When},
    manual::{self, Because, Changed},
    remote::Remote,
    target::{Reference, Target},
};

/// Changes the deadline or the labels of a task, the attempts or the inputs of a step
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker update TASK --deadline 2h             then a late task can be retried
  tasker update TASK --no-deadline
  tasker update TASK --tag urgent --tag vip    in place of its tags
  tasker update TASK/charge --attempts 5       attempts in all
  tasker update TASK/charge --inputs @new.json")]
pub(crate) struct Args {
    /// A task, a step, or TASK/STEP-NAME
    #[arg(value_name = "TASK|STEP")]
    target: Reference,
    /// Of a task: when it must be finished, a time or a duration from now
    #[arg(long, value_parser = input::when, value_name = "TIME|DURATION")]
    deadline: Option<When>,
    /// Of a task: it may take as long as it likes
    #[arg(long, conflicts_with = "deadline")]
    no_deadline: bool,
    /// Of a task: a label, in the place of those that it has; can be repeated
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,
    /// Of a task: without any labels
    #[arg(long, conflicts_with = "tags")]
    no_tags: bool,
    /// Of a task: why it was asked for
    #[arg(long, value_name = "TEXT")]
    task_reason: Option<String>,
    /// Of a step: the attempts that it is allowed in all
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=10_000))]
    attempts: Option<i32>,
    /// Of a step: other inputs, as JSON, @FILE, or - for the standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    inputs: Option<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, Box::pin(args.update(context))).await
}

impl Args {
    async fn update(&self, context: &Context) -> Result<ExitCode, Failure> {
        let of_task = self.task_paths();
        let of_step = self.step_paths();
        let is_task = matches!(self.target, Reference::Task(_));
        let (paths, others) = if is_task { (of_task, of_step) } else { (of_step, of_task) };
        if paths.is_empty() || !others.is_empty() {
            let (what, flags) = if is_task {
                ("a task", "--deadline, --no-deadline, --tag, --no-tags and --task-reason")
            } else {
                ("a step", "--attempts and --inputs")
            };
            return Err(Failure::local(format!("{what} is changed by {flags}"), "tasker update --help"));
        }
        let inputs = self.inputs.as_ref().map(|inputs| input::json(inputs, "--inputs")).transpose()?;
        let client = self.remote.connect(context).await?;
        let targets = std::slice::from_ref(&self.target);
        let mask = FieldMask { paths: paths.into_iter().map(str::to_owned).collect() };
        let one = async |target: &Target| self.update_one(&client, target, mask.clone(), inputs.clone()).await;
        manual::each(context, &client, targets, one).await
    }

    fn task_paths(&self) -> Vec<&'static str> {
        let given = [
            ("deadline_time", self.deadline.is_some() || self.no_deadline),
            ("tags", !self.tags.is_empty() || self.no_tags),
            ("reason", self.task_reason.is_some()),
        ];
        given.into_iter().filter_map(|(path, given)| given.then_some(path)).collect()
    }

    fn step_paths(&self) -> Vec<&'static str> {
        let given = [("retry_limit", self.attempts.is_some()), ("inputs_json", self.inputs.is_some())];
        given.into_iter().filter_map(|(path, given)| given.then_some(path)).collect()
    }

    async fn update_one(
        &self,
        client: &Client,
        target: &Target,
        mask: FieldMask,
        inputs: Option<String>,
    ) -> Result<Changed, Failure> {
        let Because { reason, by: requested_by } = self.because.clone();
        if let Some(step_id) = target.step_id(client).await? {
            let step = pb::Step {
                step_id,
                retry_limit: self.attempts.unwrap_or_default(),
                inputs_json: inputs.unwrap_or_default(),
                ..pb::Step::default()
            };
            let request = pb::UpdateStepRequest { step: Some(step), update_mask: Some(mask), reason, requested_by };
            return Ok(Changed::step(client.steps().update_step(request).await?.into_inner().step));
        }
        let task = pb::Task {
            task_id: target.task_id(),
            deadline_time: self.deadline.map(|deadline| deadline.ahead(input::now())),
            tags: self.tags.clone(),
            reason: self.task_reason.clone().unwrap_or_default(),
            ..pb::Task::default()
        };
        let request = pb::UpdateTaskRequest { task: Some(task), update_mask: Some(mask), reason, requested_by };
        Ok(Changed::task(client.tasks().update_task(request).await?.into_inner().task))
    }
}
