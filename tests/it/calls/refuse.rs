//! Every field that can be wrong, and that all of them are told at once.

use prost_types::{FieldMask, Timestamp};
use tasker_sdk::proto::tasker::v1::{
    AnnotationFilter, CancelTaskRequest, CountTasksRequest, CreateAnnotationRequest, CreateTaskRequest, GetStepRequest,
    GetTaskRequest, ListStepsRequest, ListTasksRequest, ListTransitionsRequest, NewTask, ResolveStepRequest,
    RetryTaskRequest, Step, Task, TaskFilter, UpdateStepRequest, UpdateTaskRequest, WatchTaskRequest,
};

use crate::harness;

use super::world::{order, told, world};

const TASK: &str = "01930000-0000-7000-8000-000000000000";
const STEP: &str = "01930000-0000-7000-8000-000000000001";

fn long(characters: usize) -> String {
    "ü".repeat(characters)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_to_be_created() {
    let world = world().await;
    let check = async |task: NewTask, expected: &str| {
        let refused = world.try_create(task).await.unwrap_err();
        let expected =
            if expected.contains("\n") { expected.to_owned() } else { format!("INVALID_FIELDS\n{expected}") };
        assert_eq!(told(&refused), expected);
    };
    let good = || order(r#"{"n": 1}"#);
    check(NewTask { handler: None, ..good() }, "task.handler.name: is required").await;
    check(
        NewTask { handler: harness::handler_ref("", &long(65), ""), ..good() },
        "task.handler.name: has 65 characters, at most 64 are allowed",
    )
    .await;
    check(
        NewTask { handler: harness::handler_ref(&long(65), "order", ""), ..good() },
        "task.handler.namespace: has 65 characters, at most 64 are allowed",
    )
    .await;
    check(
        NewTask { handler: harness::handler_ref("", "order", &long(17)), ..good() },
        "task.handler.version: has 17 characters, at most 16 are allowed",
    )
    .await;
    check(NewTask { initiator: long(129), ..good() }, "task.initiator: has 129 characters, at most 128 are allowed")
        .await;
    check(NewTask { source_system: "a\0".into(), ..good() }, "task.source_system: must not contain the character NUL")
        .await;
    check(NewTask { reason: long(129), ..good() }, "task.reason: has 129 characters, at most 128 are allowed").await;
    check(NewTask { tags: vec![String::new()], ..good() }, "task.tags[0]: is required").await;
    check(NewTask { tags: vec![long(129)], ..good() }, "task.tags[0]: has 129 characters, at most 128 are allowed")
        .await;
    check(
        NewTask { tags: vec!["a".into(); 65], ..good() },
        "LIMIT_EXCEEDED\ntask.tags: has 65 entries, at most 64 are allowed",
    )
    .await;
    check(
        NewTask { idempotency_key: long(129), ..good() },
        "task.idempotency_key: has 129 characters, at most 128 are allowed",
    )
    .await;
    check(
        NewTask { correlation_id: long(101), ..good() },
        "task.correlation_id: has 101 characters, at most 100 are allowed",
    )
    .await;
    check(
        NewTask { request_time: Some(Timestamp { seconds: i64::MAX, nanos: 0 }), ..good() },
        "task.request_time: is not a time between the years 1 and 9999",
    )
    .await;
    check(
        NewTask { deadline_time: Some(Timestamp { seconds: 0, nanos: -1 }), ..good() },
        "task.deadline_time: is not a time between the years 1 and 9999",
    )
    .await;
    check(order(""), "task.context_json: is not JSON: EOF while parsing a value at line 1 column 0").await;
    check(order("[1]"), "task.context_json: must be a JSON object").await;
    check(order(" { } "), "task.context_json: must not be empty").await;
    check(order(r#"{"a": "\u0000"}"#), "task.context_json: must not contain \\u0000 at line 1 column 14").await;
    check(
        NewTask { handler: None, tags: vec![String::new()], ..order("{") },
        "INVALID_FIELDS\n\
         task.context_json: is not JSON: EOF while parsing an object at line 1 column 1\n\
         task.handler.name: is required\n\
         task.tags[0]: is required",
    )
    .await;
    let refused = world.client.tasks().create_task(CreateTaskRequest { task: None }).await.unwrap_err();
    assert_eq!(told(&refused), "INVALID_FIELDS\ntask: is required");
    // What is exactly as long as allowed passes.
    world.create(NewTask { initiator: long(128), tags: vec![long(128); 64], ..good() }).await;
}

/// Checks that a call is refused with these bad fields.
macro_rules! check {
    ($client:expr, $method:ident, $request:expr, $expected:expr) => {
        let refused = $client.$method($request).await.unwrap_err();
        assert_eq!(told(&refused), format!("INVALID_FIELDS\n{}", $expected), stringify!($method));
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_tasks() {
    let world = world().await;
    let mut tasks = world.client.tasks();
    let id = || TASK.to_owned();
    check!(tasks, get_task, GetTaskRequest::default(), "task_id: is required");
    check!(
        tasks,
        get_task,
        GetTaskRequest { task_id: "7".into(), ..GetTaskRequest::default() },
        "task_id: is not the id of a task"
    );
    check!(
        tasks,
        get_task,
        GetTaskRequest { task_id: STEP.into(), ..GetTaskRequest::default() },
        "task_id: is not the id of a task"
    );
    check!(
        tasks,
        get_task,
        GetTaskRequest { task_id: "7".into(), view: 9, ..GetTaskRequest::default() },
        "task_id: is not the id of a task\nview: 9 is not a value of the enum"
    );
    let list = |filter: TaskFilter| ListTasksRequest { filter: Some(filter), ..ListTasksRequest::default() };
    let filter = TaskFilter::default;
    check!(tasks, list_tasks, ListTasksRequest { page_size: -1, ..list(filter()) }, "page_size: must not be negative");
    check!(tasks, list_tasks, ListTasksRequest { order: 5, ..list(filter()) }, "order: 5 is not a value of the enum");
    check!(
        tasks,
        list_tasks,
        list(TaskFilter { states: vec![1, 0, 7], ..filter() }),
        "filter.states[1]: is not a state\nfilter.states[2]: is not a state"
    );
    check!(
        tasks,
        list_tasks,
        list(TaskFilter { namespace: long(65), ..filter() }),
        "filter.namespace: has 65 characters, at most 64 are allowed"
    );
    check!(
        tasks,
        list_tasks,
        list(TaskFilter { correlation_id: "\0".into(), ..filter() }),
        "filter.correlation_id: must not contain the character NUL"
    );
    let annotation = |key: &str, value: &str| {
        let annotation = AnnotationFilter { key: key.into(), value: value.into(), annotation_type: String::new() };
        TaskFilter { annotation: Some(annotation), ..filter() }
    };
    check!(tasks, list_tasks, list(annotation("", "")), "filter.annotation: needs an annotation_type or a key");
    check!(
        tasks,
        count_tasks,
        CountTasksRequest { filter: Some(annotation("", "x")) },
        "filter.annotation: needs an annotation_type or a key\nfilter.annotation.value: needs a key"
    );
    let mask = |paths: &[&str]| Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
    let task = Task { task_id: id(), reason: long(129), tags: vec![long(129)], ..Task::default() };
    let update = UpdateTaskRequest {
        task: Some(task.clone()),
        update_mask: mask(&["reason", "tags"]),
        ..UpdateTaskRequest::default()
    };
    check!(
        tasks,
        update_task,
        update,
        "task.reason: has 129 characters, at most 128 are allowed\ntask.tags[0]: has 129 characters, at most 128 are allowed"
    );
    let update = UpdateTaskRequest { task: Some(Task { task_id: id(), ..Task::default() }), ..Default::default() };
    check!(
        tasks,
        update_task,
        update.clone(),
        "update_mask: is required: names what changes, of reason, tags, deadline_time"
    );
    check!(
        tasks,
        update_task,
        UpdateTaskRequest { update_mask: mask(&["tags", "state", "colour"]), ..update.clone() },
        "update_mask: \"state\" is not a field that can be changed; there are reason, tags, deadline_time\n\
         update_mask: \"colour\" is not a field that can be changed; there are reason, tags, deadline_time"
    );
    let late = Task { task_id: id(), deadline_time: Some(Timestamp { seconds: 1, nanos: 0 }), ..Task::default() };
    check!(
        tasks,
        update_task,
        UpdateTaskRequest { task: Some(late), update_mask: mask(&["deadline_time"]), ..update },
        "task.deadline_time: is in the past"
    );
    let cancel = CancelTaskRequest { task_id: String::new(), reason: long(1_025), requested_by: long(129) };
    check!(
        tasks,
        cancel_task,
        cancel,
        "task_id: is required\nrequested_by: has 129 characters, at most 128 are allowed\nreason: has 1025 characters, at most 1024 are allowed"
    );
    let retry = RetryTaskRequest {
        task_id: id(),
        additional_attempts: -1,
        request_id: long(129),
        ..RetryTaskRequest::default()
    };
    check!(
        tasks,
        retry_task,
        retry,
        "additional_attempts: must be between 0 and 10000\nrequest_id: has 129 characters, at most 128 are allowed"
    );
    let watch = WatchTaskRequest { task_id: id(), after_sequence: -1, view: 0 };
    check!(tasks, watch_task, watch, "after_sequence: is not the number of a transition");
    let transitions =
        ListTransitionsRequest { task_id: id(), step_id: TASK.into(), ..ListTransitionsRequest::default() };
    check!(tasks, list_transitions, transitions, "step_id: is not the id of a step");
    let annotation = CreateAnnotationRequest {
        task_id: id(),
        annotation_type: " ".into(),
        annotation_json: "[]".into(),
        request_id: String::new(),
    };
    check!(
        tasks,
        create_annotation,
        annotation,
        "annotation_type: is required\nannotation_json: must be a JSON object"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_steps() {
    let world = world().await;
    let mut steps = world.client.steps();
    check!(steps, get_step, GetStepRequest { step_id: TASK.into() }, "step_id: is not the id of a step");
    let list = ListStepsRequest { task_id: String::new(), page_size: -3, ..ListStepsRequest::default() };
    check!(steps, list_steps, list, "task_id: is required\npage_size: must not be negative");
    let step = Step { step_id: STEP.into(), retry_limit: 10_001, inputs_json: "{".into(), ..Step::default() };
    let update = UpdateStepRequest { step: Some(step), ..UpdateStepRequest::default() };
    check!(
        steps,
        update_step,
        update.clone(),
        "update_mask: is required: names what changes, of retry_limit, inputs_json"
    );
    let paths = vec!["retry_limit".to_owned(), "inputs_json".to_owned(), "attempts".to_owned()];
    let wrong = UpdateStepRequest { update_mask: Some(FieldMask { paths }), ..update };
    check!(
        steps,
        update_step,
        wrong,
        "update_mask: \"attempts\" is not a field that can be changed; there are retry_limit, inputs_json\n\
         step.retry_limit: must be between 0 and 10000\n\
         step.inputs_json: is not JSON: EOF while parsing an object at line 1 column 1"
    );
    let resolve =
        ResolveStepRequest { step_id: STEP.into(), results_json: "x".into(), ..ResolveStepRequest::default() };
    check!(steps, resolve_step, resolve, "results_json: is not JSON: expected value at line 1 column 1");
    let refused = steps.get_step(GetStepRequest { step_id: STEP.into() }).await.unwrap_err();
    assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::NotFound, "STEP_NOT_FOUND"));
}
