//! `tasker list`: finds tasks.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{
    Context, Outcome,
    failure::Failure,
    get::View,
    input::{self, When, from_proto},
    output::Out,
    remote::Remote,
    shape,
    style::{Tone, one_line, tone},
    table::{Cell, Table, columns, id, text},
};
use crate::domain::state::State;

/// The most tasks in one page, a limit of the service.
const PAGE_SIZE_MAX: i32 = 1_000;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    /// Newest first by creation.
    Newest,
    /// Oldest first by creation.
    Oldest,
    /// Newest first by requested time.
    RequestedNewest,
    /// Oldest first by requested time.
    RequestedOldest,
}

/// Finds tasks
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:
  tasker list --state error --since 1h
  tasker list --handler ship_parcel --version 1.2.0 --tag urgent
  tasker list --annotation 'invoice.number=4711'
  tasker list --count  how many tasks in which state
  tasker list --state in_progress --all --output json | jq -r .task_id

With --output json every task is one document on a line of its own; when there
are more, a last line {\"next_page_token\": …} follows."
)]
pub(crate) struct Args {
    /// The namespace
    #[arg(long, short)]
    namespace: Option<String>,
    /// The handler
    #[arg(long)]
    handler: Option<String>,
    /// The handler's version
    #[arg(long)]
    version: Option<String>,
    /// Any of these states; can be repeated
    #[arg(long = "state", short, value_parser = input::state, value_name = "STATE")]
    states: Vec<pb::State>,
    /// All of these tags; can be repeated
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,
    /// Who asked
    #[arg(long)]
    initiator: Option<String>,
    /// The system that asked
    #[arg(long)]
    source_system: Option<String>,
    /// The correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Requested at or after this time, or this long ago
    #[arg(long, value_parser = input::when, value_name = "TIME|DURATION")]
    since: Option<When>,
    /// Requested before this time, or longer ago than this
    #[arg(long, value_parser = input::when, value_name = "TIME|DURATION")]
    until: Option<When>,
    /// Has such an annotation
    #[arg(long, value_name = "TYPE.KEY=VALUE", value_parser = annotation)]
    annotation: Option<pb::AnnotationFilter>,
    /// The order
    #[arg(long, value_enum, default_value = "newest")]
    order: Order,
    /// How much of each task; only JSON shows more than the basic view
    #[arg(long, value_enum, default_value = "basic")]
    view: View,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    limit: i32,
    /// The page after the one that ended with this token
    #[arg(long, value_name = "TOKEN")]
    page_token: Option<String>,
    /// Every page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Only count the tasks, by state
    #[arg(long, conflicts_with_all = ["all", "limit", "page_token", "view", "order"])]
    count: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.list(context)).await
}

impl Args {
    async fn list(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        if self.count {
            count(&client, out, self.filter()).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut request = pb::ListTasksRequest {
            filter: Some(self.filter()),
            order: self.order().into(),
            page_size: if self.all { PAGE_SIZE_MAX } else { self.limit },
            page_token: self.page_token.clone().unwrap_or_default(),
            view: pb::TaskView::from(self.view).into(),
            ..pb::ListTasksRequest::default()
        };
        let mut shown = 0;
        loop {
            let page = client.tasks().list_tasks(request.clone()).await?.into_inner();
            shown += page.tasks.len();
            tell(out, &page.tasks);
            let more = !page.next_page_token.is_empty();
            if !more || !self.all {
                tell_end(out, shown, &page.next_page_token);
                return Ok(ExitCode::SUCCESS);
            }
            request.page_token = page.next_page_token;
        }
    }

    fn filter(&self) -> pb::TaskFilter {
        let now = input::now();
        pb::TaskFilter {
            namespace: self.namespace.clone().unwrap_or_default(),
            handler: self.handler.clone().unwrap_or_default(),
            version: self.version.clone().unwrap_or_default(),
            states: self.states.iter().map(|state| i32::from(*state)).collect(),
            tags: self.tags.clone(),
            initiator: self.initiator.clone().unwrap_or_default(),
            source_system: self.source_system.clone().unwrap_or_default(),
            correlation_id: self.correlation_id.clone().unwrap_or_default(),
            min_request_time: self.since.map(|since| since.ago(now)),
            max_request_time: self.until.map(|until| until.ago(now)),
            annotation: self.annotation.clone(),
            ..pb::TaskFilter::default()
        }
    }

    const fn order(&self) -> pb::TaskOrder {
        match self.order {
            Order::Newest => pb::TaskOrder::CreateTimeDesc,
            Order::Oldest => pb::TaskOrder::CreateTimeAsc,
            Order::RequestedNewest => pb::TaskOrder::RequestTimeDesc,
            Order::RequestedOldest => pb::TaskOrder::RequestTimeAsc,
        }
    }
}

fn tell(out: Out, tasks: &[pb::Task]) {
    if out.is_json() {
        tasks.iter().for_each(|task| out.record(&shape::task(task)));
    } else if !tasks.is_empty() {
        out.table(&table(tasks, input::now()));
    }
}

/// Tasks as a table.
pub(crate) fn table(tasks: &[pb::Task], now: DateTime<Utc>) -> Table {
    let mut table = Table::new(
        const {
            columns([
                id("TASK"),
                text("HANDLER", 12),
                text("STATE", 11),
                text("STEPS", 9),
                text("AGE", 4),
                text("REASON", 0),
            ])
        },
    );
    for task in tasks {
        let state = from_proto(task.state).unwrap_or_default();
        let execution = task.execution.unwrap_or_default();
        let why = if task.state_reason.is_empty() { String::new() } else { one_line(&task.state_reason) };
        table.row([
            task.task_id.as_str().into(),
            one_line(&shape::full_name(task.handler.as_ref())).into(),
            Cell::toned(tone(state), state.label()),
            format!("{}/{}", execution.completed_steps, execution.total_steps).into(),
            task.request_time.map(|time| input::age(time, now)).unwrap_or_default().into(),
            why.into(),
        ]);
    }
    table
}

fn tell_end(out: Out, shown: usize, next_page_token: &str) {
    let more = !next_page_token.is_empty();
    if out.is_json() {
        if more {
            out.record(&serde_json::json!({ "next_page_token": next_page_token }));
        }
    } else if shown == 0 {
        out.line("no tasks");
    } else if more {
        let next = format!("more with: --all, or --page-token {next_page_token}");
        out.line(&out.paint.tone(Tone::Dim, &next));
    }
}

async fn count(client: &Client, out: Out, filter: pb::TaskFilter) -> Result<(), Failure> {
    let request = pb::CountTasksRequest { filter: Some(filter) };
    let counts = client.tasks().count_tasks(request).await?.into_inner().counts.unwrap_or_default();
    let by_state = State::ALL.map(|state| (state, of_state(&counts, state)));
    if out.is_json() {
        let counted: serde_json::Map<String, serde_json::Value> =
            by_state.iter().map(|(state, count)| (state.label().to_owned(), (*count).into())).collect();
        out.document(&serde_json::json!({ "counts": counted, "total": counts.total }));
        return Ok(());
    }
    let mut table = Table::new(const { columns([text("STATE", 17), text("TASKS", 16)]) });
    for (state, count) in by_state {
        table.row([Cell::toned(tone(state), state.label()), count.to_string().into()]);
    }
    table.row(["total".into(), counts.total.to_string().into()]);
    out.table(&table);
    Ok(())
}

const fn of_state(counts: &pb::TaskCounts, state: State) -> i64 {
    match state {
        State::Pending => counts.pending,
        State::InProgress => counts.in_progress,
        State::Complete => counts.complete,
        State::Error => counts.error,
        State::Cancelled => counts.cancelled,
        State::ResolvedManually => counts.resolved_manually,
    }
}

/// Reads `TYPE.KEY=VALUE`.
fn annotation(text: &str) -> Result<pb::AnnotationFilter, String> {
    let wrong = || format!("{text:?} is not TYPE.KEY=VALUE");
    let (left, value) = text.split_once('=').ok_or_else(wrong)?;
    let (annotation_type, key) = left.split_once('.').ok_or_else(wrong)?;
    Ok(pb::AnnotationFilter {
        annotation_type: annotation_type.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_type_key_and_value() {
        let filter = annotation("invoice.number=47=11").unwrap();
        assert_eq!((&*filter.annotation_type, &*filter.key, &*filter.value), ("invoice", "number", "47=11"));
        assert_eq!(annotation("invoice").unwrap_err(), "\"invoice\" is not TYPE.KEY=VALUE");
    }
}
