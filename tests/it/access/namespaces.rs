//! Namespaces hold on every road: lists, watches, changes, workers, sessions.

use serde_json::json;
use tasker_sdk::proto::tasker::{
    v1::{
        CancelTaskRequest, CountTasksRequest, CreateTaskRequest, GetHealthCountsRequest, GetStatusRequest,
        GetTaskRequest, ListBlockersRequest, ListTasksRequest, ListTransitionsRequest, NewTask, RetryTaskRequest,
        TaskFilter, WatchTaskRequest, transition::Cause,
    },
    worker::v1::{ClaimStepsRequest, HeartbeatSessionRequest, Offer, ReportResultsRequest, offer::Target},
};
use tonic::{Code, Status};

use super::callers::{create, granted, token, world, world_with};
use crate::harness::eventually;

fn told(status: &Status) -> (Code, String) {
    let details = tonic_types::StatusExt::get_error_details(status);
    let required = details.error_info().and_then(|info| info.metadata.get("required").cloned());
    (status.code(), required.unwrap_or_default())
}

fn of(namespace: &str) -> Option<TaskFilter> {
    Some(TaskFilter { namespace: namespace.to_owned(), ..TaskFilter::default() })
}

#[tokio::test]
async fn lists_and_counts_show_what_the_caller_may_see() {
    let world = world().await;
    let admin = world.admin().await;
    create(&admin, "beta").await.unwrap();
    let check = async |grants: &[&str], namespace: &str, expected: Result<i64, Code>| {
        let client = world.client(&granted("ann", grants)).await;
        let counted = client.tasks().count_tasks(CountTasksRequest { filter: of(namespace) }).await;
        let counted =
            counted.map(|answer| answer.into_inner().counts.unwrap_or_default().total).map_err(|status| status.code());
        let request = ListTasksRequest { filter: of(namespace), ..Default::default() };
        let listed = client.tasks().list_tasks(request).await.map_err(|status| status.code());
        let listed = listed.map(|answer| i64::try_from(answer.into_inner().tasks.len()).unwrap());
        assert_eq!((counted, listed), (expected, expected), "{grants:?} asks for {namespace:?}");
    };
    check(&["tasker.task:index"], "", Ok(2)).await;
    check(&["tasker.task:index"], "beta", Ok(1)).await;
    check(&["tasker.task:index@beta"], "", Ok(1)).await;
    check(&["tasker.task:index@beta"], "alpha", Err(Code::PermissionDenied)).await;
    check(&["tasker.task:index@alpha", "tasker.task:index@beta"], "", Ok(2)).await;
    check(&["tasker.task:index@gamma"], "", Ok(0)).await;
    check(&["*@alpha"], "", Ok(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_of_the_namespaces_that_the_caller_may_see() {
    let world = world_with(&[("health.cache_duration_ms", "100")]).await;
    let admin = world.admin().await;
    for _ in 0..2 {
        create(&admin, "beta").await.unwrap();
    }
    let ask = async |grant: &str| {
        let client = world.client(&granted("ann", &[grant])).await;
        client.status().get_status(GetStatusRequest {}).await.unwrap().into_inner()
    };
    eventually("all are counted", async || {
        let all = ask("tasker.health_status:index").await;
        all.tasks.is_some_and(|tasks| tasks.total == 3) && all.queues.len() == 2
    })
    .await;
    let all = ask("tasker.health_status:index").await;
    assert!(all.database.is_some() && all.server.is_some() && all.trends.is_some());
    let beta = ask("tasker.health_status:index@beta").await;
    assert_eq!((beta.database, beta.server, beta.trends), (None, None, None));
    assert_eq!((beta.tasks.unwrap().total, beta.steps.unwrap().pending), (2, 2));
    assert_eq!(beta.queues.iter().map(|queue| &*queue.namespace).collect::<Vec<_>>(), ["beta"]);
    assert_eq!(ask("tasker.health_status:index@gamma").await.tasks.unwrap().total, 0);
    assert!(beta.healthy && beta.readiness.unwrap().ready);

    let counts = async |grant: &str| {
        let client = world.client(&granted("ann", &[grant])).await;
        client.analytics().get_health_counts(GetHealthCountsRequest::default()).await.unwrap().into_inner()
    };
    let (all, beta) = (counts("tasker.analytics:index").await, counts("tasker.analytics:index@beta").await);
    assert!(all.max_connections.is_some_and(|most| most > 0));
    assert_eq!((beta.tasks.unwrap().total, beta.active_connections, beta.max_connections), (2, None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn causes_are_listed_of_the_namespaces_that_the_caller_may_see() {
    let world = world().await;
    create(&world.admin().await, "beta").await.unwrap();
    let ask = async |grant: &str, namespace: &str| {
        let client = world.client(&granted("ann", &[grant])).await;
        let request = ListBlockersRequest { namespace: namespace.to_owned(), ..Default::default() };
        let answer = client.explain().list_blockers(request).await.map_err(|status| status.code())?.into_inner();
        let of = |group: &tasker_sdk::proto::tasker::v1::BlockerGroup| group.handler.clone().unwrap().namespace;
        Ok((answer.examined_tasks, answer.groups.iter().map(of).collect::<Vec<_>>().join(" ")))
    };
    let index = "tasker.explanation:index";
    assert_eq!(ask(index, "").await, Ok((2, "beta alpha".to_owned())), "the newest first");
    assert_eq!(ask(index, "alpha").await, Ok((1, "alpha".to_owned())));
    assert_eq!(ask("tasker.explanation:index@beta", "").await, Ok((1, "beta".to_owned())));
    assert_eq!(ask("tasker.explanation:index@beta", "alpha").await, Err(Code::PermissionDenied));
    assert_eq!(ask("tasker.explanation:show", "").await, Err(Code::PermissionDenied));
}

#[tokio::test]
async fn a_task_elsewhere_is_no_task() {
    let world = world().await;
    let task_id = world.task_id.clone();
    let bob = world.client(&granted("bob", &["tasker.task:*@beta"])).await;
    let get = bob.tasks().get_task(GetTaskRequest { task_id: task_id.clone(), ..Default::default() }).await;
    let unknown = task_id.replace('7', "6");
    let other = bob.tasks().get_task(GetTaskRequest { task_id: unknown.clone(), ..Default::default() }).await;
    let (get, other) = (get.unwrap_err(), other.unwrap_err());
    assert_eq!(get.message().replace(&task_id, "ID"), other.message().replace(&unknown, "ID"));
    let watch = bob.tasks().watch_task(WatchTaskRequest { task_id: task_id.clone(), ..Default::default() }).await;
    assert_eq!(watch.unwrap_err().code(), Code::NotFound);
    let cancel = bob.tasks().cancel_task(CancelTaskRequest { task_id, ..Default::default() }).await;
    assert_eq!(cancel.unwrap_err().code(), Code::NotFound);
    let denied = create(&bob, "alpha").await.unwrap_err();
    assert_eq!(told(&denied), (Code::PermissionDenied, "tasker.task:create@alpha".to_owned()));
}

#[tokio::test]
async fn who_created_a_task_may_cancel_it() {
    let world = world().await;
    let ann = world.client(&granted("ann", &["tasker.task:create"])).await;
    let bob = world.client(&granted("bob", &["tasker.task:create"])).await;
    let task_id = create(&ann, "alpha").await.unwrap();
    let request = || CancelTaskRequest { task_id: task_id.clone(), ..Default::default() };
    let unknown = CancelTaskRequest { task_id: task_id.replace('7', "6"), ..Default::default() };
    for request in [request(), unknown] {
        let denied = bob.tasks().cancel_task(request).await.unwrap_err();
        assert_eq!(told(&denied), (Code::PermissionDenied, "tasker.task:cancel".to_owned()));
    }
    let retry = RetryTaskRequest { task_id: task_id.clone(), ..Default::default() };
    let denied = bob.tasks().retry_task(retry).await.unwrap_err();
    assert_eq!(told(&denied), (Code::PermissionDenied, "tasker.task:retry".to_owned()));
    ann.tasks().cancel_task(request()).await.unwrap();
    // But no more than that.
    let get = ann.tasks().get_task(GetTaskRequest { task_id, ..Default::default() }).await.unwrap_err();
    assert_eq!(told(&get), (Code::PermissionDenied, "tasker.task:show".to_owned()));
}

#[tokio::test]
async fn a_taken_key_names_its_task_only_to_who_may_see_it() {
    let world = world().await;
    let keyed = |n: u8| {
        let task = NewTask {
            handler: crate::harness::handler_ref("alpha", "flow", ""),
            context_json: format!("{{\"n\": {n}}}"),
            idempotency_key: "invoice-1".to_owned(),
            ..NewTask::default()
        };
        CreateTaskRequest { task: Some(task) }
    };
    let create = async |subject: &str, grants: &[&str], n: u8| {
        world.client(&granted(subject, grants)).await.tasks().create_task(keyed(n)).await
    };
    let first = create("ann", &["tasker.task:create"], 1).await.unwrap().into_inner().task.unwrap();
    for (subject, grants, shown) in [
        ("bob", &["tasker.task:create"][..], ""),
        ("bob", &["tasker.task:create", "tasker.task:show@beta"], ""),
        ("bob", &["tasker.task:create", "tasker.task:show@alpha"], &*first.task_id),
        ("ann", &["tasker.task:create"], &*first.task_id),
    ] {
        let refused = create(subject, grants, 2).await.unwrap_err();
        let details = tonic_types::StatusExt::get_error_details(&refused);
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "TASK_EXISTS");
        assert_eq!(info.metadata.get("task_id").map_or("", String::as_str), shown, "{subject} with {grants:?}");
    }
}

#[tokio::test]
async fn the_trail_names_who_was_authenticated() {
    let world = world().await;
    let eve = world.client(&granted("eve", &["tasker.task:cancel", "tasker.task:show"])).await;
    let cancel = CancelTaskRequest {
        task_id: world.task_id.clone(),
        requested_by: "ceo@corp".to_owned(),
        ..CancelTaskRequest::default()
    };
    eve.tasks().cancel_task(cancel).await.unwrap();
    let request = ListTransitionsRequest { task_id: world.task_id.clone(), ..Default::default() };
    let trail = eve.tasks().list_transitions(request).await.unwrap().into_inner().transitions;
    let Some(Cause::Created(created)) = &trail[0].cause else { panic!("{trail:?}") };
    assert_eq!(created.subject, "admin");
    let Some(Cause::Manual(manual)) = &trail.last().unwrap().cause else { panic!("{trail:?}") };
    assert_eq!((&*manual.subject, &*manual.requested_by), ("eve", "ceo@corp"));
}

#[tokio::test]
async fn roles_grant_what_is_configured() {
    let world = world().await;
    let operator = world.client(&token("olga", &json!({ "roles": ["operator"] }))).await;
    create(&operator, "alpha").await.unwrap();
    assert_eq!(create(&operator, "beta").await.unwrap_err().code(), Code::PermissionDenied);
    let nobody = world.client(&token("nell", &json!({ "roles": ["unheard-of"] }))).await;
    assert_eq!(create(&nobody, "alpha").await.unwrap_err().code(), Code::PermissionDenied);
}

fn claim(namespace: &str, step_handler: &str, handler: &str) -> ClaimStepsRequest {
    ClaimStepsRequest {
        worker_id: "w".to_owned(),
        offers: vec![Offer {
            namespace: namespace.to_owned(),
            target: Some(match handler {
                "" => Target::StepHandler(step_handler.to_owned()),
                handler => Target::Handler(handler.to_owned()),
            }),
            ..Offer::default()
        }],
        max_steps: 1,
        wait: Some(prost_types::Duration { seconds: 0, nanos: 1 }),
        ..ClaimStepsRequest::default()
    }
}

#[tokio::test]
async fn workers_offer_only_what_they_were_granted() {
    let world = world().await;
    let check = async |grant: &str, offered: ClaimStepsRequest, expected: Code| {
        let worker = world.client(&granted("worker", &[grant])).await;
        let answer = worker.workers().claim_steps(offered).await;
        assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), expected, "{grant}");
    };
    check("tasker.worker:connect@beta", claim("alpha", "Step", ""), Code::PermissionDenied).await;
    check("tasker.worker:connect@alpha/Other", claim("alpha", "Step", ""), Code::PermissionDenied).await;
    check("tasker.worker:connect@alpha/Other", claim("alpha", "", "flow"), Code::PermissionDenied).await;
    check("tasker.worker:connect@alpha/Step", claim("alpha", "Step", ""), Code::Ok).await;
    check("tasker.worker:connect@beta/flow", claim("beta", "", "flow"), Code::Ok).await;
}

#[tokio::test]
async fn a_session_belongs_to_the_subject_that_opened_it() {
    let world = world().await;
    let worker = async |subject: &str| world.client(&granted(subject, &["tasker.worker:connect"])).await;
    let (ours, theirs) = (worker("ours").await, worker("theirs").await);
    let patient = ClaimStepsRequest { wait: None, ..claim("alpha", "Step", "") };
    let claimed = ours.workers().claim_steps(patient).await.unwrap().into_inner();
    assert_eq!(claimed.assignments.len(), 1);
    let session_id = claimed.session_id;
    let beat = || HeartbeatSessionRequest { session_id: session_id.clone(), ..HeartbeatSessionRequest::default() };
    let report = || ReportResultsRequest { session_id: session_id.clone(), ..ReportResultsRequest::default() };
    assert_eq!(theirs.workers().heartbeat_session(beat()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(theirs.workers().report_results(report()).await.unwrap_err().code(), Code::NotFound);
    let resumed = ClaimStepsRequest { session_id: session_id.clone(), ..claim("alpha", "Step", "") };
    let resumed = theirs.workers().claim_steps(resumed).await.unwrap().into_inner();
    assert_ne!(resumed.session_id, session_id, "a session of another subject is not continued");
    ours.workers().heartbeat_session(beat()).await.unwrap();
    ours.workers().report_results(report()).await.unwrap();
}
