//! `tasker resubmit`: creates a task with the content of another one.

use std::{process::ExitCode, time::Duration};

use tasker_sdk::proto::tasker::v1 as pb;

use super::{
    Context, Outcome,
    failure::Failure,
    input::{self, When},
    output::Out,
    remote::Remote,
    shape,
    target::Reference,
    watch,
};

/// Creates a new task with the same content as an earlier one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker resubmit TASK                    same version, context, tags and so on
  tasker resubmit TASK --latest --watch   by the latest version of the handler
  tasker resubmit TASK --deadline 2h      with a deadline of its own")]
pub(crate) struct Args {
    /// The earlier task
    task: Reference,
    /// By the latest version of the handler instead of the same one
    #[arg(long)]
    latest: bool,
    /// When it must be finished: a time, or a duration from now
    #[arg(long, value_parser = input::when, value_name = "TIME|DURATION")]
    deadline: Option<When>,
    /// Makes repeating safe: one task per namespace and key
    #[arg(long)]
    key: Option<String>,
    /// Follow the task until it is final
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.resubmit(context)).await
}

impl Args {
    async fn resubmit(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let request = pb::GetTaskRequest {
            task_id: self.task.find(context, &client).await?.task_id(),
            view: pb::TaskView::Full.into(),
            ..pb::GetTaskRequest::default()
        };
        let earlier = client.tasks().get_task(request).await?.into_inner().task.unwrap_or_default();
        let request = pb::CreateTaskRequest { task: Some(self.same(earlier)) };
        let answer = client.tasks().create_task(request).await?.into_inner();
        let created = answer.task.unwrap_or_default();
        if out.is_json() {
            let document = serde_json::json!({ "task": shape::task(&created), "existed": answer.existed });
            if self.watch { out.record(&document) } else { out.document(&document) }
        } else if !self.watch {
            let verb = if answer.existed { "found" } else { "created" };
            out.line(&format!("{verb} {}  {}", created.task_id, shape::full_name(created.handler.as_ref())));
            out.line(&format!("follow it with: tasker watch {}", created.task_id));
        }
        if self.watch {
            return watch::follow(&client, out, created.task_id, Duration::from_secs(60)).await;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A new task with what the earlier one was asked for.
    fn same(&self, earlier: pb::Task) -> pb::NewTask {
        let handler = earlier.handler.map(|handler| pb::HandlerRef {
            version: if self.latest { String::new() } else { handler.version },
            ..handler
        });
        pb::NewTask {
            handler,
            context_json: earlier.context_json,
            initiator: earlier.initiator,
            source_system: earlier.source_system,
            reason: earlier.reason,
            tags: earlier.tags,
            bypass_steps: earlier.bypass_steps,
            request_time: None,
            idempotency_key: self.key.clone().unwrap_or_default(),
            correlation_id: earlier.correlation_id,
            deadline_time: self.deadline.map(|deadline| deadline.ahead(input::now())),
        }
    }
}
