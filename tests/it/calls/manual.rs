//! What people do to tasks: update, cancel, retry; and the audit trail of it.

use tasker_sdk::proto::tasker::v1::{
    CancelTaskRequest, ListTransitionsRequest, RetryTaskRequest, State, Task, TaskView, Transition, UpdateTaskRequest,
    manual_operation::Operation, transition::Cause,
};

use super::world::{World, metadata, order, told, word, world};
use prost_types::FieldMask;

impl World {
    /// The audit trail, a line a row.
    pub async fn trail(&self, task_id: &str) -> Vec<String> {
        let request = ListTransitionsRequest { task_id: task_id.to_owned(), ..ListTransitionsRequest::default() };
        let page = self.client.tasks().list_transitions(request).await.unwrap().into_inner();
        page.transitions.iter().map(line).collect()
    }
}

/// `sequence step: from -> to event`
fn line(row: &Transition) -> String {
    let name = if row.step_name.is_empty() { "task" } else { &row.step_name };
    let from = if row.from_state() == State::Unspecified { "new".to_owned() } else { word(row.from_state()) };
    let event = if row.event.is_empty() { "-" } else { &row.event };
    format!("{} {name}: {from} -> {} {event}", row.sequence, word(row.to_state()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_goes_well_leaves_its_trail() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&id, "reserve").await;
    world.fail(&id, "charge", false).await;
    world.finish(&id, "charge").await;
    world.finish(&id, "label").await;
    world.finish(&id, "dispatch").await;
    let task = world.settled(&id, State::Complete).await;
    assert!(task.start_time.is_some() && task.finish_time.is_some());
    assert_eq!(task.steps[1].attempts, 2);
    assert_eq!(task.steps[3].results_json, r#"{"dispatch": true}"#);
    assert!((task.execution.unwrap().completion_percentage - 100.0).abs() < 1e-9);

    let trail = world.trail(&id).await;
    let of = |name: &str| {
        let rows = trail.iter().filter(|row| row.contains(&format!(" {name}: ")));
        rows.map(|row| row.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        of("charge"),
        [
            "pending -> in_progress step.execution_requested",
            "in_progress -> error step.failed",
            "error -> pending step.retry_requested",
            "pending -> in_progress step.execution_requested",
            "in_progress -> complete step.completed",
        ]
    );
    let own = of("task");
    assert_eq!(own.first().unwrap(), "new -> pending task.initialize_requested");
    assert_eq!(own.last().unwrap(), "in_progress -> complete task.completed");
    let numbers: Vec<i64> = trail.iter().map(|row| row.split(' ').next().unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=task.revision).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_has_pages_and_can_be_of_one_step() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.run(&id).await;
    let all = world.trail(&id).await;
    let mut paged = Vec::new();
    let mut request = ListTransitionsRequest { task_id: id.clone(), page_size: 3, ..ListTransitionsRequest::default() };
    loop {
        let page = world.client.tasks().list_transitions(request.clone()).await.unwrap().into_inner();
        assert!(page.transitions.len() <= 3);
        paged.extend(page.transitions.iter().map(line));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(paged, all);

    let step_id = world.step_id(&id, "label").await;
    let one = ListTransitionsRequest { task_id: id.clone(), step_id, ..ListTransitionsRequest::default() };
    let page = world.client.tasks().list_transitions(one.clone()).await.unwrap().into_inner();
    assert_eq!(
        page.transitions.iter().map(|row| &*row.event).collect::<Vec<_>>(),
        ["step.execution_requested", "step.completed"]
    );
    let foreign = ListTransitionsRequest { page_token: request.page_token, ..one };
    assert_eq!(told(&world.client.tasks().list_transitions(foreign).await.unwrap_err()), "PAGE_TOKEN_INVALID");
    let other = world.create(order(r#"{"n": 1}"#)).await;
    let foreign =
        ListTransitionsRequest { task_id: id, step_id: world.step_id(&other, "label").await, ..Default::default() };
    assert_eq!(told(&world.client.tasks().list_transitions(foreign).await.unwrap_err()), "STEP_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn reason_and_tags_can_be_changed() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let update = async |paths: &[&str], reason: &str, tags: &[&str]| {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let request = UpdateTaskRequest {
            task: Some(Task { task_id: id.clone(), reason: reason.to_owned(), tags, ..Task::default() }),
            update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
            ..UpdateTaskRequest::default()
        };
        let task = world.client.tasks().update_task(request).await.unwrap().into_inner().task.unwrap();
        let read = world.get(&id, TaskView::Basic).await;
        assert_eq!((&task.reason, &task.tags), (&read.reason, &read.tags), "what is answered is what is stored");
        (task.reason, task.tags)
    };
    assert_eq!(update(&["reason"], "a recall", &["ignored"]).await, ("a recall".to_owned(), vec![]));
    assert_eq!(update(&["tags"], "ignored", &["urgent"]).await, ("a recall".to_owned(), vec!["urgent".to_owned()]));
    assert_eq!(update(&["tags", "reason"], "", &[]).await, ("unknown".to_owned(), vec![]));
    assert_eq!(
        world.trail(&id).await[1..],
        ["2 task: pending -> pending -", "3 task: pending -> pending -", "4 task: pending -> pending -"]
    );
    let nowhere = UpdateTaskRequest {
        task: Some(Task { task_id: "01930000-0000-7000-8000-000000000000".into(), ..Task::default() }),
        update_mask: Some(FieldMask { paths: vec!["tags".to_owned()] }),
        ..UpdateTaskRequest::default()
    };
    assert_eq!(told(&world.client.tasks().update_task(nowhere).await.unwrap_err()), "TASK_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_stops_what_runs_and_refuses_its_results() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let held = world.claim(&id, "reserve").await;
    let cancel = CancelTaskRequest { task_id: id.clone(), reason: "wrong size".into(), requested_by: "alice".into() };
    let task = world.client.tasks().cancel_task(cancel.clone()).await.unwrap().into_inner().task.unwrap();
    assert_eq!((task.state(), task.steps.len()), (State::Cancelled, 4));
    assert_eq!(
        world.states(&id).await,
        "cancelled: reserve cancelled, charge cancelled, label cancelled, dispatch cancelled"
    );
    world.too_late(&held).await;
    let again = world.client.tasks().cancel_task(cancel).await.unwrap().into_inner().task.unwrap();
    assert_eq!(again.revision, task.revision, "cancelling again changes nothing");

    let request = ListTransitionsRequest { task_id: id.clone(), ..ListTransitionsRequest::default() };
    let trail = world.client.tasks().list_transitions(request).await.unwrap().into_inner().transitions;
    let Some(Cause::Manual(last)) = &trail.last().unwrap().cause else { panic!("{trail:?}") };
    assert_eq!(last.operation(), Operation::CancelTask);
    assert_eq!((&*last.subject, &*last.requested_by, &*last.reason), ("unauthenticated", "alice", "wrong size"));
    let retry = RetryTaskRequest { task_id: id, ..RetryTaskRequest::default() };
    let refused = world.client.tasks().retry_task(retry).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    assert_eq!(metadata(&refused, "state"), "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_is_retried_from_where_it_failed() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&id, "reserve").await;
    world.finish(&id, "label").await;
    for _ in 0..2 {
        world.fail(&id, "charge", false).await;
    }
    let failed = world.settled(&id, State::Error).await;
    assert_eq!(failed.state_reason, "steps_in_error_state");
    let failure = failed.steps[1].failure.clone().unwrap();
    assert_eq!(
        (&*failure.error_class, &*failure.message, &*failure.error_code),
        ("OutOfStock", "none left", "STOCK_0")
    );
    assert_eq!((&*failure.backtrace, failure.permanent), ("shelf.rs:7", false));
    assert!(failed.steps[1].readiness.unwrap().permanently_blocked);

    let retry = RetryTaskRequest { task_id: id.clone(), additional_attempts: 0, ..RetryTaskRequest::default() };
    let task = world.client.tasks().retry_task(retry.clone()).await.unwrap().into_inner().task.unwrap();
    assert!(matches!(task.state(), State::Pending | State::InProgress), "{task:?}");
    assert_eq!(task.steps[1].retry_limit, 3);
    world.finish(&id, "charge").await;
    world.finish(&id, "dispatch").await;
    world.settled(&id, State::Complete).await;
    let refused = world.client.tasks().retry_task(retry).await.unwrap_err();
    assert_eq!(told(&refused), "TRANSITION_NOT_ALLOWED");
}
