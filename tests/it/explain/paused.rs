//! Nothing of what is paused is claimed, and all of it moves at once when it is resumed.

use std::time::Duration;

use tasker::{
    domain::{run::Micros, state::State},
    store::pauses::PARKED_UNTIL,
};

use super::{ExplainClient, ScriptedWorker, asks, eager};
use crate::{
    harness::{eventually, everything},
    sim::{Worker, World, quick},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_goes_on_and_what_follows_waits() {
    let world = World::new().await;
    let handler = world.handler("a; b <- a").await;
    let server = world.server(eager());
    let explain = ExplainClient::of(&world, &server);
    let mut worker = ScriptedWorker::open(&server, 4).await;
    let task = server.submit(&handler).await;
    let step = worker.next().await;
    let name = &*handler.name;
    let pause = explain.handlers.pause(&everything(), "", Some(name), &asks("ops", "a look")).await.unwrap();
    assert_eq!(
        (&*pause.namespace, pause.handler.as_deref(), &*pause.requested_by, &*pause.reason),
        ("default", Some(name), "ops", "a look")
    );
    explain.says(task, "running | a running: leased, b waiting: parents paused").await;
    worker.finish(step).await;
    explain.says(task, "waiting | b waiting: paused").await;
    let new = server.submit(&handler).await;
    explain.says(new, "waiting | a waiting: paused, b waiting: parents paused").await;
    let again = explain.handlers.pause(&everything(), "", Some(name), &asks("else", "another")).await.unwrap();
    assert_eq!(again, pause, "it is paused already");
    assert_eq!(world.count("select count(*) from leases").await, 0);
    assert_eq!(world.count("select count(*) from ready_steps where visible_at > now() + interval '1 year'").await, 2);

    assert!(explain.handlers.resume(&everything(), "", Some(name), &asks("", "")).await.unwrap());
    assert!(!explain.handlers.resume(&everything(), "", Some(name), &asks("", "")).await.unwrap());
    explain.says(task, "running | b running: leased").await;
    explain.says(new, "running | a running: leased, b waiting: parents").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_waits_until_its_namespace_is_resumed_too() {
    let world = World::new().await;
    let handlers = [world.handler("a").await, world.handler("a").await];
    let server = world.server(eager());
    let explain = ExplainClient::of(&world, &server);
    let catalog = &explain.handlers;
    let _worker = ScriptedWorker::open(&server, 4).await;
    catalog.pause(&everything(), "default", None, &asks("", "")).await.unwrap();
    catalog.pause(&everything(), "default", Some(&handlers[0].name), &asks("", "")).await.unwrap();
    let tasks = [server.submit(&handlers[0]).await, server.submit(&handlers[1]).await];
    explain.says(tasks[0], "waiting | a waiting: paused paused").await;
    explain.says(tasks[1], "waiting | a waiting: paused").await;
    catalog.resume(&everything(), "default", None, &asks("", "")).await.unwrap();
    explain.says(tasks[1], "running | a running: leased").await;
    explain.says(tasks[0], "waiting | a waiting: paused").await;
    catalog.resume(&everything(), "default", Some(&handlers[0].name), &asks("", "")).await.unwrap();
    explain.says(tasks[0], "running | a running: leased").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_cannot_be_paused() {
    let world = World::new().await;
    world.handler("a").await;
    let server = world.server(eager());
    let catalog = ExplainClient::of(&world, &server).handlers;
    let check = async |namespace: &str, handler: Option<&str>, expected: (&str, Option<&str>)| {
        for error in [
            catalog.pause(&everything(), namespace, handler, &asks("", "")).await.unwrap_err(),
            catalog.resume(&everything(), namespace, handler, &asks("", "")).await.unwrap_err(),
        ] {
            let near = error.metadata().get("did_you_mean").map(String::as_str);
            assert_eq!((error.reason().label(), near), expected);
        }
    };
    check("defualt", None, ("NAMESPACE_UNKNOWN", Some("default"))).await;
    check("elsewhere", Some("handler_0"), ("NAMESPACE_UNKNOWN", None)).await;
    check("", Some("handler_"), ("HANDLER_UNKNOWN", Some("handler_0"))).await;
}

/// Under load on two servers: no attempt of the paused handler begins after both have heard, everything is done once.
async fn pause_under_load(hints: bool) {
    let world = World::new().await;
    let (paused, other) = (world.handler("a; b <- a; c <- b").await, world.handler("a; b <- a").await);
    let settings = tasker::engine::Settings { hints, ..quick() };
    let (first, second) = (world.server(settings.clone()), world.server(settings));
    let clients = [ExplainClient::of(&world, &first), ExplainClient::of(&world, &second)];
    let _workers = [Worker::start(&first, 8), Worker::start(&second, 8)];
    first.submit_many(&paused, 150).await;
    second.submit_many(&paused, 150).await;
    eventually("some are under way", async || world.count("select count(*) from leases").await > 0).await;

    clients[0].handlers.pause(&everything(), "default", Some(&paused.name), &asks("", "")).await.unwrap();
    let servers = [&first, &second];
    eventually("both have heard", async || {
        servers.iter().all(|server| server.engine.pauses().heard().is_some_and(|paused| !paused.all().is_empty()))
    })
    .await;
    let heard: Micros = first.engine.clock().now().max(second.engine.clock().now());
    second.submit_many(&paused, 20).await;
    first.submit_many(&other, 50).await;
    world.until(State::Complete, 50 + usize::try_from(done(&world, paused.id).await).unwrap()).await;
    eventually("what ran has ended", async || world.count("select count(*) from leases").await == 0).await;
    let begun: i64 = sqlx::query_scalar(
        "select count(*) from transitions m join tasks t using (task_id)
         where t.named_task_id = $1 and m.to_state = 1 and m.step_no is not null
           and m.at > to_timestamp($2::float8 / 1e6)",
    )
    .bind(paused.id)
    .bind(heard as f64)
    .fetch_one(world.store.pool())
    .await
    .unwrap();
    assert_eq!(begun, 0, "nothing of it was begun after both had heard");
    assert!(done(&world, paused.id).await < 320, "the pause came in the middle");

    clients[1].handlers.resume(&everything(), "default", Some(&paused.name), &asks("", "")).await.unwrap();
    world.until(State::Complete, 320 + 50).await;
    world.check().await;
    assert_eq!(world.count("select count(*) from transitions where metadata::jsonb ? 'error_class'").await, 0);
}

async fn done(world: &World, handler: i32) -> i64 {
    let question = "select count(*) from tasks where named_task_id = $1 and state = 2";
    sqlx::query_scalar(question).bind(handler).fetch_one(world.store.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_obey_a_pause() {
    pause_under_load(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_no_hint_reaches_hears_of_a_pause_too() {
    pause_under_load(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_and_forgotten_comes_back() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(quick());
    let task = server.submit(&handler).await;
    // As if a server had died between the end of a pause and bringing its steps back.
    let parked = sqlx::query("update ready_steps set visible_at = to_timestamp($1::float8 / 1e6)");
    assert_eq!(parked.bind(PARKED_UNTIL as f64).execute(world.store.pool()).await.unwrap().rows_affected(), 1);
    let _worker = Worker::start(&server, 1);
    world.until(State::Complete, 1).await;
    assert_eq!(world.attempts(task.step(0)).await, ["complete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_obeys_pauses_from_the_beginning() {
    let world = World::new().await;
    let handler = world.handler("a").await;
    let server = world.server(eager());
    let explain = ExplainClient::of(&world, &server);
    explain.handlers.pause(&everything(), "default", Some(&handler.name), &asks("", "")).await.unwrap();
    server.submit_many(&handler, 5).await;
    server.kill();
    let next = world.server(eager());
    let mut worker = ScriptedWorker::open(&next, 5).await;
    let explain = ExplainClient::of(&world, &next);
    let task = next.submit(&handler).await;
    explain.says(task, "waiting | a waiting: paused").await;
    assert_eq!(world.count("select count(*) from transitions where to_state = 1").await, 0);
    explain.handlers.resume(&everything(), "default", Some(&handler.name), &asks("", "")).await.unwrap();
    for _ in 0..5 {
        let step = worker.next().await;
        worker.finish(step).await;
    }
    let step = tokio::time::timeout(Duration::from_secs(20), worker.next()).await.unwrap();
    worker.finish(step).await;
    world.until(State::Complete, 6).await;
}
