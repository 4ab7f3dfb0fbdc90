//! Events: each occurrence once, in an order that is the same for everybody and survives everything.

mod bus;
mod catalog;
mod publish;
mod stream;
mod survive;

use std::collections::BTreeMap;

use serde_json::Value;
use tasker::domain::events::Cursor;
use tasker_sdk::{
    Client,
    proto::tasker::v1::{
        Event, EventProgress, WatchEventsRequest, WatchEventsResponse, watch_events_request::Start,
        watch_events_response::Message,
    },
};
use tonic::Streaming;

use crate::harness::{Database, within};

/// Everything from the beginning of the log.
pub fn everything() -> WatchEventsRequest {
    WatchEventsRequest { start: Some(Start::AfterCursor("0".to_owned())), until_caught_up: true, ..Default::default() }
}

pub fn after(cursor: &str) -> WatchEventsRequest {
    WatchEventsRequest { start: Some(Start::AfterCursor(cursor.to_owned())), ..everything() }
}

pub async fn watch(client: &Client, request: WatchEventsRequest) -> Streaming<WatchEventsResponse> {
    client.events().watch_events(request).await.unwrap().into_inner()
}

/// The events of a stream that ends.
pub async fn all(client: &Client, request: WatchEventsRequest) -> Vec<Event> {
    let mut stream = watch(client, request).await;
    let mut events = Vec::new();
    while let Some(said) = within("the next message", stream.message()).await.unwrap() {
        if let Some(Message::Event(event)) = said.message {
            events.push(event);
        }
    }
    events
}

pub async fn message(stream: &mut Streaming<WatchEventsResponse>) -> Message {
    within("the next message", stream.message()).await.unwrap().expect("the stream goes on").message.unwrap()
}

pub async fn next_event(stream: &mut Streaming<WatchEventsResponse>) -> Event {
    loop {
        if let Message::Event(event) = message(stream).await {
            return event;
        }
    }
}

pub async fn next_progress(stream: &mut Streaming<WatchEventsResponse>) -> EventProgress {
    loop {
        if let Message::Progress(progress) = message(stream).await {
            return progress;
        }
    }
}

pub fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

pub fn cursor(event: &Event) -> Cursor {
    event.cursor.parse().unwrap()
}

pub fn payload(event: &Event) -> Value {
    serde_json::from_str(&event.payload_json).unwrap()
}

/// The events are in order, nothing is told twice, and every transition in the database is told exactly once.
pub async fn check_complete(database: &Database, events: &[Event]) {
    assert!(events.windows(2).all(|pair| cursor(&pair[0]) < cursor(&pair[1])), "in order, and each once");
    type Row = (uuid::Uuid, i32, Option<i16>, Option<i16>, i16);
    let rows: Vec<Row> = sqlx::query_as("select task_id, sequence, step_no, from_state, to_state from transitions")
        .fetch_all(database.store.pool())
        .await
        .unwrap();
    let mut told: BTreeMap<(String, i64), Vec<&str>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.sequence > 0) {
        told.entry((event.task_id.clone(), event.sequence)).or_default().push(&event.name);
    }
    for (task, sequence, step, from, to) in rows {
        let names = told.remove(&(task.to_string(), i64::from(sequence))).unwrap_or_default();
        let owner = if step.is_some() { "step" } else { "task" };
        let moved = from != Some(to);
        let count = |name: &str| names.iter().filter(|told| **told == name).count();
        assert_eq!(names.is_empty(), !moved, "{task} {sequence}: {names:?}");
        let before = usize::from(moved && from.is_some());
        assert_eq!(count(&format!("{owner}.before_transition")), before, "{task} {sequence}: {names:?}");
        let own = names.iter().filter(|name| {
            name.starts_with(&format!("{owner}."))
                && !matches!(**name, "step.before_handle")
                && !name.ends_with("before_transition")
        });
        assert_eq!(own.count(), usize::from(moved), "{task} {sequence}: {names:?}");
    }
    assert!(told.is_empty(), "told of what is not there: {told:?}");
    // The order of a task's own moves is kept.
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for event in events.iter().filter(|event| event.sequence > 0) {
        let before = last.insert(&event.task_id, event.sequence).unwrap_or(0);
        assert!(before <= event.sequence, "{} went back from {before} to {}", event.task_id, event.sequence);
    }
}
