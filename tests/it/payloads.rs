//! Payloads are carried as they were sent, and what programs would read differently is refused with its place.

use serde_json::value::RawValue;
use tasker_sdk::{
    StepContext,
    proto::tasker::v1::{CreateTaskRequest, NewTask},
};

use crate::{
    harness::within,
    worker::world::{start, world},
};

/// Numbers that jsonb writes in another way, keys out of order, spaces.
const TEXT: &str = r#"{"z":1e2, "y":-0, "x":1.0, "small":1e-300}"#;

fn task(context_json: &str) -> CreateTaskRequest {
    let task = NewTask {
        handler: crate::harness::handler_ref("", "work", ""),
        context_json: context_json.into(),
        ..NewTask::default()
    };
    CreateTaskRequest { task: Some(task) }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_stored_byte_for_byte() {
    let world = world("a; b < a").await;
    let (worker, running) = start(world.worker(async |_: StepContext| Ok(RawValue::from_string(TEXT.to_owned())?)));
    let created = world.client.tasks().create_task(task(TEXT)).await.unwrap();
    let task = created.into_inner().task.unwrap().task_id;
    world.settles(&task, "complete").await;
    assert_eq!(world.text("select context from task_requests where task_id = $1::text::uuid", &task).await, [TEXT]);
    let results = "select results from transitions where task_id = $1::text::uuid and results is not null";
    assert_eq!(world.text(results, &task).await, [TEXT, TEXT]);
    worker.drain();
    within("the drain", running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_thousand_small_numbers_do_not_grow() {
    let world = world("a").await;
    let text = format!("{{\"a\":[{}]}}", vec!["1e-300"; 16_000].join(","));
    let created = world.client.tasks().create_task(task(&text)).await.unwrap();
    let task = created.into_inner().task.unwrap().task_id;
    assert_eq!(world.text("select context from task_requests where task_id = $1::text::uuid", &task).await, [text]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_programs_read_differently_is_refused_with_its_place() {
    let world = world("a").await;
    for (text, problem) in [
        (r#"{"a":[0,1e-16383]}"#, "the number 1e-16383 is beyond the range of a double at a[1]"),
        (r#"{"a":{"x":1,"x":2}}"#, r#""x" comes twice at a.x"#),
    ] {
        let refused = world.client.tasks().create_task(task(text)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{text}");
        let error = tasker_sdk::Error::from(refused).to_string();
        assert!(error.contains(problem), "{error}");
    }
}
