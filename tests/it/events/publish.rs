//! Custom events.

use tasker_sdk::proto::tasker::v1::{EventCategory, PublishEventRequest, PublishEventResponse, WatchEventsRequest};
use tonic::Status;

use super::{all, everything, next_event, next_progress, watch};
use crate::calls::world::{World, order, told, world, world_with};

async fn publish(world: &World, request: PublishEventRequest) -> Result<PublishEventResponse, Status> {
    world.client.events().publish_event(request).await.map(tonic::Response::into_inner)
}

fn named(name: &str) -> PublishEventRequest {
    PublishEventRequest { name: name.to_owned(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_event_is_told_under_its_own_name() {
    let mut world = world().await;
    let mut stream =
        watch(&world.client, WatchEventsRequest { names: vec!["order.*".to_owned()], ..Default::default() }).await;
    next_progress(&mut stream).await;
    let task = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&task, "reserve").await;
    let step_id = world.step_id(&task, "charge").await;
    let payload = r#"{"order": 12345678901234567890123}"#;
    let request =
        PublishEventRequest { payload_json: payload.to_owned(), step_id: step_id.clone(), ..named("order.fulfilled") };
    let published = publish(&world, request).await.unwrap();
    let event = next_event(&mut stream).await;
    assert_eq!((event.name.as_str(), event.category()), ("order.fulfilled", EventCategory::Custom));
    assert_eq!((&event.event_id, &event.cursor), (&published.event_id, &published.cursor));
    assert_eq!(
        (event.task_id, event.step_id, event.handler.unwrap_or_default().name.as_str()),
        (task, step_id, "order")
    );
    assert_eq!(event.payload_json, payload, "every digit is kept");
    publish(&world, named("order.lost")).await.unwrap();
    let event = next_event(&mut stream).await;
    assert_eq!(
        (event.name.as_str(), event.handler.unwrap_or_default().namespace.as_str(), event.payload_json.as_str()),
        ("order.lost", "default", "{}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_checked_by_the_rules_of_the_original() {
    let world = world().await;
    let refused = async |name: &str| told(&publish(&world, named(name)).await.unwrap_err());
    assert_eq!(refused("").await, "INVALID_FIELDS\nname: is required");
    let no_dot = "Custom event name must contain a namespace (e.g., 'order.fulfilled')";
    assert_eq!(refused("fulfilled").await, format!("INVALID_FIELDS\nname: {no_dot}"));
    let system = "Event name 'step.completed' conflicts with system event";
    assert_eq!(refused("step.completed").await, format!("INVALID_FIELDS\nname: {system}"));
    let reserved = "Namespace 'Task' is reserved for system events";
    assert_eq!(refused("Task.mine").await, format!("INVALID_FIELDS\nname: {reserved}"));
    assert_eq!(refused("a. b").await, "INVALID_FIELDS\nname: must have no spaces and no control characters");
    assert_eq!(all(&world.client, everything()).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_under_an_id_is_told_once() {
    let world = world().await;
    let request = PublishEventRequest {
        event_id: "019e2a7c-5b1f-7d0e-9d0a-5f2c1d3e4a5b".to_owned(),
        payload_json: r#"{"n":1}"#.to_owned(),
        ..named("order.paid")
    };
    let first = publish(&world, request.clone()).await.unwrap();
    let again = publish(&world, request.clone()).await.unwrap();
    assert!(!first.existed && again.existed);
    assert_eq!(first.cursor, again.cursor);
    let other = PublishEventRequest { payload_json: r#"{"n":2}"#.to_owned(), ..request };
    assert_eq!(told(&publish(&world, other).await.unwrap_err()), "EVENT_EXISTS");
    assert_eq!(all(&world.client, everything()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_is_about_must_exist() {
    let world = world().await;
    let task = world.create(order(r#"{"n": 1}"#)).await;
    let refused = async |request: PublishEventRequest| told(&publish(&world, request).await.unwrap_err());
    let absent = task.replace(&task[..8], "00000000");
    assert_eq!(refused(PublishEventRequest { task_id: absent, ..named("a.b") }).await, "TASK_NOT_FOUND");
    let beyond = format!("{}00ff", &task[..task.len() - 4]);
    assert_eq!(refused(PublishEventRequest { step_id: beyond, ..named("a.b") }).await, "STEP_NOT_FOUND");
    assert_eq!(
        refused(PublishEventRequest { namespace: "nowhere".to_owned(), ..named("a.b") }).await,
        "NAMESPACE_UNKNOWN"
    );
    let elsewhere = PublishEventRequest { namespace: "shop".to_owned(), task_id: task, ..named("a.b") };
    assert_eq!(
        refused(elsewhere).await,
        "INVALID_FIELDS\nnamespace: is not the namespace of the task, which is default"
    );
    let wrong = PublishEventRequest { payload_json: "[]".to_owned(), event_id: "7".to_owned(), ..named("a.b") };
    assert_eq!(refused(wrong).await, "INVALID_FIELDS\npayload_json: must be a JSON object\nevent_id: is not a UUID");
    let off = world_with(&[("events.enabled", "false")]).await;
    assert_eq!(told(&publish(&off, named("a.b")).await.unwrap_err()), "EVENTS_DISABLED");
}
