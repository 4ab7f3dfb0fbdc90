//! Steps: looked at, and changed by people.

use prost_types::FieldMask;
use tasker_sdk::proto::tasker::v1::{
    CancelStepRequest, ListStepsRequest, ResolveStepRequest, RetryStepRequest, State, Step, UpdateStepRequest,
};

use super::world::{metadata, order, told, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_step_shows_everything_about_itself() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let claimed = world.claim(&id, "reserve").await;
    let step = world.step(&id, "reserve").await;
    assert_eq!((step.state(), step.attempts), (State::InProgress, 1));
    assert_eq!((&*step.inputs_json, &*step.results_json), (r#"{"n": 1}"#, ""));
    let lease = step.lease.unwrap();
    assert_eq!((lease.lease_token, &*lease.worker_id), (claimed.lease_token, "worker"));
    assert!(lease.claim_time.is_some() && lease.expire_time.is_some() && lease.deadline_time.is_none());
    assert_eq!(step.last_attempt_time, lease.claim_time);
    assert!(!step.readiness.unwrap().ready_for_execution);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_have_pages() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&id, "reserve").await;
    let request = ListStepsRequest { task_id: id.clone(), page_size: 3, include_payloads: true, ..Default::default() };
    let first = world.client.steps().list_steps(request.clone()).await.unwrap().into_inner();
    let names: Vec<&str> = first.steps.iter().map(|step| &*step.name).collect();
    assert_eq!(names, ["reserve", "charge", "label"]);
    assert_eq!(first.steps[0].results_json, r#"{"reserve": true}"#);
    assert!(first.steps.iter().all(|step| step.inputs_json == r#"{"n": 1}"#));
    let next = ListStepsRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let second = world.client.steps().list_steps(next.clone()).await.unwrap().into_inner();
    assert_eq!((&*second.steps[0].name, second.steps.len(), &*second.next_page_token), ("dispatch", 1, ""));

    let other = ListStepsRequest { include_payloads: false, ..next };
    assert_eq!(told(&world.client.steps().list_steps(other).await.unwrap_err()), "PAGE_TOKEN_INVALID");
    let bare = ListStepsRequest { task_id: id, ..ListStepsRequest::default() };
    let bare = world.client.steps().list_steps(bare).await.unwrap().into_inner().steps;
    assert!(bare.iter().all(|step| step.inputs_json.is_empty() && step.results_json.is_empty()));
    let nowhere = ListStepsRequest { task_id: "01930000-0000-7000-8000-000000000000".into(), ..Default::default() };
    assert_eq!(told(&world.client.steps().list_steps(nowhere).await.unwrap_err()), "TASK_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_step_gives_its_results_to_its_children() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.fail(&id, "reserve", true).await;
    world.settled(&id, State::Error).await;
    let request = ResolveStepRequest {
        step_id: world.step_id(&id, "reserve").await,
        results_json: r#"{"shelf": 7}"#.into(),
        reason: "found one".into(),
        requested_by: "alice".into(),
        request_id: String::new(),
    };
    let step = world.client.steps().resolve_step(request.clone()).await.unwrap().into_inner().step.unwrap();
    assert_eq!(
        (step.state(), &*step.results_json, step.complete_time.is_some()),
        (State::ResolvedManually, r#"{"shelf": 7}"#, false)
    );
    assert!(step.failure.is_none());
    let charge = world.claim(&id, "charge").await;
    assert_eq!(charge.dependencies[0].results_json, r#"{"shelf": 7}"#);
    let refused = world.client.steps().resolve_step(request).await.unwrap_err();
    assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::FailedPrecondition, "TRANSITION_NOT_ALLOWED"));
    assert_eq!(metadata(&refused, "state"), "resolved_manually");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_step_blocks_what_comes_after_it() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&id, "reserve").await;
    let request = CancelStepRequest { step_id: world.step_id(&id, "charge").await, ..CancelStepRequest::default() };
    let step = world.client.steps().cancel_step(request).await.unwrap().into_inner().step.unwrap();
    assert_eq!(step.state(), State::Cancelled);
    world.finish(&id, "label").await;
    world.settled(&id, State::Error).await;
    assert_eq!(world.states(&id).await, "error: reserve complete, charge cancelled, label complete, dispatch pending");
    let dispatch = world.step(&id, "dispatch").await.readiness.unwrap();
    assert!(!dispatch.dependencies_satisfied && dispatch.completed_parents == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_step_is_retried_now() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.fail(&id, "reserve", true).await;
    world.settled(&id, State::Error).await;
    let request = RetryStepRequest { step_id: world.step_id(&id, "reserve").await, ..RetryStepRequest::default() };
    world.client.steps().retry_step(request.clone()).await.unwrap();
    let claimed = world.claim(&id, "reserve").await;
    assert_eq!(claimed.attempt, 2);
    let refused = world.client.steps().retry_step(request).await.unwrap_err();
    assert_eq!(told(&refused), "TRANSITION_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_inputs_can_be_changed() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    for _ in 0..3 {
        world.fail(&id, "reserve", false).await;
    }
    world.settled(&id, State::Error).await;
    let change = |step_id: String| UpdateStepRequest {
        step: Some(Step { step_id, retry_limit: 4, inputs_json: r#"{"n": 2}"#.into(), ..Step::default() }),
        update_mask: Some(FieldMask { paths: vec!["retry_limit".into(), "inputs_json".into()] }),
        reason: "the shelf was wrong".into(),
        requested_by: "alice".into(),
    };
    let request = change(world.step_id(&id, "reserve").await);
    let step = world.client.steps().update_step(request).await.unwrap().into_inner().step.unwrap();
    assert_eq!((step.retry_limit, &*step.inputs_json), (4, r#"{"n": 2}"#));
    let claimed = world.claim(&id, "reserve").await;
    assert_eq!((claimed.attempt, &*claimed.inputs_json), (4, r#"{"n": 2}"#));
    // Within a task only inputs that differ from its context are shown.
    let task = world.full(&id).await;
    assert_eq!((&*task.steps[0].inputs_json, &*task.steps[1].inputs_json), (r#"{"n": 2}"#, ""));

    let done = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&done, "reserve").await;
    let refused = change(world.step_id(&done, "reserve").await);
    assert_eq!(told(&world.client.steps().update_step(refused).await.unwrap_err()), "TRANSITION_NOT_ALLOWED");
}
