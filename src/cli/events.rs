//! `tasker events`: what happens, as it happens or as it happened.
//!
//! Owns: the stream held through disconnects, one line or one document an event. After a disconnect it goes on after
//! the last cursor that it has printed, so that nothing is missing and nothing comes twice.

use std::{pin::pin, process::ExitCode, time::Duration};

use clap::Subcommand;
use serde::Serialize;
use serde_json::value::RawValue;
use tasker_sdk::{
    Client,
    proto::tasker::v1::{self as pb, watch_events_request::Start, watch_events_response::Message},
};
use tokio::time::{Instant, sleep};
use tonic::{Status, Streaming};

use super::{
    Context, Outcome,
    failure::Failure,
    input::{self, When},
    output::Out,
    remote::Remote,
    shape,
    style::{Tone, cut, one_line},
    table::{Cell, Table, columns, text},
    watch,
};

/// How far back events are shown when nothing is said.
const SINCE: Duration = Duration::from_secs(600);
/// The first and the longest wait before the stream is opened again.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Shows events: what happened lately, or what happens from now on
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  tasker events                             the last ten minutes
  tasker events --follow --filter 'step.*'  steps, as they move
  tasker events --follow --filter '*.failed' -o json | jq .payload.error_message
  tasker events --follow --after CURSOR     goes on where an earlier one ended
  tasker events types --category custom     what handlers publish
  tasker events publish order.fulfilled --payload '{\"order\": 7}' --task TASK

Every event has a cursor. With --follow a server that goes away is waited for,
and the stream goes on after the last event that was printed."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
    /// Only events with such a name; * stands for any characters; can be repeated
    #[arg(long = "filter", value_name = "PATTERN")]
    names: Vec<String>,
    /// Only events of this namespace
    #[arg(long, short)]
    namespace: Option<String>,
    /// Only events of tasks of this handler
    #[arg(long)]
    handler: Option<String>,
    /// Only events of this task
    #[arg(long)]
    task: Option<String>,
    /// What happened at or after this time, or not longer ago than this; 10m without --follow
    #[arg(long, value_parser = input::when, value_name = "TIME|DURATION", conflicts_with = "after")]
    since: Option<When>,
    /// What follows the event with this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// How long to wait for a server that has gone away
    #[arg(long, default_value = "60s", value_parser = input::duration, value_name = "DURATION")]
    patience: Duration,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists the events that there are
    Types(Types),
    /// Publishes a custom event
    Publish(Publish),
}

/// Which events to list.
#[derive(Debug, clap::Args)]
struct Types {
    /// Only this category
    #[arg(long, value_enum)]
    category: Option<Category>,
    /// Only names that begin with this and a dot
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Only those with this text in their name or description
    #[arg(value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// What to publish.
#[derive(Debug, clap::Args)]
struct Publish {
    /// The name, such as order.fulfilled
    name: String,
    /// What it says: a JSON object, @FILE, or - for the standard input
    #[arg(long, default_value = "{}", value_name = "JSON")]
    payload: String,
    /// The namespace; that of the task, else `default`
    #[arg(long, short)]
    namespace: Option<String>,
    /// The task that it is about
    #[arg(long)]
    task: Option<String>,
    /// The step that it is about, by its id
    #[arg(long, value_name = "STEP-ID")]
    step: Option<String>,
    /// A UUID under which repeating it is safe
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Category {
    Task,
    Step,
    Workflow,
    Observability,
    Telemetry,
    Registry,
    Custom,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    match &args.what {
        None => args.remote.run(context, args.stream(context)).await,
        Some(What::Types(types)) => types.remote.run(context, types.list(context)).await,
        Some(What::Publish(publish)) => publish.remote.run(context, publish.publish(context)).await,
    }
}

impl Args {
    async fn stream(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let mut feed = Feed { client, request: self.request(), patience: self.patience, stream: None };
        let mut stop = pin!(tokio::signal::ctrl_c());
        loop {
            let event = tokio::select! {
                event = feed.next() => event?,
                _ = &mut stop => return Ok(ExitCode::from(130)),
            };
            match event {
                Some(event) => tell(out, &event),
                None => return Ok(ExitCode::SUCCESS),
            }
        }
    }

    fn request(&self) -> pb::WatchEventsRequest {
        let since = self.since.or_else(|| (!self.follow).then_some(When::Offset(SINCE)));
        let after = self.after.clone().map(Start::AfterCursor);
        pb::WatchEventsRequest {
            names: self.names.clone(),
            namespace: self.namespace.clone().unwrap_or_default(),
            handler: self.handler.clone().unwrap_or_default(),
            task_id: self.task.clone().unwrap_or_default(),
            start: after.or_else(|| since.map(|since| Start::StartTime(since.ago(input::now())))),
            until_caught_up: !self.follow,
        }
    }
}

/// The stream, held through disconnects.
struct Feed {
    client: Client,
    request: pb::WatchEventsRequest,
    patience: Duration,
    stream: Option<Streaming<pb::WatchEventsResponse>>,
}

impl Feed {
    /// The next event; `None` at the end of a stream that has one.
    async fn next(&mut self) -> Result<Option<pb::Event>, Failure> {
        let (mut wait, mut away_since) = (WAIT.0, None);
        loop {
            let failure = match self.receive().await {
                Ok(Some(Message::Event(event))) => {
                    self.request.start = Some(Start::AfterCursor(event.cursor.clone()));
                    return Ok(Some(event));
                }
                Ok(Some(Message::Progress(progress))) => {
                    self.request.start = Some(Start::AfterCursor(progress.cursor));
                    (wait, away_since) = (WAIT.0, None);
                    if self.request.until_caught_up && progress.caught_up {
                        return Ok(None);
                    }
                    continue;
                }
                Ok(None) => None,
                Err(status) if watch::is_passing(&status) => Some(status),
                Err(status) => return Err(status.into()),
            };
            self.stream = None;
            if away_since.get_or_insert_with(Instant::now).elapsed() > self.patience {
                let early = || Failure::Garbled("the stream of events ended early".to_owned());
                return Err(failure.map_or_else(early, Failure::from));
            }
            sleep(wait).await;
            wait = (wait * 2).min(WAIT.1);
        }
    }

    async fn receive(&mut self) -> Result<Option<Message>, Status> {
        if self.stream.is_none() {
            self.stream = Some(self.client.events().watch_events(self.request.clone()).await?.into_inner());
        }
        let stream = self.stream.as_mut().expect("just opened");
        Ok(stream.message().await?.and_then(|response| response.message))
    }
}

impl Types {
    async fn list(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let mut request = pb::ListEventTypesRequest {
            category: self.category.map_or(pb::EventCategory::Unspecified, wire).into(),
            name_prefix: self.prefix.clone().unwrap_or_default(),
            search: self.search.clone().unwrap_or_default(),
            page_size: 1_000,
            ..pb::ListEventTypesRequest::default()
        };
        let mut table = Table::new(const { columns([text("EVENT", 30), text("FIRED BY", 20), text("MEANS", 26)]) });
        loop {
            let page = client.events().list_event_types(request.clone()).await?.into_inner();
            for event in &page.event_types {
                if out.is_json() {
                    out.record(&Type::of(event));
                }
                let by = if event.fired_by.is_empty() { "nobody".to_owned() } else { event.fired_by.join(", ") };
                let name = if event.fired_by.is_empty() {
                    Cell::toned(Tone::Dim, &event.name)
                } else {
                    event.name.as_str().into()
                };
                table.row([name, by.into(), one_line(&event.description).into()]);
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        if !out.is_json() {
            out.table(&table);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Publish {
    async fn publish(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let request = pb::PublishEventRequest {
            name: self.name.clone(),
            payload_json: input::json(&self.payload, "--payload")?,
            namespace: self.namespace.clone().unwrap_or_default(),
            task_id: self.task.clone().unwrap_or_default(),
            step_id: self.step.clone().unwrap_or_default(),
            event_id: self.id.clone().unwrap_or_default(),
        };
        let client = self.remote.connect(context).await?;
        let published = client.events().publish_event(request).await?.into_inner();
        if out.is_json() {
            out.document(&serde_json::json!({
                "event_id": published.event_id, "cursor": published.cursor, "existed": published.existed,
            }));
        } else {
            out.line(&format!("published {} as {}", self.name, published.event_id));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An event as a document. Keys are added and never renamed.
#[derive(Serialize)]
struct Event<'a> {
    cursor: &'a str,
    name: &'a str,
    category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    occur_time: Option<String>,
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    handler: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    task_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    step_id: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    sequence: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_omission: Option<String>,
}

/// An entry of the catalog as a document.
#[derive(Serialize)]
struct Type<'a> {
    name: &'a str,
    category: &'a str,
    description: &'a str,
    fired_by: &'a [String],
    payload_schema: Option<Box<RawValue>>,
    example_payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    register_time: Option<String>,
}

impl<'a> Type<'a> {
    fn of(event: &'a pb::EventType) -> Self {
        Self {
            name: &event.name,
            category: label(event.category()),
            description: &event.description,
            fired_by: &event.fired_by,
            payload_schema: raw(&event.payload_schema_json),
            example_payload: raw(&event.example_payload_json),
            register_time: shape::time(event.register_time),
        }
    }
}

fn tell(out: Out, event: &pb::Event) {
    let none = pb::HandlerRef::default();
    let handler = event.handler.as_ref().unwrap_or(&none);
    if out.is_json() {
        out.record(&Event {
            cursor: &event.cursor,
            name: &event.name,
            category: label(event.category()),
            occur_time: shape::time(event.occur_time),
            namespace: &handler.namespace,
            handler: &handler.name,
            version: &handler.version,
            task_id: &event.task_id,
            step_id: &event.step_id,
            sequence: event.sequence,
            event_id: &event.event_id,
            subject: &event.subject,
            payload: raw(&event.payload_json),
            payload_omission: event.payload_omission.as_ref().map(omission),
        });
        return;
    }
    let time = shape::time(event.occur_time).map(|time| time[11..23].to_owned()).unwrap_or_default();
    let handler = if handler.name.is_empty() {
        handler.namespace.clone()
    } else {
        format!("{}.{}", handler.namespace, handler.name)
    };
    let tone = match event.name.rsplit('.').next().unwrap_or_default() {
        name if name.ends_with("failed") || name == "max_retries_reached" => Tone::Bad,
        name if name.ends_with("completed") => Tone::Good,
        _ => Tone::Bold,
    };
    let name = out.paint.tone(tone, &format!("{:<38}", event.name));
    let line = format!("{time}  {name} {:<28} {}  {}", one_line(&handler), event.task_id, summary(event));
    out.line(line.trim_end());
}

/// Why the payload is left out.
fn omission(omission: &pb::PayloadOmission) -> String {
    shape::enum_label(omission.cause().as_str_name(), "PAYLOAD_OMISSION_CAUSE_")
}

/// What a person wants to know of the payload.
fn summary(event: &pb::Event) -> String {
    if let Some(left_out) = &event.payload_omission {
        return format!("payload of {} bytes left out: {}", left_out.bytes, omission(left_out).replace('_', " "));
    }
    let Ok(payload) = serde_json::from_str::<serde_json::Value>(&event.payload_json) else { return String::new() };
    if event.category() == pb::EventCategory::Custom {
        return cut(&one_line(&event.payload_json), 80);
    }
    let text = |name: &str| payload.get(name).and_then(|value| value.as_str()).map(one_line);
    let number = |name: &str| payload.get(name).map(ToString::to_string);
    let moved = text("from_state").zip(text("to_state")).map(|(from, to)| format!("{from} -> {to}"));
    let attempt = number("attempt_number").map(|attempt| format!("attempt {attempt}"));
    let steps = number("step_count").map(|count| format!("{count} steps"));
    let parts = [text("step_name"), attempt, moved, steps, text("final_status"), text("error_message"), text("reason")];
    cut(&parts.into_iter().flatten().collect::<Vec<_>>().join(" · "), 100)
}

fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

const fn wire(category: Category) -> pb::EventCategory {
    match category {
        Category::Task => pb::EventCategory::Task,
        Category::Step => pb::EventCategory::Step,
        Category::Workflow => pb::EventCategory::Workflow,
        Category::Observability => pb::EventCategory::Observability,
        Category::Telemetry => pb::EventCategory::Telemetry,
        Category::Registry => pb::EventCategory::Registry,
        Category::Custom => pb::EventCategory::Custom,
    }
}

const fn label(category: pb::EventCategory) -> &'static str {
    match category {
        pb::EventCategory::Unspecified => "unknown",
        pb::EventCategory::Task => "task",
        pb::EventCategory::Step => "step",
        pb::EventCategory::Workflow => "workflow",
        pb::EventCategory::Observability => "observability",
        pb::EventCategory::Telemetry => "telemetry",
        pb::EventCategory::Registry => "registry",
        pb::EventCategory::Custom => "custom",
    }
}
