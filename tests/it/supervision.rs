//! Every long-lived loop of a server is started again when it fails, and nobody is left to guess.

use std::collections::BTreeSet;

use serde_json::Value;
use tasker::app::App;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    harness::{self, connect, eventually, serving, within},
    worker::world::{start, world_with},
};

const KEYS: &[(&str, &str)] = &[
    ("http.listen", "127.0.0.1:0"),
    ("health.interval_ms", "50"),
    ("telemetry.otlp_endpoint", "http://127.0.0.1:9"),
    ("supervision.restart_ms", "10"),
];

/// The loops of every server; a replica and a publisher of events add theirs.
const LOOPS: &[&str] = &[
    "dispatcher",
    "event_follower",
    "http",
    "keep_alive",
    "lane_0",
    "lane_1",
    "listener",
    "metrics_push",
    "notifier",
    "readiness",
    "readiness_teller",
    "retention",
    "retries",
    "status",
    "sweeper",
];

fn failures(app: &App, name: &str) -> u64 {
    app.metrics().loop_failures.with([name, "panicked"]).get()
}

fn is_running(app: &App, name: &str) -> bool {
    app.engine().supervisor().states().iter().any(|state| &*state.name == name && state.is_running)
}

async fn readiness(app: &App) -> Value {
    let mut stream = TcpStream::connect(app.http().unwrap()).await.unwrap();
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: tasker\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_loop_that_panics_runs_again_and_the_server_works_on() {
    let mut world = world_with(KEYS, "a; b < a").await;
    let app = world.server.take().unwrap();
    let (worker, running) = start(world.worker(async |_| Ok(())));
    let names: BTreeSet<String> =
        app.engine().supervisor().states().iter().map(|state| state.name.to_string()).collect();
    assert_eq!(names, LOOPS.iter().map(|name| (*name).to_owned()).collect());
    for name in &names {
        assert_eq!(failures(&app, name), 0, "{name}");
        assert!(app.engine().supervisor().inject_panic(name), "{name}");
        eventually(&format!("{name} runs again"), async || failures(&app, name) == 1 && is_running(&app, name)).await;
    }
    let task = world.create().await;
    world.settles(&task, "complete").await;
    eventually("the server is ready", async || readiness(&app).await["ready"] == true).await;
    let states = app.engine().supervisor().states();
    assert!(states.iter().all(|state| state.problem.as_deref() == Some("panicked: injected by a test")), "{states:?}");
    worker.drain();
    within("the drain", running).await.unwrap().unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_is_down_is_named_and_the_server_is_not_ready() {
    let keys = [KEYS, &[("supervision.restart_ms", "60000"), ("supervision.restart_max_ms", "60000")]].concat();
    let database = harness::database().await;
    let app = harness::serve_with(&database, &keys).await;
    let channel = connect(&app).await;
    eventually("the server is ready", async || readiness(&app).await["ready"] == true).await;
    assert!(app.engine().supervisor().inject_panic("keep_alive"));
    eventually("the server is not ready", async || !serving(&channel).await).await;
    let body = readiness(&app).await;
    assert_eq!(body["ready"], false, "{body}");
    assert_eq!(body["checks"]["loops"]["status"], "unhealthy", "{body}");
    assert_eq!(body["checks"]["loops"]["message"], "keep_alive panicked: injected by a test", "{body}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_fails_too_often_ends_the_server_with_a_reason() {
    let keys = [KEYS, &[("supervision.failures_max", "2")]].concat();
    let database = harness::database().await;
    let mut app = harness::serve_with(&database, &keys).await;
    for failure in 1..=2 {
        eventually("the dispatcher runs", async || is_running(&app, "dispatcher")).await;
        assert!(app.engine().supervisor().inject_panic("dispatcher"));
        eventually("it fails", async || failures(&app, "dispatcher") == failure).await;
    }
    let error = within("the end", app.failed()).await;
    let expected = "loop dispatcher failed 2 times in a row, the last time it panicked: injected by a test";
    assert_eq!(error.to_string(), expected);
    app.stop().await;
}
