//! Calls whose answer was lost are sent again, to this server or to another, and are done once.

use tasker_sdk::proto::tasker::v1::{
    CreateAnnotationRequest, ListAnnotationsRequest, NewTask, ResolveStepRequest, RetryStepRequest, RetryTaskRequest,
    State, TaskView,
};

use super::world::{World, client, order, told, world};
use crate::harness;

/// A task whose step `reserve` has failed for good.
async fn failed(world: &mut World) -> String {
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.fail(&id, "reserve", true).await;
    world.settled(&id, State::Error).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_retry_of_a_task_changes_nothing_on_any_server() {
    let mut world = world().await;
    let other = harness::serve(&world.database).await;
    let elsewhere = client(&other).await;
    let id = failed(&mut world).await;
    let retry = RetryTaskRequest { task_id: id.clone(), request_id: "r-1".into(), ..RetryTaskRequest::default() };
    let first = world.client.tasks().retry_task(retry.clone()).await.unwrap().into_inner().task.unwrap();
    for tasks in [world.client.tasks(), elsewhere.tasks()] {
        let again = tasks.clone().retry_task(retry.clone()).await.unwrap().into_inner().task.unwrap();
        assert_eq!((again.revision, again.state), (first.revision, first.state));
    }
    // The state has moved on meanwhile: it fails again, and the old call does not try it again.
    world.fail(&id, "reserve", true).await;
    let moved = world.settled(&id, State::Error).await;
    let late = elsewhere.tasks().retry_task(retry.clone()).await.unwrap().into_inner().task.unwrap();
    assert_eq!((late.revision, late.state()), (moved.revision, State::Error));
    let other_content = RetryTaskRequest { additional_attempts: 2, ..retry.clone() };
    let refused = elsewhere.tasks().retry_task(other_content).await.unwrap_err();
    assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::AlreadyExists, "REQUEST_ID_REUSED"));
    // Another id is another call.
    let next = RetryTaskRequest { request_id: "r-2".into(), ..retry };
    assert_eq!(elsewhere.tasks().retry_task(next).await.unwrap().into_inner().task.unwrap().state(), State::Pending);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_one_request_id_at_once_are_done_once() {
    let mut world = world().await;
    let other = harness::serve(&world.database).await;
    let elsewhere = client(&other).await;
    let id = failed(&mut world).await;
    let before = world.get(&id, TaskView::Basic).await.revision;
    let retry = RetryTaskRequest { task_id: id.clone(), request_id: "once".into(), ..RetryTaskRequest::default() };
    let calls = (0..16).map(|n| {
        let client = if n % 2 == 0 { &world.client } else { &elsewhere };
        let (mut tasks, retry) = (client.tasks(), retry.clone());
        async move { tasks.retry_task(retry).await.map(tonic::Response::into_inner) }
    });
    let answers = harness::within("all are answered", futures::future::join_all(calls)).await;
    for answer in answers {
        assert_eq!(answer.unwrap().task.unwrap().revision, before + 2, "the step and the task have moved once");
    }
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_leaves_its_request_id_free() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let retry = RetryTaskRequest { task_id: id.clone(), request_id: "r-1".into(), ..RetryTaskRequest::default() };
    let refused = world.client.tasks().retry_task(retry.clone()).await.unwrap_err();
    assert_eq!(told(&refused), "TRANSITION_NOT_ALLOWED");
    world.fail(&id, "reserve", true).await;
    world.settled(&id, State::Error).await;
    let retried = world.client.tasks().retry_task(retry).await.unwrap().into_inner().task.unwrap();
    assert_eq!(retried.state(), State::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_retry_or_resolution_of_a_step_changes_nothing() {
    let mut world = world().await;
    let other = harness::serve(&world.database).await;
    let elsewhere = client(&other).await;
    let id = failed(&mut world).await;
    let step_id = world.step_id(&id, "reserve").await;
    let retry = RetryStepRequest { step_id: step_id.clone(), request_id: "s-1".into(), ..RetryStepRequest::default() };
    world.client.steps().retry_step(retry.clone()).await.unwrap();
    world.fail(&id, "reserve", true).await;
    let failed = world.settled(&id, State::Error).await;
    let again = elsewhere.steps().retry_step(retry).await.unwrap().into_inner().step.unwrap();
    assert_eq!((again.state(), again.attempts), (State::Error, 2));
    assert_eq!(world.get(&id, TaskView::Basic).await.revision, failed.revision);

    let resolve = ResolveStepRequest {
        step_id,
        results_json: r#"{"shelf": 7}"#.into(),
        request_id: "s-2".into(),
        ..ResolveStepRequest::default()
    };
    let first = world.client.steps().resolve_step(resolve.clone()).await.unwrap().into_inner().step.unwrap();
    let again = elsewhere.steps().resolve_step(resolve.clone()).await.unwrap().into_inner().step.unwrap();
    assert_eq!(again, first);
    let other_results = ResolveStepRequest { results_json: "{}".into(), ..resolve.clone() };
    assert_eq!(told(&elsewhere.steps().resolve_step(other_results).await.unwrap_err()), "REQUEST_ID_REUSED");
    let other_call =
        RetryStepRequest { step_id: resolve.step_id, request_id: resolve.request_id, ..RetryStepRequest::default() };
    assert_eq!(told(&elsewhere.steps().retry_step(other_call).await.unwrap_err()), "REQUEST_ID_REUSED");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_annotation_is_the_first_one() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let note = |json: &str, request_id: &str| CreateAnnotationRequest {
        task_id: id.clone(),
        annotation_type: "call".into(),
        annotation_json: json.into(),
        request_id: request_id.into(),
    };
    let mut tasks = world.client.tasks();
    let first = tasks.create_annotation(note(r#"{"who": "ann"}"#, "a-1")).await.unwrap().into_inner();
    let again = tasks.create_annotation(note(r#"{"who": "ann"}"#, "a-1")).await.unwrap().into_inner();
    assert_eq!(first, again);
    let refused = tasks.create_annotation(note(r#"{"who": "bob"}"#, "a-1")).await.unwrap_err();
    assert_eq!(told(&refused), "REQUEST_ID_REUSED");
    tasks.create_annotation(note(r#"{"who": "ann"}"#, "a-2")).await.unwrap();
    // Without an id every call is another annotation.
    for _ in 0..2 {
        tasks.create_annotation(note(r#"{"who": "ann"}"#, "")).await.unwrap();
    }
    let mut request = ListAnnotationsRequest { task_id: id.clone(), page_size: 3, ..ListAnnotationsRequest::default() };
    let page = tasks.list_annotations(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.annotations.len(), 3);
    request.page_token = page.next_page_token;
    let rest = tasks.list_annotations(request).await.unwrap().into_inner();
    assert_eq!((rest.annotations.len(), &*rest.next_page_token), (1, ""));
    assert!(page.annotations.last().unwrap().annotation_id < rest.annotations[0].annotation_id);
}

/// Deprecates every handler version, and waits until the server has heard of it.
async fn deprecate(world: &World) {
    sqlx::query(
        "insert into handler_deprecations (task_namespace_id, name, version_order, reason, requested_by)
         select task_namespace_id, name, version_order, 'old', 'us' from named_tasks on conflict do nothing",
    )
    .execute(world.database.store.pool())
    .await
    .unwrap();
    harness::eventually("new tasks are refused", async || {
        let refused = world.try_create(order(r#"{"n": 1}"#)).await.err();
        refused.is_some_and(|refused| told(&refused) == "HANDLER_DEPRECATED")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_is_the_first_task_whatever_became_of_its_handler() {
    let world = world().await;
    let deadline_time = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
    let keyed = NewTask { idempotency_key: "order-7".into(), deadline_time, ..order(r#"{"n": 1}"#) };
    let first = world.try_create(keyed.clone()).await.unwrap().task.unwrap();
    deprecate(&world).await;
    let fresh = NewTask { idempotency_key: "order-8".into(), ..keyed.clone() };
    assert_eq!(told(&world.try_create(fresh).await.unwrap_err()), "HANDLER_DEPRECATED");
    let again = world.try_create(keyed.clone()).await.unwrap();
    assert_eq!((again.existed, again.task.unwrap().task_id), (true, first.task_id.clone()));
    let other = NewTask { context_json: r#"{"n": 2}"#.into(), ..keyed };
    assert_eq!(told(&world.try_create(other).await.unwrap_err()), "TASK_EXISTS");
}
