//! `tasker explain`: says why a task or a step does not move, or what keeps all tasks that do not.

mod overview;
#[cfg(test)]
mod tests;
mod view;

use std::process::ExitCode;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    json,
    output::Out,
    remote::Remote,
    target::{Reference, Target},
};

/// Says why a task or a step does not move, and what would help
///
/// Without a task or a step it says what keeps the tasks that do not move.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker explain                     what keeps tasks that do not move
  tasker explain -n logistics        the same of one namespace
  tasker explain TASK                the steps at which it stands, and why
  tasker explain TASK/label          one step, and the steps at which it stands
  tasker explain STEP --grpcurl      the calls that would help, for grpcurl
  tasker explain TASK --output json  the same as data")]
pub(crate) struct Args {
    /// A task, a step, or TASK/STEP-NAME; without one, all tasks that do not move
    #[arg(value_name = "TASK|STEP")]
    target: Option<Reference>,
    /// The namespace, for all tasks
    #[arg(long, short, conflicts_with = "target")]
    namespace: Option<String>,
    /// The handler, for all tasks
    #[arg(long, conflicts_with = "target")]
    handler: Option<String>,
    /// Groups of steps of a task to show
    #[arg(long, default_value_t = 20, requires = "target", value_parser = clap::value_parser!(i32).range(1..=1_000))]
    limit: i32,
    /// Tasks to look at, the newest that are not complete
    #[arg(long, default_value_t = 2_000, conflicts_with = "target", value_name = "COUNT")]
    tasks: u32,
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
        let calls = view::Calls { endpoint: &endpoint, all_grpcurl: self.grpcurl };
        match &self.target {
            Some(target) => self.one(out, &client, &target.find(context, &client).await?, calls).await?,
            None => self.all(out, &client, calls).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn one(&self, out: Out, client: &Client, target: &Target, calls: view::Calls<'_>) -> Result<(), Failure> {
        if let Some(step_id) = target.step_id(client).await? {
            let request = pb::ExplainStepRequest { step_id };
            let explained = client.explain().explain_step(request).await?.into_inner();
            match out.is_json() {
                true => out.document(&json::of("tasker.v1.ExplainStepResponse", &explained)),
                false => out.raw(&view::of_step(&explained, out.paint, calls)),
            }
            return Ok(());
        }
        let task_id = target.task_id();
        let request = pb::ExplainTaskRequest { task_id, page_size: self.limit, page_token: String::new() };
        let explained = client.explain().explain_task(request).await?.into_inner();
        match out.is_json() {
            true => out.document(&json::of("tasker.v1.ExplainTaskResponse", &explained)),
            false => out.raw(&view::of_task(&explained, out.paint, calls)),
        }
        Ok(())
    }

    async fn all(&self, out: Out, client: &Client, calls: view::Calls<'_>) -> Result<(), Failure> {
        let mut overview = overview::Overview::default();
        let mut request = pb::ListBlockersRequest {
            namespace: self.namespace.clone().unwrap_or_default(),
            handler: self.handler.clone().unwrap_or_default(),
            ..pb::ListBlockersRequest::default()
        };
        loop {
            let left = self.tasks.saturating_sub(overview.examined());
            request.page_size = i32::try_from(left.min(PAGE_TASKS_MAX)).unwrap_or(1);
            let page = client.explain().list_blockers(request.clone()).await?.into_inner();
            request.page_token.clone_from(&page.next_page_token);
            overview.add(page);
            if request.page_token.is_empty() || overview.examined() >= self.tasks {
                break;
            }
        }
        match out.is_json() {
            true => out.document(&json::of("tasker.v1.ListBlockersResponse", &overview.into_answer())),
            false => out.raw(&overview.show(out.paint, calls)),
        }
        Ok(())
    }
}

/// Tasks that are looked at for one page, a limit of the service.
const PAGE_TASKS_MAX: u32 = 1_000;
