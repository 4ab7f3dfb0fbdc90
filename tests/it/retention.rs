//! Retention: what is old enough goes, whole, and nothing else does.

use std::time::Duration;

use tasker::{
    domain::retention::{Action, Rules},
    engine::retention::{Round, Settings, Work},
    store::ready,
};
use tasker_sdk::proto::tasker::v1::{CreateAnnotationRequest, State, Step, UpdateStepRequest};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    calls::world::{World, order, world, world_with},
    events::{all, everything},
    harness::{Database, eventually},
    servers::count,
};

/// Removes what ended well more than a day ago, and what failed more than two days ago.
fn settings(action: Action) -> Settings {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    Settings {
        rules: Rules::new(hours(24), hours(48)),
        action,
        batch_tasks: 3,
        shares: (1.0, 1.0),
        ..Settings::default()
    }
}

async fn round(database: &Database, settings: &Settings) -> Round {
    let stop = CancellationToken::new();
    let work = Work { store: &database.store, server: Uuid::from_u128(7), settings, stop: &stop };
    eventually("no server is at it", async || work.take().await.unwrap().is_some()).await;
    let now = ready::clock(database.store.pool()).await.unwrap();
    let round = work.round(Uuid::nil(), now).await.unwrap();
    work.give_up().await.unwrap();
    round
}

/// Everything about a task happened so many hours earlier than it did. Its id stays, which only makes it look younger.
async fn age(database: &Database, task_id: &str, hours: i32) {
    sqlx::query(
        "update tasks set created_at = created_at - $2 * interval '1 hour', finished_at = finished_at - $2 * interval '1 hour'
         where task_id = $1::uuid",
    )
    .bind(task_id)
    .bind(hours)
    .execute(database.store.pool())
    .await
    .unwrap();
    // Ids tell when a task was created.
    sqlx::query("select 1").execute(database.store.pool()).await.unwrap();
}

/// The same, with another id: the rows of a task of long ago.
async fn long_ago(world: &World, task_id: &str, hours: i64) -> String {
    age(&world.database, task_id, i32::try_from(hours).unwrap()).await;
    let old = Uuid::parse_str(task_id).unwrap().as_u128();
    let aged = old - ((u128::try_from(hours).unwrap() * 3_600_000) << 80);
    let aged = Uuid::from_u128(aged).to_string();
    for table in ["tasks", "task_requests", "transitions", "step_inputs", "task_annotations"] {
        let statement = format!("update {table} set task_id = $2::uuid where task_id = $1::uuid");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(task_id)
            .bind(&aged)
            .execute(world.database.store.pool())
            .await
            .unwrap();
    }
    aged
}

async fn done(world: &mut World) -> String {
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.run(&id).await;
    id
}

async fn failed(world: &mut World) -> String {
    let id = world.create(order(r#"{"n": 1}"#)).await;
    world.fail(&id, "reserve", true).await;
    world.settled(&id, State::Error).await;
    id
}

async fn left(database: &Database) -> Vec<String> {
    sqlx::query_scalar("select task_id::text from tasks order by task_id")
        .fetch_all(database.store.pool())
        .await
        .unwrap()
}

const ROWS: &str = "select (select count(*) from tasks) + (select count(*) from task_requests)
    + (select count(*) from transitions) + (select count(*) from step_inputs) + (select count(*) from task_annotations)";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_enough_goes_with_everything_and_nothing_else_does() {
    let mut world = world().await;
    let mut gone = Vec::new();
    for _ in 0..7 {
        let id = done(&mut world).await;
        gone.push(long_ago(&world, &id, 30).await);
    }
    let rich = world.create(order(r#"{"n": 1}"#)).await;
    let request = CreateAnnotationRequest {
        task_id: rich.clone(),
        annotation_type: "invoice".to_owned(),
        annotation_json: r#"{"n": 1}"#.to_owned(),
        request_id: "once".to_owned(),
    };
    world.client.tasks().create_annotation(request).await.unwrap();
    let step_id = world.step_id(&rich, "label").await;
    let request = UpdateStepRequest {
        step: Some(Step { step_id, inputs_json: "{}".to_owned(), ..Step::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["inputs_json".to_owned()] }),
        ..Default::default()
    };
    world.client.steps().update_step(request).await.unwrap();
    world.run(&rich).await;
    let rich = long_ago(&world, &rich, 30).await;
    let before = count(&world.database, ROWS).await;
    assert_eq!(
        round(&world.database, &settings(Action::Drop)).await,
        Round { looked_at: 8, removed: 8, is_whole: true }
    );
    assert!(before > 80);
    assert_eq!(count(&world.database, ROWS).await, 0, "nothing of {rich} is left behind");

    let young = done(&mut world).await;
    let fresh_failure = failed(&mut world).await;
    let fresh_failure = long_ago(&world, &fresh_failure, 30).await;
    let old_failure = failed(&mut world).await;
    let old_failure = long_ago(&world, &old_failure, 50).await;
    let unfinished = world.create(order(r#"{"n": 1}"#)).await;
    world.finish(&unfinished, "reserve").await;
    let unfinished = long_ago(&world, &unfinished, 1_000).await;
    let round = round(&world.database, &settings(Action::Drop)).await;
    assert_eq!(round.removed, 1, "the old failure");
    let left = left(&world.database).await;
    assert_eq!(left, [unfinished, fresh_failure, young], "{old_failure} is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_tasks_are_kept_whole_in_one_row() {
    let mut world = world().await;
    let id = done(&mut world).await;
    let id = long_ago(&world, &id, 30).await;
    let moves = count(&world.database, "select count(*) from transitions").await;
    assert_eq!(round(&world.database, &settings(Action::Archive)).await.removed, 1);
    assert_eq!(count(&world.database, ROWS).await, 0);
    let (found, document): (String, String) =
        sqlx::query_as("select task_id::text, document::text from archived_tasks where final_state = 2")
            .fetch_one(world.database.store.pool())
            .await
            .unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(found, id);
    assert_eq!(i64::try_from(document["transitions"].as_array().unwrap().len()).unwrap(), moves);
    // Payloads are the text that was sent.
    assert_eq!(document["request"]["context"], r#"{"n": 1}"#);
    assert_eq!(document["task"]["state"], 2);
    assert!(document["transitions"].as_array().unwrap().iter().any(|row| {
        let results = row["results"].as_str().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        results.is_some_and(|results| results["dispatch"] == true)
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_by_namespace_and_handler_hold() {
    let mut world = world().await;
    world.register("shop", "order", "1.0.0").await;
    let mut ids = Vec::new();
    for namespace in ["default", "shop"] {
        let id = world.create(order(r#"{"n": 1}"#)).await;
        world.run(&id).await;
        let id = long_ago(&world, &id, 30 + ids.len() as i64).await;
        sqlx::query(
            "update tasks set named_task_id = (select named_task_id from named_tasks join task_namespaces n
             using (task_namespace_id) where n.name = $2 limit 1) where task_id = $1::uuid",
        )
        .bind(&id)
        .bind(namespace)
        .execute(world.database.store.pool())
        .await
        .unwrap();
        ids.push(id);
    }
    let mut settings = settings(Action::Drop);
    settings.rules.add("shop", "never").unwrap();
    assert_eq!(round(&world.database, &settings).await.removed, 1);
    assert_eq!(left(&world.database).await, [ids[1].clone()]);
    settings.rules.add("shop.order", "12").unwrap();
    assert_eq!(round(&world.database, &settings).await.removed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_stream_passes_over_what_is_gone() {
    let mut world = world().await;
    let old = done(&mut world).await;
    let events = all(&world.client, everything()).await;
    let young = done(&mut world).await;
    let middle = events[events.len() / 2].cursor.clone();
    sqlx::query("update tasks set finished_at = finished_at - interval '30 hours' where task_id = $1::uuid")
        .bind(&old)
        .execute(world.database.store.pool())
        .await
        .unwrap();
    // Its id is young, so the ages are shortened instead of the id.
    let mut settings = settings(Action::Drop);
    settings.rules = Rules::new(Duration::from_secs(3_600), Duration::ZERO);
    let stop = CancellationToken::new();
    let work = Work { store: &world.database.store, server: Uuid::from_u128(7), settings: &settings, stop: &stop };
    eventually("no server is at it", async || work.take().await.unwrap().is_some()).await;
    let later = ready::clock(world.database.store.pool()).await.unwrap() + 3_700_000_000;
    sqlx::query("update tasks set finished_at = now() + interval '2 hours' where task_id = $1::uuid")
        .bind(&young)
        .execute(world.database.store.pool())
        .await
        .unwrap();
    assert_eq!(work.round(Uuid::nil(), later).await.unwrap().removed, 1);
    let rest = all(&world.client, crate::events::after(&middle)).await;
    assert!(!rest.is_empty() && rest.iter().all(|event| event.task_id == young), "{old} is passed over");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_do_it_by_themselves_one_at_a_time() {
    let keys = [("retention.max_age_hours", "24"), ("retention.interval_ms", "1000"), ("retention.busy_share", "1.0")];
    let mut world = world_with(&keys).await;
    let other = crate::harness::serve_with(&world.database, &keys).await;
    let id = done(&mut world).await;
    long_ago(&world, &id, 30).await;
    eventually("it is gone", async || left(&world.database).await.is_empty()).await;
    let removed = count(&world.database, "select removed from retention_progress").await;
    assert_eq!(removed, 1);
    other.stop().await;
    world.app.stop().await;
    let held = count(&world.database, "select count(*) from retention_progress where expires_at > now()").await;
    assert_eq!(held, 0, "who stops gives it up");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_rehearses_does_it_and_tells() {
    let mut world = world().await;
    let id = done(&mut world).await;
    long_ago(&world, &id, 30).await;
    let run = async |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
        command.args(["--output", "json", "retention"]).args(words).env("DATABASE_URL", world.database.url());
        let output = command.output().await.unwrap();
        let text = String::from_utf8(if output.status.success() { output.stdout } else { output.stderr }).unwrap();
        (output.status.success(), text)
    };
    let (well, text) = run(&["run"]).await;
    assert!(!well && text.contains("everything is kept for ever"), "{text}");
    let age = ["--set", "retention.max_age_hours=24"];
    let (_, text) = run(&[&["run", "--dry-run"], &age[..]].concat()).await;
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((found["would_remove"].as_i64(), found["by_handler"][0]["handler"].as_str()), (Some(1), Some("order")));
    assert_eq!(left(&world.database).await.len(), 1);
    let idle = "select count(*) from retention_progress where expires_at <= now()";
    eventually("no server is at it", async || count(&world.database, idle).await == 1).await;
    let (well, text) = run(&[&["run"], &age[..]].concat()).await;
    assert!(well && text.contains(r#""removed": 1"#), "{text}");
    assert_eq!(left(&world.database).await.len(), 0);
    let (_, text) = run(&["status"]).await;
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status["removed"].as_i64(), status["running_on"].is_null()), (Some(1), true), "{text}");
}
