//! Analyses that servers share through Redis, and what happens without it.

use std::time::Instant;

use tasker::app::App;
use tasker_sdk::proto::tasker::v1::{GetTaskGraphRequest, TaskGraph};

use super::world::{client, order, world_with};
use crate::harness::{self, Redis, eventually};

async fn graph(app: &App, task_id: &str) -> TaskGraph {
    let request = GetTaskGraphRequest { task_id: task_id.to_owned(), sections: vec![] };
    client(app).await.graphs().get_task_graph(request).await.unwrap().into_inner().graph.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_share_analyses_and_live_without_it() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let keys = [("cache.backend", "redis"), ("cache.redis_url", url.as_str()), ("cache.redis_pause_ms", "100")];
    let mut world = world_with(&keys).await;
    let other = harness::serve_with(&world.database, &keys).await;
    let id = world.create(order(r#"{"n": 1}"#)).await;

    let made = graph(&world.app, &id).await;
    eventually("it is shared", async || redis.stat("total_commands_processed").await > 0 && keys_in(&redis).await == 1)
        .await;
    assert_eq!(redis.stat("keyspace_hits").await, 0);
    let shared = graph(&other, &id).await;
    assert_eq!(redis.stat("keyspace_hits").await, 1, "the other server takes what the first has found");
    assert_eq!(shared, made);
    let again = graph(&other, &id).await;
    assert_eq!((redis.stat("keyspace_hits").await, again.revision), (1, 1), "and remembers it by itself");

    // What has moved is analysed anew: nothing is ever out of date.
    world.finish(&id, "reserve").await;
    let moved = graph(&other, &id).await;
    assert!(moved.revision > made.revision);
    assert_eq!(moved.parallelism_opportunities.unwrap().current_parallel_opportunities, 2);

    // It goes away: answers go on, and soon.
    redis.stop();
    world.finish(&id, "charge").await;
    let began = Instant::now();
    for app in [&world.app, &other] {
        let graph = graph(app, &id).await;
        assert_eq!(graph.completion_percentage, 50.0);
    }
    assert!(began.elapsed().as_millis() < 2_000, "{:?}", began.elapsed());

    // It comes back, empty: after the pause it is used again.
    redis.restart().await;
    let mut n = 1;
    eventually("it is used again", async || {
        n += 1;
        let fresh = world.create(order(&format!("{{\"n\": {n}}}"))).await;
        // Step states that no server has seen: another number of attempts.
        let _ = (graph(&world.app, &fresh).await, limit(&world, &fresh, n).await, graph(&world.app, &fresh).await);
        keys_in(&redis).await > 0
    })
    .await;
    other.stop().await;
}

/// Gives a step another limit of attempts.
async fn limit(world: &super::world::World, task_id: &str, n: i32) {
    use tasker_sdk::proto::tasker::v1::UpdateStepRequest;
    let step_id = world.step_id(task_id, "dispatch").await;
    let request = UpdateStepRequest {
        step: Some(tasker_sdk::proto::tasker::v1::Step { step_id, retry_limit: n + 10, ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["retry_limit".to_owned()] }),
        ..UpdateStepRequest::default()
    };
    world.client.steps().update_step(request).await.unwrap();
}

async fn keys_in(redis: &Redis) -> usize {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("DBSIZE").query_async(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_is_checked() {
    let redis = Redis::start().await;
    let url = redis.url();
    let keys = [("cache.backend", "redis"), ("cache.redis_url", url.as_str())];
    let world = world_with(&keys).await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let made = graph(&world.app, &id).await;
    eventually("it is shared", async || keys_in(&redis).await == 1).await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let names: Vec<String> = redis::cmd("KEYS").arg("tasker:graph:*").query_async(&mut connection).await.unwrap();
    for nonsense in ["", "{}", "not JSON", "[1,2,3]"] {
        let () = redis::cmd("SET").arg(&names[0]).arg(nonsense).query_async(&mut connection).await.unwrap();
        let fresh = harness::serve_with(&world.database, &keys).await;
        let found = graph(&fresh, &id).await;
        assert_eq!(found, made, "{nonsense}");
        fresh.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_never_there_holds_nobody_up() {
    let keys =
        [("cache.backend", "redis"), ("cache.redis_url", "redis://127.0.0.1:1"), ("cache.redis_pause_ms", "60000")];
    let world = world_with(&keys).await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    assert_eq!(graph(&world.app, &id).await.revision, 1);
}
