//! Servers that share a database, that are killed, and that stop: no work is lost, no result counts twice.

use std::{process::Stdio, sync::Arc, time::Duration};

use serde_json::Value;
use tasker::app::App;
use tasker_sdk::{
    Client, StepContext, Worker,
    proto::tasker::v1::{
        BatchCreateTasksRequest, Handler, NewTask, RegisterHandlersRequest, StepTemplate,
        batch_create_tasks_outcome::Outcome,
    },
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::{Notify, mpsc},
};

use crate::harness::{self, Database, eventually, within};

const STEP_HANDLER: &str = "Work";

/// Short leases, so that others soon take over.
pub const IMPATIENT: &[(&str, &str)] =
    &[("sessions.lease_ttl_ms", "1000"), ("sessions.heartbeat_ms", "200"), ("sweeper.interval_ms", "100")];

/// A server in a process of its own, which can be killed.
pub struct Process {
    pub child: Child,
    pub endpoint: String,
}

pub async fn process(database: &Database) -> Process {
    process_with(database, IMPATIENT).await
}

/// A server with these keys of the configuration set.
pub async fn process_with(database: &Database, keys: &[(&str, &str)]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--set", "telemetry.log_format=json"]);
    for (key, value) in keys {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    command.env("DATABASE_URL", database.url()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let endpoint = within("a server serves", async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says where it serves");
            let line: Value = serde_json::from_str(&line).unwrap();
            if let Some(endpoint) = line["endpoint"].as_str() {
                return endpoint.to_owned();
            }
        }
    })
    .await;
    // What it says from now on is of no interest, but must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Process { child, endpoint }
}

pub async fn client(endpoint: &str) -> Client {
    Client::builder(endpoint).no_token().connect().await.unwrap()
}

/// Registers a handler with these steps, each named with its parents, and creates tasks of it.
pub async fn submit(client: &Client, steps: &[(&str, &[&str])], tasks: usize) {
    let step = |(name, parents): &(&str, &[&str])| StepTemplate {
        name: (*name).to_owned(),
        step_handler: STEP_HANDLER.to_owned(),
        depends_on_steps: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        default_retry_limit: Some(10),
        ..StepTemplate::default()
    };
    let handler = Handler {
        name: "story".to_owned(),
        version: "1.0.0".to_owned(),
        step_templates: steps.iter().map(step).collect(),
        ..Handler::default()
    };
    let request = RegisterHandlersRequest { handlers: vec![handler], ..Default::default() };
    client.handlers().register_handlers(request).await.unwrap();
    let task = NewTask {
        handler: harness::handler_ref("", "story", ""),
        context_json: r#"{"n":1}"#.to_owned(),
        ..Default::default()
    };
    let request = BatchCreateTasksRequest { tasks: vec![task; tasks] };
    let outcomes = client.tasks().batch_create_tasks(request).await.unwrap().into_inner().outcomes;
    assert_eq!(outcomes.len(), tasks);
    let refused = outcomes.iter().find(|one| !matches!(one.outcome, Some(Outcome::Task(_))));
    assert!(refused.is_none(), "{refused:?}");
}

/// A worker that does nothing, on the server.
pub fn worker(endpoint: &str) -> Worker {
    let client = Client::builder(endpoint).no_token().connect_lazy().unwrap();
    Worker::with_client(client).slots(20).step(STEP_HANDLER, async |_: StepContext| Ok(())).build().unwrap()
}

pub async fn count(database: &Database, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(database.store.pool()).await.unwrap()
}

const COMPLETE: &str = "select count(*) from tasks where state = 2";
const STEPS_COMPLETE: &str = "select count(*) from transitions where step_no is not null and to_state = 2";
const SETTLED_TWICE: &str = "select count(*) from (
    select from transitions where step_no is not null and to_state in (2, 3)
    group by task_id, step_no, attempt having count(*) > 1) as twice";

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_servers_and_one_of_the_workers_are_killed_and_every_step_is_done_once() {
    const TASKS: usize = 500;
    let database = harness::database().await;
    let (mut one, two) = (process(&database).await, process(&database).await);
    let workers = [&one.endpoint, &one.endpoint, &two.endpoint, &two.endpoint].map(|endpoint| worker(endpoint));
    let handles = workers.each_ref().map(Worker::handle);
    let running: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.run())).collect();
    submit(&client(&two.endpoint).await, &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])], TASKS).await;

    eventually("work is under way", async || count(&database, STEPS_COMPLETE).await > 100).await;
    one.child.kill().await.unwrap();
    handles[2].stop();
    assert!(count(&database, COMPLETE).await < 500, "the kill came in the middle");

    eventually("all tasks are complete", async || count(&database, COMPLETE).await == 500).await;
    assert_eq!(count(&database, STEPS_COMPLETE).await, 4 * 500);
    assert_eq!(count(&database, SETTLED_TWICE).await, 0);
    assert_eq!(count(&database, "select count(*) from leases").await, 0);
    running.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_ends_in_time_and_costs_no_attempt() {
    const TASKS: usize = 500;
    let database = harness::database().await;
    let (mut one, two) = (process_with(&database, &[]).await, process_with(&database, &[]).await);
    let workers = [&one.endpoint, &one.endpoint, &two.endpoint].map(|endpoint| worker(endpoint));
    let running: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.run())).collect();
    submit(&client(&two.endpoint).await, &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])], TASKS).await;

    eventually("work is under way", async || count(&database, STEPS_COMPLETE).await > 100).await;
    let pid = one.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = within("the end", one.child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(count(&database, COMPLETE).await < 500, "the stop came in the middle");

    eventually("all tasks are complete", async || count(&database, COMPLETE).await == 500).await;
    assert_eq!(count(&database, STEPS_COMPLETE).await, 4 * 500);
    assert_eq!(count(&database, "select count(*) from transitions where attempt > 1").await, 0);
    assert_eq!(count(&database, "select count(*) from leases").await, 0);
    running.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A worker whose step says that it has begun, and ends when it is told.
async fn slow_worker(app: &App) -> (mpsc::UnboundedReceiver<()>, Arc<Notify>, tasker_sdk::WorkerHandle) {
    let (begun, begins) = mpsc::unbounded_channel();
    let gate = Arc::new(Notify::new());
    let handler = {
        let gate = gate.clone();
        move |_: StepContext| {
            let (begun, gate) = (begun.clone(), gate.clone());
            async move {
                begun.send(()).unwrap();
                gate.notified().await;
                Ok(())
            }
        }
    };
    let client = Client::builder(app.endpoint()).no_token().connect_lazy().unwrap();
    let worker = Worker::with_client(client).step(STEP_HANDLER, handler).build().unwrap();
    let handle = worker.handle();
    tokio::spawn(worker.run());
    (begins, gate, handle)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_what_workers_run() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, &[("server.drain_grace_ms", "600000")]).await;
    let (mut begins, gate, _worker) = slow_worker(&app).await;
    submit(&client(app.endpoint()).await, &[("a", &[]), ("b", &["a"])], 1).await;
    within("the step begins", begins.recv()).await.unwrap();

    let health = harness::connect(&app).await;
    let stopping = tokio::spawn(app.stop());
    eventually("it says that it does not serve", async || !harness::serving(&health).await).await;
    assert!(!stopping.is_finished());
    gate.notify_one();
    within("the stop", stopping).await.unwrap();
    assert_eq!(count(&database, STEPS_COMPLETE).await, 1, "what ran is kept");
    assert!(begins.try_recv().is_err(), "nothing more was begun");
    assert_eq!(count(&database, "select count(*) from leases").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_bounded_and_the_next_server_does_the_work() {
    let database = harness::database().await;
    let keys = [&[("server.drain_grace_ms", "200")], IMPATIENT].concat();
    let app = harness::serve_with(&database, &keys).await;
    let (mut begins, _gate, hanging) = slow_worker(&app).await;
    submit(&client(app.endpoint()).await, &[("a", &[])], 1).await;
    within("the step begins", begins.recv()).await.unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(10), app.stop()).await;
    assert!(stopped.is_ok(), "a step that never ends holds up the stop");
    hanging.stop();

    let app = harness::serve_with(&database, &keys).await;
    let running = tokio::spawn(worker(app.endpoint()).run());
    eventually("the task is complete", async || count(&database, COMPLETE).await == 1).await;
    assert_eq!(count(&database, SETTLED_TWICE).await, 0);
    running.abort();
    app.stop().await;
}
