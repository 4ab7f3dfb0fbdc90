//! `tasker submit`: creates tasks.

use std::{process::ExitCode, time::Duration};

use tasker_sdk::{
    Client,
    proto::tasker::v1::{self as pb, batch_create_tasks_outcome::Outcome as Created},
};

use super::{
    Context, Outcome,
    failure::{self, Failure},
    input::{self, When},
    output::Out,
    remote::Remote,
    shape, watch,
};

/// The most tasks in one call, a limit of the service.
const BATCH_TASKS_MAX: usize = 1_000;
/// The most bytes of context in one call, well below what a server takes in one message.
const BATCH_BYTES_MAX: usize = 2 << 20;
/// How many refusals of a batch are told.
const REFUSALS_SHOWN: usize = 10;

/// Creates a task, or many, of a registered handler
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker submit ship_parcel --context '{\"parcel_id\": 7}'
  tasker submit ship_parcel@1.2.0 -n logistics --context @parcel.json --watch
  jq -n '{parcel_id: 7}' | tasker submit ship_parcel --context - --key parcel-7
  tasker submit ship_parcel --context '{\"parcel_id\": 7}' --deadline 10m --tag eu
  tasker submit ship_parcel --context '{\"parcel_id\": 7}' --count 5000
  tasker watch \"$(tasker submit ship_parcel --context @parcel.json --quiet)\"

With --key the command can be repeated safely: the same key and content return
the first task.

Exit codes: 0 done (with --watch: complete), 1 with --watch: error or cancelled,
with --count: some refused, 2 wrong arguments, 3 refused, 4 no server.")]
pub(crate) struct Args {
    /// The handler, with its version or else the latest
    #[arg(value_name = "HANDLER[@VERSION]", value_parser = input::handler)]
    handler: (String, String),
    /// The handler's namespace
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// The input: a JSON object with at least one field, @FILE, or - for the standard input
    #[arg(long, short, value_name = "JSON|@FILE|-")]
    context: String,
    /// A label; can be repeated
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Makes repeating safe: one task per namespace and key
    #[arg(long)]
    key: Option<String>,
    /// Finds related work again
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// A skippable step to complete without running it; can be repeated
    #[arg(long = "bypass", value_name = "STEP")]
    bypass: Vec<String>,
    /// When it must be finished: a time, or a duration from now
    #[arg(long, value_parser = input::when, value_name = "TIME|DURATION")]
    deadline: Option<When>,
    /// Who asks
    #[arg(long, env = "USER", hide_env_values = true)]
    initiator: Option<String>,
    /// The system that asks
    #[arg(long, default_value = "tasker-cli")]
    source_system: String,
    /// Follow the task until it is final
    #[arg(long, short)]
    watch: bool,
    /// Create so many alike
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["watch", "key"])]
    count: u32,
    /// Print nothing but the id
    #[arg(long, short, conflicts_with = "watch")]
    quiet: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.submit(context)).await
}

impl Args {
    async fn submit(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let task = self.new_task()?;
        let client = self.remote.connect(context).await?;
        if self.count > 1 {
            return self.submit_many(context, &client, out, task).await;
        }
        let request = pb::CreateTaskRequest { task: Some(task) };
        let response = client.tasks().create_task(request).await?.into_inner();
        let created = response.task.unwrap_or_default();
        context.remember(&created.task_id)?;
        self.tell(out, &created, response.existed);
        if self.watch {
            return watch::follow(&client, out, created.task_id, Duration::from_secs(60)).await;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn new_task(&self) -> Result<pb::NewTask, Failure> {
        let (name, version) = self.handler.clone();
        Ok(pb::NewTask {
            handler: Some(pb::HandlerRef { namespace: self.namespace.clone(), name, version }),
            context_json: input::json(&self.context, "--context")?,
            initiator: self.initiator.clone().unwrap_or_default(),
            source_system: self.source_system.clone(),
            reason: self.reason.clone().unwrap_or_default(),
            tags: self.tags.clone(),
            bypass_steps: self.bypass.clone(),
            request_time: None,
            idempotency_key: self.key.clone().unwrap_or_default(),
            correlation_id: self.correlation_id.clone().unwrap_or_default(),
            deadline_time: self.deadline.map(|deadline| deadline.ahead(input::now())),
        })
    }

    fn tell(&self, out: Out, task: &pb::Task, existed: bool) {
        if self.quiet {
            out.line(&task.task_id);
        } else if out.is_json() {
            let document = serde_json::json!({ "task": shape::task(task), "existed": existed });
            if self.watch { out.record(&document) } else { out.document(&document) }
        } else if !self.watch {
            let verb = if existed { "found" } else { "created" };
            out.line(&format!("{verb} {}  {}", task.task_id, shape::full_name(task.handler.as_ref())));
            out.line(&format!("follow it with: tasker watch {}", task.task_id));
        }
    }

    async fn submit_many(
        &self,
        context: &Context,
        client: &Client,
        out: Out,
        task: pb::NewTask,
    ) -> Result<ExitCode, Failure> {
        let count = usize::try_from(self.count).expect("32 bits fit");
        let size = (BATCH_BYTES_MAX / task.context_json.len().max(1)).clamp(1, BATCH_TASKS_MAX);
        let mut ids = Vec::with_capacity(count);
        let mut refused = Vec::new();
        while ids.len() + refused.len() < count {
            let next = size.min(count - ids.len() - refused.len());
            let request = pb::BatchCreateTasksRequest { tasks: vec![task.clone(); next] };
            let outcomes = client.tasks().batch_create_tasks(request).await?.into_inner().outcomes;
            if outcomes.is_empty() {
                return Err(Failure::Garbled("the server answered a batch without outcomes".to_owned()));
            }
            for outcome in outcomes {
                match outcome.outcome {
                    Some(Created::Task(task)) => ids.push(task.task_id),
                    Some(Created::Error(error)) => refused.push(error.into()),
                    None => return Err(Failure::Garbled("the server answered a batch without an outcome".to_owned())),
                }
            }
        }
        ids.last().map_or(Ok(()), |last| context.remember(last))?;
        Ok(tell_many(out, &ids, &refused, self.quiet))
    }
}

fn tell_many(out: Out, ids: &[String], refused: &[tasker_sdk::Error], quiet: bool) -> ExitCode {
    if quiet {
        ids.iter().for_each(|id| out.line(id));
    } else if out.is_json() {
        let refusals: Vec<_> = refused
            .iter()
            .map(|error| serde_json::json!({ "reason": reason(error), "message": message(error) }))
            .collect();
        out.document(&serde_json::json!({ "created": ids.len(), "task_ids": ids, "refused": refusals }));
    } else {
        out.line(&format!("created {}", input::count(ids.len(), "task")));
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            out.line(&format!("first {first}\nlast  {last}"));
        }
        for error in refused.iter().take(REFUSALS_SHOWN) {
            eprintln!("refused: {error}");
        }
        if refused.len() > REFUSALS_SHOWN {
            eprintln!("refused: {} more", refused.len() - REFUSALS_SHOWN);
        }
    }
    if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(failure::UNSUCCESSFUL) }
}

/// The name of the reason of a refusal.
fn reason(error: &tasker_sdk::Error) -> &str {
    error.refusal().map_or("", |refusal| &refusal.reason_name)
}

/// The text of a refusal.
fn message(error: &tasker_sdk::Error) -> String {
    error.refusal().map_or_else(|| error.to_string(), |refusal| refusal.message.clone())
}
