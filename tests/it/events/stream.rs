//! What a watcher is told.

use std::time::Duration;

use tasker::domain::run::Micros;
use tasker_sdk::proto::tasker::v1::{
    CancelStepRequest, CancelTaskRequest, ResolveStepRequest, RetryTaskRequest, State, WatchEventsRequest,
    watch_events_request::Start,
};

use super::{after, all, check_complete, cursor, everything, names, next_event, next_progress, payload, watch};
use crate::{
    calls::world::{World, order, told, world, world_with},
    harness::within,
};

/// A day in the life: one task well, one with failures and a retry, one cancelled, one resolved by hand.
async fn a_day(world: &mut World) -> [String; 4] {
    let well = world.create(order(r#"{"n": 1}"#)).await;
    world.run(&well).await;
    let retried = world.create(order(r#"{"n": 2}"#)).await;
    world.finish(&retried, "reserve").await;
    world.fail(&retried, "charge", false).await;
    world.fail(&retried, "charge", false).await;
    world.finish(&retried, "label").await;
    world.settled(&retried, State::Error).await;
    let request = RetryTaskRequest { task_id: retried.clone(), reason: "again".to_owned(), ..Default::default() };
    world.client.tasks().retry_task(request).await.unwrap();
    world.finish(&retried, "charge").await;
    world.finish(&retried, "dispatch").await;
    world.settled(&retried, State::Complete).await;
    let cancelled = world.create(order(r#"{"n": 3}"#)).await;
    world.finish(&cancelled, "reserve").await;
    let step_id = world.step_id(&cancelled, "charge").await;
    world.client.steps().cancel_step(CancelStepRequest { step_id, ..Default::default() }).await.unwrap();
    let request =
        CancelTaskRequest { task_id: cancelled.clone(), reason: "withdrawn".to_owned(), ..Default::default() };
    world.client.tasks().cancel_task(request).await.unwrap();
    let mut skipping = order(r#"{"n": 4}"#);
    skipping.bypass_steps = vec!["label".to_owned()];
    let resolved = world.create(skipping).await;
    let step_id = world.step_id(&resolved, "reserve").await;
    let request = ResolveStepRequest { step_id, results_json: r#"{"by": "hand"}"#.to_owned(), ..Default::default() };
    world.client.steps().resolve_step(request).await.unwrap();
    world.finish(&resolved, "charge").await;
    world.finish(&resolved, "dispatch").await;
    world.settled(&resolved, State::Complete).await;
    [well, retried, cancelled, resolved]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transition_is_told_once_with_its_payload() {
    let mut world = world().await;
    let [well, retried, cancelled, resolved] = a_day(&mut world).await;
    let events = all(&world.client, everything()).await;
    check_complete(&world.database, &events).await;

    let find = |task: &str, name: &str| {
        let found: Vec<_> = events.iter().filter(|event| event.task_id == task && event.name == name).collect();
        assert!(!found.is_empty(), "{name}");
        found
    };
    let completed = find(&well, "task.completed");
    assert_eq!(completed.len(), 1);
    let of = completed[0].handler.clone().unwrap();
    assert_eq!((&*of.namespace, &*of.name), ("default", "order"));
    let told = payload(completed[0]);
    assert_eq!((told["completed_steps"].as_i64(), told["pending_steps"].as_i64()), (Some(4), Some(0)));
    assert!(told["total_execution_duration"].as_f64().is_some() && told["task_type"] == "default.order@1.0.0");
    let step = find(&well, "step.completed");
    assert_eq!(step.len(), 4);
    assert_eq!(payload(step[0])["step_results"], serde_json::json!({ "reserve": true }));
    assert!(payload(step[0])["execution_duration"].as_f64().unwrap() > 0.0);
    let begun = payload(find(&well, "step.execution_requested")[1]);
    assert_eq!(begun["step_dependencies"], serde_json::json!(["reserve"]));
    assert_eq!(begun["step_inputs"], serde_json::json!({ "n": 1 }));

    let failed = payload(find(&retried, "step.failed")[0]);
    assert_eq!(failed["error_message"], "none left");
    assert_eq!(failed["exception_class"], "OutOfStock");
    assert_eq!(failed["backtrace"], "shelf.rs:7");
    assert_eq!(find(&retried, "observability.step.backoff").len(), 1);
    assert_eq!(find(&retried, "observability.step.max_retries_reached").len(), 1);
    let ended = payload(find(&retried, "task.failed")[0]);
    assert_eq!(ended["error_steps"], serde_json::json!(["charge"]));
    assert_eq!((ended["completed_steps"].as_i64(), ended["failed_steps"].as_i64()), (Some(2), Some(1)));
    assert_eq!(payload(find(&retried, "task.retry_requested")[0])["reason"], "again");
    assert_eq!(payload(find(&cancelled, "task.cancelled")[0])["cancellation_reason"], "withdrawn");
    assert_eq!(payload(find(&resolved, "step.resolved_manually")[0])["step_results"]["by"], "hand");
    assert_eq!(find(&resolved, "observability.step.skip").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_after_any_cursor() {
    let mut world = world().await;
    a_day(&mut world).await;
    let events = all(&world.client, everything()).await;
    assert!(events.len() > 100);
    for place in (0..events.len()).step_by(7).chain([events.len() - 1]) {
        let rest = all(&world.client, after(&events[place].cursor)).await;
        assert_eq!(rest.len(), events.len() - place - 1, "after {}", events[place].cursor);
        assert!(rest.first().is_none_or(|event| *event == events[place + 1]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_out_what_they_do_not_name() {
    let mut world = world().await;
    world.register("shop", "order", "1.0.0").await;
    let [well, ..] = a_day(&mut world).await;
    let mut other = order(r#"{"n": 1}"#);
    other.handler = crate::harness::handler_ref("shop", "order", "");
    world.create(other).await;
    let wanted = |request: WatchEventsRequest| WatchEventsRequest {
        start: everything().start,
        until_caught_up: true,
        ..request
    };
    let count = async |request: WatchEventsRequest| all(&world.client, wanted(request)).await.len();
    let whole = count(WatchEventsRequest::default()).await;

    let names_of = |names: &[&str]| WatchEventsRequest {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    let steps = all(&world.client, wanted(names_of(&["step.*", "*.task.enqueue"]))).await;
    assert!(steps.iter().all(|event| event.name.starts_with("step.") || event.name == "observability.task.enqueue"));
    assert_eq!(names(&steps).iter().filter(|name| **name == "observability.task.enqueue").count(), 5);
    assert_eq!(count(names_of(&["task.completed"])).await, 3);
    assert_eq!(count(names_of(&["nothing.like.it"])).await, 0);
    assert_eq!(count(names_of(&["*"])).await, whole);

    let one = all(&world.client, wanted(WatchEventsRequest { task_id: well.clone(), ..Default::default() })).await;
    assert!(one.iter().all(|event| event.task_id == well));
    assert_eq!(
        one.iter().map(cursor).max(),
        all(&world.client, wanted(names_of(&["*"])))
            .await
            .iter()
            .filter(|event| event.task_id == well)
            .map(cursor)
            .max()
    );
    let shop = count(WatchEventsRequest { namespace: "shop".to_owned(), ..Default::default() }).await;
    let default = count(WatchEventsRequest { namespace: "default".to_owned(), ..Default::default() }).await;
    assert!(shop > 0 && shop + default == whole);
    assert_eq!(count(WatchEventsRequest { handler: "order".to_owned(), ..Default::default() }).await, whole);
    assert_eq!(count(WatchEventsRequest { handler: "other".to_owned(), ..Default::default() }).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_now_or_at_a_time() {
    let mut world = world().await;
    let before = world.create(order(r#"{"n": 1}"#)).await;
    let mut now = watch(&world.client, WatchEventsRequest::default()).await;
    let start = next_progress(&mut now).await;
    assert!(!start.caught_up);
    assert!(next_progress(&mut now).await.caught_up, "it says so once it has caught up");
    let task = world.create(order(r#"{"n": 1}"#)).await;
    let first = next_event(&mut now).await;
    assert_eq!((first.task_id.as_str(), first.name.as_str()), (task.as_str(), "task.initialize_requested"));
    world.finish(&task, "reserve").await;

    let since = |micros: Micros| WatchEventsRequest {
        start: Some(Start::StartTime(prost_types::Timestamp {
            seconds: micros.div_euclid(1_000_000),
            nanos: i32::try_from(micros.rem_euclid(1_000_000)).unwrap() * 1_000,
        })),
        ..everything()
    };
    let time = first.occur_time.unwrap();
    let at = time.seconds * 1_000_000 + i64::from(time.nanos / 1_000);
    let late = all(&world.client, since(at)).await;
    let created = |events: &[tasker_sdk::proto::tasker::v1::Event], id: &str| {
        events.iter().any(|event| event.task_id == id && event.name == "task.initialize_requested")
    };
    assert!(created(&late, &task) && !created(&late, &before), "what was before is left out");
    let early = all(&world.client, since(at - 3_600_000_000)).await;
    assert!(early.iter().any(|event| event.task_id == before));
    assert_eq!(all(&world.client, since(at + 3_600_000_000)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_late_is_not_passed_over() {
    let world = world().await;
    let mut stream = watch(&world.client, WatchEventsRequest::default()).await;
    next_progress(&mut stream).await;
    // Somebody has drawn a position and takes its time to commit.
    let mut late = world.database.store.begin().await.unwrap();
    let last_assigned: i64 = sqlx::query_scalar(
        "insert into event_log (position, at, event_id, name, namespace, payload)
         select case when pg_current_xact_id() is not null then nextval('event_positions') end, now(),
                '00000000-0000-7000-8000-000000000001', 'late.commit', 'default', '{}'
         returning position",
    )
    .fetch_one(&mut *late)
    .await
    .unwrap();
    let task = world.create(order(r#"{"n": 1}"#)).await;
    let high_watermark = world.app.engine().events().listen().high_watermark();
    assert!(high_watermark < last_assigned, "{high_watermark} {last_assigned}");
    let quiet = tokio::time::timeout(Duration::from_millis(300), next_event(&mut stream)).await;
    assert!(quiet.is_err(), "what was committed later waits for what was drawn earlier: {quiet:?}");
    late.commit().await.unwrap();
    assert_eq!(next_event(&mut stream).await.name, "late.commit");
    assert_eq!(next_event(&mut stream).await.task_id, task);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_was_rolled_back_is_a_gap_and_no_more() {
    let world = world().await;
    let mut stream = watch(&world.client, WatchEventsRequest::default()).await;
    next_progress(&mut stream).await;
    let draw = "select case when pg_current_xact_id() is not null then nextval('event_positions') end";
    let mut given_up = world.database.store.begin().await.unwrap();
    sqlx::query(draw).execute(&mut *given_up).await.unwrap();
    given_up.rollback().await.unwrap();
    let task = world.create(order(r#"{"n": 1}"#)).await;
    assert_eq!(next_event(&mut stream).await.task_id, task);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_told_everything_that_is_wrong() {
    let world = world().await;
    let refused = async |request: WatchEventsRequest| {
        told(&world.client.events().watch_events(request).await.map(drop).unwrap_err())
    };
    let request = WatchEventsRequest {
        names: vec!["a b".to_owned(), String::new()],
        task_id: "x".to_owned(),
        start: Some(Start::AfterCursor("zz".to_owned())),
        ..Default::default()
    };
    assert_eq!(
        refused(request).await,
        "INVALID_FIELDS\nnames[1]: is required\nnames[0]: has a space or a control character\n\
         task_id: is not the id of a task\nafter_cursor: is not a cursor of the event stream"
    );
    assert_eq!(refused(after("ffffff")).await, "INVALID_FIELDS\nafter_cursor: is ahead of the stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_the_log_does_not_hold_any_more_is_refused() {
    let mut world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let first = all(&world.client, everything()).await[0].cursor.clone();
    world.run(&id).await;
    let whole = all(&world.client, everything()).await.len();
    sqlx::query("update event_log set at = at - interval '10 days' where position <= 2")
        .execute(world.database.store.pool())
        .await
        .unwrap();
    let days_ago: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select now() - interval '5 days'").fetch_one(world.database.store.pool()).await.unwrap();
    assert_eq!(tasker::store::events::trim(world.database.store.pool(), days_ago, 1_000).await.unwrap(), 2);
    let refused = world.client.events().watch_events(after(&first)).await.map(drop).unwrap_err();
    assert_eq!(told(&refused), "CURSOR_EXPIRED");
    assert_eq!(refused.code(), tonic::Code::OutOfRange);
    let earliest = crate::calls::world::metadata(&refused, "earliest_cursor");
    let rest = all(&world.client, after(&earliest)).await.len();
    assert!(rest > 0 && rest < whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_are_bounded_and_end_with_the_server() {
    let world = world_with(&[("events.watchers_max", "2")]).await;
    let mut first = watch(&world.client, WatchEventsRequest::default()).await;
    let second = watch(&world.client, WatchEventsRequest::default()).await;
    let refused = world.client.events().watch_events(WatchEventsRequest::default()).await.map(drop).unwrap_err();
    assert!(told(&refused).starts_with("QUEUE_FULL"), "{refused:?}");
    drop(second);
    crate::harness::eventually("the place is free again", async || {
        world.client.events().watch_events(WatchEventsRequest::default()).await.is_ok()
    })
    .await;
    next_progress(&mut first).await;
    within("the stop", world.app.stop()).await;
    let end = within("the end", async {
        loop {
            match first.message().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    })
    .await;
    assert!(told(&end.unwrap_err()).starts_with("DRAINING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nothing_is_logged_and_nobody_watches() {
    let mut world = world_with(&[("events.enabled", "false")]).await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.run(&id).await;
    let rows: i64 =
        sqlx::query_scalar("select count(*) from event_log").fetch_one(world.database.store.pool()).await.unwrap();
    assert_eq!(rows, 0);
    let refused = world.client.events().watch_events(WatchEventsRequest::default()).await.map(drop).unwrap_err();
    assert_eq!(told(&refused), "EVENTS_DISABLED");
}
