//! The catalog.

use tasker_sdk::proto::tasker::v1::{
    CustomEvent, EventCategory, EventType, Handler, ListEventTypesRequest, RegisterHandlersRequest, StepTemplate,
};

use crate::calls::world::{World, told, world};

async fn list(world: &World, request: ListEventTypesRequest) -> Vec<EventType> {
    let mut request = request;
    let mut found = Vec::new();
    loop {
        let page = world.client.events().list_event_types(request.clone()).await.unwrap().into_inner();
        found.extend(page.event_types);
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

fn names(types: &[EventType]) -> Vec<&str> {
    types.iter().map(|event| event.name.as_str()).collect()
}

async fn declare(world: &World, version: &str, events: &[(&str, &str, &str)]) {
    let step = |(class, name, description): &(&str, &str, &str)| StepTemplate {
        name: format!("{class} {name}"),
        step_handler: (*class).to_owned(),
        custom_events: vec![CustomEvent { name: (*name).to_owned(), description: (*description).to_owned() }],
        ..StepTemplate::default()
    };
    let handler = Handler {
        namespace: "shop".to_owned(),
        name: "fulfil".to_owned(),
        version: version.to_owned(),
        step_templates: events.iter().map(step).collect(),
        ..Handler::default()
    };
    let request = RegisterHandlersRequest { handlers: vec![handler], ..Default::default() };
    world.client.handlers().register_handlers(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn system_and_custom_events_are_listed() {
    let world = world().await;
    declare(&world, "1.0.0", &[("Packer", "parcel.packed", "A parcel is packed"), ("Robot", "parcel.packed", "")])
        .await;
    declare(&world, "1.1.0", &[("Packer", "parcel.lost", "")]).await;
    let all = list(&world, ListEventTypesRequest { page_size: 7, ..Default::default() }).await;
    assert!(all.len() > 60 && all.is_sorted_by_key(|event| event.name.clone()));
    let completed = all.iter().find(|event| event.name == "step.completed").unwrap();
    assert_eq!(completed.category(), EventCategory::Step);
    let schema: serde_json::Value = serde_json::from_str(&completed.payload_schema_json).unwrap();
    assert_eq!(schema["properties"]["execution_duration"]["type"], "number");
    assert!(completed.example_payload_json.contains("execution_duration"));

    let custom =
        list(&world, ListEventTypesRequest { category: EventCategory::Custom.into(), ..Default::default() }).await;
    assert_eq!(names(&custom), ["parcel.lost", "parcel.packed"]);
    assert_eq!(custom[1].fired_by, ["Packer", "Robot"]);
    assert_eq!((custom[0].description.as_str(), custom[0].payload_schema_json.as_str()), ("Custom event", "{}"));
    assert!(custom[0].register_time.is_some());
    let prefix = |text: &str| ListEventTypesRequest { name_prefix: text.to_owned(), ..Default::default() };
    assert!(list(&world, prefix("workflow")).await.iter().all(|event| event.name.starts_with("workflow.")));
    assert_eq!(names(&list(&world, prefix("parcel")).await), ["parcel.lost", "parcel.packed"]);
    assert_eq!(list(&world, prefix("parc")).await, []);
    let search = |text: &str| ListEventTypesRequest { search: text.to_owned(), ..Default::default() };
    assert_eq!(names(&list(&world, search("MAX_RETRIES")).await), ["observability.step.max_retries_reached"]);
    assert_eq!(names(&list(&world, search("no attempt LEFT")).await), ["observability.step.max_retries_reached"]);
    let name = |text: &str| ListEventTypesRequest { name: text.to_owned(), ..Default::default() };
    assert_eq!(list(&world, name("task.completed")).await.len(), 1);
    assert_eq!(list(&world, name("task.started")).await, [], "there is no such event, whatever the documentation says");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lists_are_refused() {
    let world = world().await;
    let refused = async |request: ListEventTypesRequest| {
        told(&world.client.events().list_event_types(request).await.map(drop).unwrap_err())
    };
    let bad = ListEventTypesRequest { category: 99, page_size: -1, ..Default::default() };
    assert_eq!(
        refused(bad).await,
        "INVALID_FIELDS\ncategory: 99 is not a value of the enum\npage_size: must not be negative"
    );
    let mut events = world.client.events();
    let page = events.list_event_types(ListEventTypesRequest { page_size: 1, ..Default::default() }).await.unwrap();
    let token = page.into_inner().next_page_token;
    let other = ListEventTypesRequest { search: "x".to_owned(), page_token: token, ..Default::default() };
    assert_eq!(refused(other).await, "PAGE_TOKEN_INVALID");
}
