//! Creating tasks and reading them back.

use prost_types::Timestamp;
use tasker_sdk::proto::tasker::v1::{
    BatchCreateTasksRequest, ExecutionStatus, GetTaskRequest, HealthStatus, NewTask, RecommendedAction, State,
    TaskView, batch_create_tasks_outcome::Outcome,
};

use crate::harness;

use super::world::{metadata, order, told, world, world_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_reads_back_as_it_was_asked_for() {
    let world = world().await;
    let asked = NewTask {
        initiator: "alice".into(),
        source_system: "shop".into(),
        reason: "a sale".into(),
        tags: vec!["fragile".into(), "größe".into()],
        bypass_steps: vec!["label".into()],
        request_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 123_456_000 }),
        deadline_time: Some(Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        correlation_id: "cart-7".into(),
        ..order(r#"{"n": 12345678901234567890123, "text": "ü"}"#)
    };
    let created = world.try_create(asked.clone()).await.unwrap();
    assert!(!created.existed);
    let basic = created.task.unwrap();
    assert!(basic.steps.is_empty() && basic.context_json.is_empty());

    let task = world.full(&basic.task_id).await;
    assert_eq!(task.handler, harness::handler_ref("default", "order", "1.0.0"));
    assert_eq!((task.state(), task.revision), (State::Pending, 2));
    assert_eq!((&*task.initiator, &*task.source_system, &*task.reason), ("alice", "shop", "a sale"));
    assert_eq!((&task.tags, &task.bypass_steps), (&asked.tags, &asked.bypass_steps));
    assert_eq!((task.request_time, task.deadline_time), (asked.request_time, asked.deadline_time));
    assert_eq!(task.correlation_id, "cart-7");
    assert_eq!(task.context_json, r#"{"n": 12345678901234567890123, "text": "ü"}"#);
    assert!(task.create_time.is_some() && task.start_time.is_none() && task.finish_time.is_none());

    let execution = task.execution.unwrap();
    assert_eq!((execution.total_steps, execution.completed_steps, execution.ready_steps), (4, 1, 1));
    assert_eq!(execution.execution_status(), ExecutionStatus::HasReadySteps);
    assert_eq!(execution.recommended_action(), RecommendedAction::ExecuteReadySteps);
    assert_eq!(execution.health_status(), HealthStatus::Healthy);
    assert!((execution.completion_percentage - 25.0).abs() < 1e-9);

    let [reserve, charge, label, dispatch] = &task.steps[..] else { panic!("four steps: {task:?}") };
    assert_eq!(
        (&*reserve.name, &*reserve.step_handler, &*reserve.dependent_system),
        ("reserve", "OrderStep", "warehouse")
    );
    assert_eq!((charge.retry_limit, charge.retryable, charge.skippable), (2, true, false));
    assert!(label.bypassed && label.skippable && label.complete_time.is_some());
    assert_eq!(dispatch.parent_step_ids, [charge.step_id.clone(), label.step_id.clone()]);
    assert_eq!(reserve.child_step_ids, [charge.step_id.clone(), label.step_id.clone()]);
    assert_eq!(charge.sibling_step_ids, std::slice::from_ref(&label.step_id));
    let readiness = dispatch.readiness.unwrap();
    assert_eq!((readiness.total_parents, readiness.completed_parents), (2, 1));
    assert!(!readiness.dependencies_satisfied && !readiness.ready_for_execution);
    assert!(reserve.readiness.unwrap().ready_for_execution);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_has_defaults() {
    let world = world().await;
    let task_id = world.create(order(r#"{"n": 1}"#)).await;
    let task = world.get(&task_id, TaskView::Basic).await;
    assert_eq!((&*task.initiator, &*task.source_system, &*task.reason), ("unknown", "unknown", "unknown"));
    assert!(task.tags.is_empty() && task.correlation_id.starts_with("tsk_") && task.deadline_time.is_none());
    assert!(task.steps.is_empty() && task.context_json.is_empty());
    let requested = task.request_time.unwrap().seconds;
    assert!((requested - task.create_time.unwrap().seconds).abs() <= 1);
    let steps = world.get(&task_id, TaskView::Steps).await;
    assert_eq!((steps.steps.len(), &*steps.context_json), (4, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_the_greatest_unless_named() {
    let world = world().await;
    for version in ["9.0.0", "10.0.0"] {
        world.register("default", "order", version).await;
    }
    for (asked, expected) in [("", "10.0.0"), ("latest", "10.0.0"), ("9.0.0", "9.0.0")] {
        let task = NewTask { handler: harness::handler_ref("", "order", asked), ..order(r#"{"n": 1}"#) };
        assert_eq!(world.try_create(task).await.unwrap().task.unwrap().handler.unwrap().version, expected, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_named() {
    let world = world().await;
    let check = async |task: NewTask, expected: &str| {
        assert_eq!(told(&world.try_create(task).await.unwrap_err()), expected);
    };
    let good = order(r#"{"n": 1}"#);
    check(NewTask { handler: harness::handler_ref("nowhere", "order", ""), ..good.clone() }, "NAMESPACE_UNKNOWN").await;
    check(NewTask { handler: harness::handler_ref("", "odrer", ""), ..good.clone() }, "HANDLER_UNKNOWN").await;
    check(NewTask { handler: harness::handler_ref("", "order", "7.0.0"), ..good.clone() }, "VERSION_UNKNOWN").await;
    check(NewTask { handler: harness::handler_ref("", "order", "newest"), ..good }, "VERSION_UNKNOWN").await;

    let request =
        GetTaskRequest { task_id: "01930000-0000-7000-8000-000000000000".into(), ..GetTaskRequest::default() };
    let refused = world.client.tasks().get_task(request).await.unwrap_err();
    assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::NotFound, "TASK_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_handler_does_not_allow_is_told_at_once() {
    let world = world().await;
    let task =
        NewTask { bypass_steps: vec!["label".into(), "charge".into(), "lable".into()], ..order(r#"{"n": "seven"}"#) };
    let refused = world.try_create(task).await.unwrap_err();
    assert_eq!(
        told(&refused),
        "INVALID_FIELDS\n\
         task.context_json/n: the value is not of type \"integer\"\n\
         task.bypass_steps[1]: the step 'charge' is not skippable\n\
         task.bypass_steps[2]: the handler has no step 'lable'; did you mean 'label'?"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_two_requests_one_task() {
    let world = world().await;
    let keyed = NewTask { idempotency_key: "once".into(), ..order(r#"{"n": 1, "m": 2}"#) };
    let first = world.try_create(keyed.clone()).await.unwrap();
    let again =
        NewTask { context_json: r#"{"m": 2,  "n": 1}"#.into(), correlation_id: "other".into(), ..keyed.clone() };
    let second = world.try_create(again).await.unwrap();
    assert!(!first.existed && second.existed);
    let id = first.task.unwrap().task_id;
    assert_eq!(second.task.unwrap().task_id, id);

    let other = NewTask { context_json: r#"{"n": 2}"#.into(), ..keyed.clone() };
    let refused = world.try_create(other).await.unwrap_err();
    assert_eq!((refused.code(), &*told(&refused)), (tonic::Code::AlreadyExists, "TASK_EXISTS"));
    assert_eq!(metadata(&refused, "task_id"), id);

    world.register("elsewhere", "order", "1.0.0").await;
    let elsewhere = NewTask { handler: harness::handler_ref("elsewhere", "order", ""), ..keyed };
    assert!(!world.try_create(elsewhere).await.unwrap().existed, "keys are by namespace");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_are_one_task_when_configured_so() {
    let world = world_with(&[("identity.strategy", "hash")]).await;
    let asked = NewTask { request_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }), ..order(r#"{"n": 1}"#) };
    let first = world.try_create(asked.clone()).await.unwrap();
    let second = world.try_create(asked.clone()).await.unwrap();
    assert!(!first.existed && second.existed);
    let tagged = NewTask { tags: vec!["x".into()], ..asked };
    assert!(!world.try_create(tagged).await.unwrap().existed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_an_outcome_for_each() {
    let world = world().await;
    let keyed = NewTask { idempotency_key: "k".into(), ..order(r#"{"n": 1}"#) };
    let tasks = vec![
        order(r#"{"n": 1}"#),
        order("[]"),
        NewTask { handler: harness::handler_ref("", "nothing", ""), ..order(r#"{"n": 1}"#) },
        keyed.clone(),
        keyed,
    ];
    let answer = world.client.tasks().batch_create_tasks(BatchCreateTasksRequest { tasks }).await.unwrap().into_inner();
    let outcomes: Vec<Outcome> = answer.outcomes.into_iter().map(|outcome| outcome.outcome.unwrap()).collect();
    let [Outcome::Task(one), Outcome::Error(bad), Outcome::Error(unknown), Outcome::Task(first), Outcome::Task(second)] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_ne!(one.task_id, first.task_id);
    assert_eq!(first.task_id, second.task_id);
    let refusal = |status: &tonic_types::pb::Status| match tasker_sdk::Error::from(status.clone()) {
        tasker_sdk::Error::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    };
    let (bad, unknown) = (refusal(bad), refusal(unknown));
    assert_eq!((bad.code, &*bad.reason_name), (tonic::Code::InvalidArgument, "INVALID_FIELDS"));
    assert_eq!(bad.violations[0].field, "task.context_json");
    assert_eq!((unknown.code, &*unknown.reason_name), (tonic::Code::NotFound, "HANDLER_UNKNOWN"));

    let many = vec![order(r#"{"n": 1}"#); 1_000];
    let answer = world.client.tasks().batch_create_tasks(BatchCreateTasksRequest { tasks: many }).await.unwrap();
    let created = answer.into_inner().outcomes;
    assert!(created.iter().all(|outcome| matches!(outcome.outcome, Some(Outcome::Task(_)))), "{created:?}");
    let too_many = vec![order(r#"{"n": 1}"#); 1_001];
    let refused =
        world.client.tasks().batch_create_tasks(BatchCreateTasksRequest { tasks: too_many }).await.unwrap_err();
    assert_eq!(told(&refused), "LIMIT_EXCEEDED\ntasks: has 1001 entries, at most 1000 are allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_go_up_to_their_limit() {
    let world = world_with(&[("limits.payload_bytes", "2048")]).await;
    let of = |bytes: usize| order(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)));
    world.create(of(2_048)).await;
    let refused = world.try_create(of(2_049)).await.unwrap_err();
    assert_eq!(told(&refused), "LIMIT_EXCEEDED\ntask.context_json: has 2049 bytes, at most 2048 are allowed");
}
