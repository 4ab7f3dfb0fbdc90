//! EventService.

use std::pin::Pin;

use futures::{Stream, StreamExt, TryStreamExt};
use prost::Message as _;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    fields::Fields,
    limits::Limits,
    render::{micros, time},
    scope,
};
use crate::{
    domain::{
        events::{Category, Cursor, Pattern, check_name},
        handler::NAME_MAX,
    },
    error::Result,
    lifecycle::events::{Filter, Omission, StreamEvent},
    proto::tasker::v1::{
        self as proto, event_service_server::EventService, watch_events_request::Start as Wanted,
        watch_events_response::Message as PbMessage,
    },
    service::{
        events::{Events as UseCases, Found, Message, NewEvent, Start, Type},
        page::{self, Binding},
    },
};

/// Patterns of one watcher at most.
const PATTERNS_MAX: usize = 50;
/// Names of events at most.
const EVENT_NAME_MAX: usize = 255;
/// What a message has around its event.
const ENVELOPE: usize = 64;

/// The service.
#[derive(Debug, Clone)]
pub struct Events {
    events: UseCases,
    limits: Limits,
}

impl Events {
    /// The service over the use cases.
    pub const fn new(events: UseCases, limits: Limits) -> Self {
        Self { events, limits }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EventService for Events {
    type WatchEventsStream = Pin<Box<dyn Stream<Item = Result<proto::WatchEventsResponse, Status>> + Send>>;

    async fn list_event_types(
        &self,
        request: Request<proto::ListEventTypesRequest>,
    ) -> Answer<proto::ListEventTypesResponse> {
        let scope = scope(&request)?;
        let (found, size, binding, after) = types(request.into_inner())?;
        let (entries, more) = self.events.types(&scope, &found, after.as_deref(), size).await?;
        let (event_types, cut) = self.limits.page(entries.into_iter().map(event_type).collect::<Vec<_>>());
        let more = more || cut;
        let next = event_types.last().filter(|_| more).map(|last| binding.seal(&last.name));
        let next_page_token = next.unwrap_or_default();
        Ok(Response::new(proto::ListEventTypesResponse { event_types, next_page_token }))
    }

    async fn watch_events(&self, request: Request<proto::WatchEventsRequest>) -> Answer<Self::WatchEventsStream> {
        let scope = scope(&request)?;
        let (filter, start, until_caught_up) = wanted(request.into_inner())?;
        let messages = self.events.watch_events(&scope, filter, start, until_caught_up).await?;
        let limits = self.limits;
        let messages = messages.map_err(Status::from).map_ok(move |message| proto::WatchEventsResponse {
            message: Some(match message {
                Message::Event(delivered) => PbMessage::Event(fitting(event(*delivered), limits)),
                Message::Progress { cursor, caught_up } => {
                    PbMessage::Progress(proto::EventProgress { cursor: cursor.to_string(), caught_up })
                }
            }),
        });
        Ok(Response::new(messages.boxed()))
    }

    async fn publish_event(&self, request: Request<proto::PublishEventRequest>) -> Answer<proto::PublishEventResponse> {
        let scope = scope(&request)?;
        let new = new_event(request.into_inner(), self.limits)?;
        let published = self.events.publish(&scope, new).await?;
        Ok(Response::new(proto::PublishEventResponse {
            event_id: published.event_id.to_string(),
            cursor: published.cursor.to_string(),
            occur_time: Some(micros(published.at)),
            existed: published.existed,
        }))
    }
}

fn types(request: proto::ListEventTypesRequest) -> Result<(Found, usize, Binding, Option<String>)> {
    let mut fields = Fields::default();
    let wanted = fields.choice::<proto::EventCategory>("category", request.category).unwrap_or_default();
    let found = Found {
        category: domain_category(wanted),
        name_prefix: fields.text("name_prefix", request.name_prefix, EVENT_NAME_MAX),
        search: fields.text("search", request.search, EVENT_NAME_MAX),
        name: fields.text("name", request.name, EVENT_NAME_MAX),
    };
    let size = fields.page_size(request.page_size, page::SIZE_DEFAULT);
    fields.finish()?;
    let Found { name_prefix, search, name, .. } = &found;
    let binding = Binding::to(&("ListEventTypes", request.category, name_prefix, search, name));
    let after = binding.open(&request.page_token)?;
    Ok((found, usize::try_from(size).expect("a page has a positive size"), binding, after))
}

fn wanted(request: proto::WatchEventsRequest) -> Result<(Filter, Start, bool)> {
    let mut fields = Fields::default();
    let names = fields.texts("names", request.names, PATTERNS_MAX, EVENT_NAME_MAX);
    let names = names.iter().enumerate().filter_map(|(place, name)| match name.parse::<Pattern>() {
        Ok(pattern) => Some(pattern),
        Err(_) if name.is_empty() => None,
        Err(malformed) => {
            fields.refuse(format!("names[{place}]"), malformed.to_string());
            None
        }
    });
    let names = names.collect();
    let filter = Filter {
        names,
        namespace: fields.optional("namespace", request.namespace, NAME_MAX),
        handler: fields.optional("handler", request.handler, NAME_MAX),
        task: (!request.task_id.is_empty()).then(|| fields.task_id("task_id", &request.task_id)).flatten(),
    };
    let start = match request.start {
        None => Start::Now,
        Some(Wanted::AfterCursor(text)) => match text.parse::<Cursor>() {
            Ok(cursor) => Start::After(cursor),
            Err(malformed) => {
                fields.refuse("after_cursor", malformed.to_string());
                Start::Now
            }
        },
        Some(Wanted::StartTime(at)) => {
            let at = fields.time("start_time", Some(at));
            at.map_or(Start::Now, |at| Start::Since(at.timestamp_micros()))
        }
    };
    fields.finish()?;
    Ok((filter, start, request.until_caught_up))
}

fn new_event(request: proto::PublishEventRequest, limits: Limits) -> Result<NewEvent> {
    let mut fields = Fields::default();
    let name = fields.required("name", request.name, EVENT_NAME_MAX);
    if !name.is_empty() {
        if let Err(refusal) = check_name(&name) {
            fields.refuse("name", refusal.to_string());
        } else if name.chars().any(|one| one.is_whitespace() || one.is_control()) {
            fields.refuse("name", "must have no spaces and no control characters");
        }
    }
    let payload = if request.payload_json.is_empty() { "{}".to_owned() } else { request.payload_json };
    let payload_json = fields.json_object("payload_json", payload, limits.payload_bytes);
    let namespace = fields.text("namespace", request.namespace, NAME_MAX);
    let task = (!request.task_id.is_empty()).then(|| fields.task_id("task_id", &request.task_id)).flatten();
    let step = (!request.step_id.is_empty()).then(|| fields.step_id("step_id", &request.step_id)).flatten();
    if let (Some(task), Some(step)) = (task, step)
        && step.task != task
    {
        fields.refuse("step_id", "is not a step of the task");
    }
    let event_id = (!request.event_id.is_empty()).then(|| Uuid::try_parse(&request.event_id));
    if let Some(Err(_)) = event_id {
        fields.refuse("event_id", "is not a UUID");
    }
    fields.finish()?;
    Ok(NewEvent { event_id: event_id.and_then(Result::ok), name, namespace, task, step, payload_json })
}

fn event(delivered: StreamEvent) -> proto::Event {
    let (name, version) = match &delivered.template {
        Some(template) => (template.name.to_string(), template.version.to_string()),
        None => Default::default(),
    };
    let omission = delivered.omission.map(|Omission { bytes }| proto::PayloadOmission {
        cause: proto::PayloadOmissionCause::Unreadable.into(),
        bytes,
    });
    proto::Event {
        cursor: delivered.cursor.to_string(),
        name: delivered.name.into_owned(),
        category: category(delivered.category).into(),
        occur_time: Some(micros(delivered.at)),
        handler: Some(proto::HandlerRef { namespace: delivered.namespace.to_string(), name, version }),
        task_id: delivered.task.map(|id| id.to_string()).unwrap_or_default(),
        step_id: delivered.step.map(|id| id.to_string()).unwrap_or_default(),
        sequence: delivered.sequence.map_or(0, i64::from),
        event_id: delivered.event_id.map(|id| id.to_string()).unwrap_or_default(),
        subject: delivered.published_by.unwrap_or_default(),
        payload_json: delivered.payload_json,
        payload_omission: omission,
    }
}

/// The event, without its payload when it would not fit in a message: the stream goes on past it.
fn fitting(mut event: proto::Event, limits: Limits) -> proto::Event {
    if event.encoded_len() <= limits.answer_bytes.saturating_sub(ENVELOPE) {
        return event;
    }
    let bytes = i64::try_from(std::mem::take(&mut event.payload_json).len()).unwrap_or(i64::MAX);
    let cause = proto::PayloadOmissionCause::TooLarge.into();
    event.payload_omission = Some(proto::PayloadOmission { cause, bytes });
    event
}

fn event_type(entry: Type) -> proto::EventType {
    proto::EventType {
        name: entry.name,
        category: category(entry.category).into(),
        description: entry.description,
        fired_by: entry.fired_by,
        payload_schema_json: entry.payload_schema_json,
        example_payload_json: entry.example_payload_json,
        register_time: entry.registered_at.map(time),
    }
}

const fn category(category: Category) -> proto::EventCategory {
    match category {
        Category::Task => proto::EventCategory::Task,
        Category::Step => proto::EventCategory::Step,
        Category::Workflow => proto::EventCategory::Workflow,
        Category::Observability => proto::EventCategory::Observability,
        Category::Telemetry => proto::EventCategory::Telemetry,
        Category::Registry => proto::EventCategory::Registry,
        Category::Custom => proto::EventCategory::Custom,
    }
}

const fn domain_category(category: proto::EventCategory) -> Option<Category> {
    Some(match category {
        proto::EventCategory::Unspecified => return None,
        proto::EventCategory::Task => Category::Task,
        proto::EventCategory::Step => Category::Step,
        proto::EventCategory::Workflow => Category::Workflow,
        proto::EventCategory::Observability => Category::Observability,
        proto::EventCategory::Telemetry => Category::Telemetry,
        proto::EventCategory::Registry => Category::Registry,
        proto::EventCategory::Custom => Category::Custom,
    })
}
