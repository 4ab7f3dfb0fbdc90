//! Deadlines: refused when they have passed, moved by hand, and what a retry makes of a task that missed its own.

use prost_types::{FieldMask, Timestamp};
use tasker_sdk::proto::tasker::v1::{
    CancelTaskRequest, ListTransitionsRequest, NewTask, RetryStepRequest, RetryTaskRequest, State, Task, TaskView,
    UpdateTaskRequest, manual_operation::Operation, transition::Cause,
};

use super::world::{World, metadata, order, told, world};

/// Far in the future.
const LATER: Timestamp = Timestamp { seconds: 4_000_000_000, nanos: 0 };

/// Moves the deadline of a task, or takes it away.
async fn move_deadline(world: &World, task_id: &str, to: Option<Timestamp>) -> Result<Task, tonic::Status> {
    let request = UpdateTaskRequest {
        task: Some(Task { task_id: task_id.to_owned(), deadline_time: to, ..Task::default() }),
        update_mask: Some(FieldMask { paths: vec!["deadline_time".to_owned()] }),
        reason: "the carrier is late".to_owned(),
        requested_by: "alice".to_owned(),
    };
    world.client.tasks().update_task(request).await.map(|answer| answer.into_inner().task.unwrap())
}

/// A task that has missed its deadline with an attempt under way.
async fn missed(world: &mut World) -> String {
    let soon = world.now().await + 1_500_000;
    let nanos = i32::try_from(soon % 1_000_000 * 1_000).unwrap();
    let deadline_time = Some(Timestamp { seconds: soon / 1_000_000, nanos });
    let id = world.create(NewTask { deadline_time, ..order(r#"{"n": 1}"#) }).await;
    let held = world.claim(&id, "reserve").await;
    let task = world.settled(&id, State::Error).await;
    assert_eq!(task.state_reason, "deadline_exceeded");
    world.too_late(&held).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_in_the_past_is_refused() {
    let world = world().await;
    let past = Some(Timestamp { seconds: 1_577_836_800, nanos: 0 });
    let late = NewTask { deadline_time: past, ..order(r#"{"n": 1}"#) };
    let refused = world.try_create(late).await.unwrap_err();
    assert_eq!(told(&refused), "INVALID_FIELDS\ntask.deadline_time: is in the past");
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let refused = move_deadline(&world, &id, past).await.unwrap_err();
    assert_eq!(told(&refused), "INVALID_FIELDS\ntask.deadline_time: is in the past");
    assert_eq!(world.get(&id, TaskView::Basic).await.deadline_time, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_missed_its_deadline_goes_on_with_a_later_one() {
    let mut world = world().await;
    let id = missed(&mut world).await;
    let retry = RetryTaskRequest { task_id: id.clone(), ..RetryTaskRequest::default() };
    let refused = world.client.tasks().retry_task(retry.clone()).await.unwrap_err();
    assert_eq!(told(&refused), "TRANSITION_NOT_ALLOWED");
    assert!(refused.message().contains("the deadline of task"), "{refused:?}");
    let moved = move_deadline(&world, &id, Some(LATER)).await.unwrap();
    assert_eq!((moved.state(), moved.deadline_time), (State::Error, Some(LATER)));
    let retried = world.client.tasks().retry_task(retry).await.unwrap().into_inner().task.unwrap();
    assert_eq!((retried.state(), retried.finish_time), (State::Pending, None));
    assert_eq!(world.states(&id).await, "pending: reserve pending, charge pending, label pending, dispatch pending");
    world.run(&id).await;
    assert_eq!(world.full(&id).await.steps[0].attempts, 2);

    let request = ListTransitionsRequest { task_id: id, ..ListTransitionsRequest::default() };
    let trail = world.client.tasks().list_transitions(request).await.unwrap().into_inner().transitions;
    let missed = trail.iter().find(|row| row.to_state() == State::Error && row.step_id.is_empty()).unwrap();
    let Some(Cause::DeadlineExceeded(exceeded)) = &missed.cause else { panic!("{missed:?}") };
    assert!(exceeded.deadline_time.is_some_and(|at| at.seconds < LATER.seconds));
    let moved = trail.iter().find_map(|row| match &row.cause {
        Some(Cause::Manual(manual)) if manual.operation() == Operation::UpdateTask => Some(manual.clone()),
        _ => None,
    });
    let moved = moved.unwrap();
    assert_eq!((&*moved.requested_by, &*moved.reason), ("alice", "the carrier is late"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_can_be_taken_away() {
    let mut world = world().await;
    let id = missed(&mut world).await;
    assert_eq!(move_deadline(&world, &id, None).await.unwrap().deadline_time, None);
    let retry = RetryTaskRequest { task_id: id.clone(), ..RetryTaskRequest::default() };
    world.client.tasks().retry_task(retry).await.unwrap();
    world.run(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_a_task_past_its_deadline_is_not_retried() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.fail(&id, "reserve", true).await;
    world.settled(&id, State::Error).await;
    let step_id = world.step_id(&id, "reserve").await;
    let retry = RetryStepRequest { step_id, ..RetryStepRequest::default() };
    sqlx::query("update tasks set deadline_at = now() - interval '1 hour'")
        .execute(world.database.store.pool())
        .await
        .unwrap();
    let refused = world.client.steps().retry_step(retry.clone()).await.unwrap_err();
    assert_eq!(told(&refused), "TRANSITION_NOT_ALLOWED");
    move_deadline(&world, &id, Some(LATER)).await.unwrap();
    world.client.steps().retry_step(retry).await.unwrap();
    world.run(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_task_stays_as_it_ended() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.run(&id).await;
    let complete = world.get(&id, TaskView::Basic).await;
    let cancel = CancelTaskRequest { task_id: id.clone(), ..CancelTaskRequest::default() };
    let refused = world.client.tasks().cancel_task(cancel).await.unwrap_err();
    assert_eq!((&*told(&refused), &*metadata(&refused, "state")), ("TASK_ALREADY_SETTLED", "complete"));
    let refused = move_deadline(&world, &id, Some(LATER)).await.unwrap_err();
    assert_eq!(told(&refused), "TASK_ALREADY_SETTLED");
    assert_eq!(world.get(&id, TaskView::Basic).await, complete);
    // Its labels can change; when it ended cannot.
    let request = UpdateTaskRequest {
        task: Some(Task { task_id: id.clone(), tags: vec!["late".to_owned()], ..Task::default() }),
        update_mask: Some(FieldMask { paths: vec!["tags".to_owned()] }),
        ..UpdateTaskRequest::default()
    };
    let updated = world.client.tasks().update_task(request).await.unwrap().into_inner().task.unwrap();
    let read = world.get(&id, TaskView::Basic).await;
    assert_eq!((updated.finish_time, read.finish_time), (complete.finish_time, complete.finish_time));
    assert_eq!(updated, read);
}
