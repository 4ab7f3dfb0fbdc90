//! Notes on tasks.

use tasker_sdk::proto::tasker::v1::{CreateAnnotationRequest, ListAnnotationsRequest};

use super::world::{order, told, world};

fn note(task_id: &str, annotation_type: &str, json: &str) -> CreateAnnotationRequest {
    CreateAnnotationRequest {
        task_id: task_id.to_owned(),
        annotation_type: annotation_type.to_owned(),
        annotation_json: json.to_owned(),
        request_id: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn annotations_are_listed_oldest_first() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let mut tasks = world.client.tasks();
    for (name, json) in [("call", r#"{"who": "alice"}"#), ("mail", "{}"), (" call ", r#"{"n": 12345678901234567890}"#)]
    {
        let made = tasks.create_annotation(note(&id, name, json)).await.unwrap().into_inner().annotation.unwrap();
        assert_eq!((&*made.task_id, &*made.annotation_type, &*made.annotation_json), (&*id, name.trim(), json));
        assert!(made.create_time.is_some());
    }
    let listed = tasks
        .list_annotations(ListAnnotationsRequest { task_id: id.clone(), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    let types: Vec<&str> = listed.annotations.iter().map(|annotation| &*annotation.annotation_type).collect();
    assert_eq!(types, ["call", "mail", "call"]);
    assert_eq!(world.full(&id).await.annotations, listed.annotations);
}

#[tokio::test(flavor = "multi_thread")]
async fn annotations_need_a_task_and_room() {
    let world = world().await;
    let mut tasks = world.client.tasks();
    let nowhere = "01930000-0000-7000-8000-000000000000";
    let refused = tasks.create_annotation(note(nowhere, "call", "{}")).await.unwrap_err();
    assert_eq!(told(&refused), "TASK_NOT_FOUND");
    let refused = tasks
        .list_annotations(ListAnnotationsRequest { task_id: nowhere.into(), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(told(&refused), "TASK_NOT_FOUND");

    let id = world.create(order(r#"{"n": 1}"#)).await;
    for _ in 0..200 {
        tasks.create_annotation(note(&id, "call", "{}")).await.unwrap();
    }
    let refused = tasks.create_annotation(note(&id, "call", "{}")).await.unwrap_err();
    assert_eq!(told(&refused), "LIMIT_EXCEEDED");
    let large = format!(r#"{{"a": "{}"}}"#, "x".repeat(16 * 1024));
    let refused = tasks.create_annotation(note(&id, "call", &large)).await.unwrap_err();
    assert_eq!(told(&refused), "LIMIT_EXCEEDED\nannotation_json: has 16393 bytes, at most 16384 are allowed");
}
