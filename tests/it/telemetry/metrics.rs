//! One story, counted: every number is known beforehand.

use std::collections::BTreeSet;

use tasker::telemetry::metrics::{DEFINITIONS, text};
use tasker_sdk::{
    StepContext, StepError,
    proto::tasker::v1::{GetTaskGraphRequest, GetTaskRequest},
};

use super::collector::{Protocol, collector};
use crate::{
    harness::eventually,
    worker::world::{World, start, world_with},
};

/// The sum of all series of a metric whose labels contain a text.
fn total(world: &World, name: &str, labels: &str) -> f64 {
    let text = text::render(world.server.as_ref().unwrap().metrics());
    let lines = text.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
    });
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// Tasks of `a`, then `b`; the first attempt of each `b` fails.
async fn story(world: &World, tasks: usize) {
    let worker = world.worker(async |context: StepContext| {
        if context.step_name() == "b" && context.attempt() == 1 {
            return Err(StepError::retryable("not yet").retry_after(std::time::Duration::ZERO));
        }
        Ok(())
    });
    let (handle, running) = start(worker);
    for _ in 0..tasks {
        world.create().await;
    }
    eventually("all are done", async || total(world, "tasker_tasks_finished_total", "") == tasks as f64).await;
    handle.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_happens_is_counted_once() {
    let world = world_with(&[], "a; b < a").await;
    story(&world, 5).await;
    let check = |name: &str, labels: &str, expected: f64| {
        assert_eq!(total(&world, name, labels), expected, "{name} with {labels}");
    };
    check("tasker_tasks_created_total", r#"namespace="default",handler="work""#, 5.0);
    check("tasker_tasks_finished_total", r#"state="complete""#, 5.0);
    check("tasker_task_duration_seconds_count", "", 5.0);
    check("tasker_steps_finished_total", r#"step="a",state="complete""#, 5.0);
    check("tasker_steps_finished_total", r#"step="b",state="complete""#, 5.0);
    check("tasker_step_duration_seconds_count", "", 10.0);
    check("tasker_attempts_started_total", r#"step="a""#, 5.0);
    check("tasker_attempts_started_total", r#"step="b""#, 10.0);
    check("tasker_attempts_finished_total", r#"outcome="completed""#, 10.0);
    check("tasker_attempts_finished_total", r#"outcome="failed""#, 5.0);
    check("tasker_attempt_duration_seconds_count", "", 15.0);
    check("tasker_retries_total", r#"step="b""#, 5.0);
    check("tasker_backoff_seconds_count", "", 5.0);
    check("tasker_results_total", r#"outcome="accepted""#, 15.0);
    check("tasker_claims_total", "", 15.0);
    check("tasker_sessions_opened_total", r#"kind="new""#, 1.0);
    check("tasker_writer_refusals_total", "", 0.0);
    check("tasker_rpc_duration_seconds_count", r#"method="tasker.v1.TaskService/CreateTask",code="OK""#, 5.0);
    let dispatched = total(&world, "tasker_claims_total", r#"path="dispatched""#);
    check("tasker_queue_wait_seconds_count", "", dispatched);
    assert!(total(&world, "tasker_writer_batch_items_sum", "") >= 20.0, "5 creations and 15 results");
    assert!(total(&world, "tasker_writer_commits_total", r#"outcome="committed""#) >= 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_measured_by_method_and_code() {
    let world = world_with(&[], "a").await;
    let unknown = GetTaskRequest { task_id: "no id".to_owned(), ..GetTaskRequest::default() };
    world.client.tasks().get_task(unknown).await.unwrap_err();
    let mut grpc = tonic::client::Grpc::new(crate::harness::connect(world.server.as_ref().unwrap()).await);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = "/tasker.v1.TaskService/Nothing".parse().unwrap();
    grpc.unary(tonic::Request::new(()), path, codec).await.unwrap_err();
    eventually("both are measured", async || {
        let count = |labels| total(&world, "tasker_rpc_duration_seconds_count", labels);
        count(r#"method="tasker.v1.TaskService/GetTask",code="INVALID_ARGUMENT""#) == 1.0
            && count(r#"method="other",code="UNIMPLEMENTED""#) == 1.0
    })
    .await;
    eventually("nothing is open", async || total(&world, "tasker_rpc_in_flight", "") == 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_memory_knew_is_a_hit() {
    let world = world_with(&[], "a").await;
    let looks =
        |outcome: &str| total(&world, "tasker_cache_requests_total", &format!(r#"cache="graph",outcome="{outcome}""#));
    let task_id = world.create().await;
    let request = GetTaskGraphRequest { task_id, ..GetTaskGraphRequest::default() };
    for (hits, misses) in [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)] {
        world.client.graphs().get_task_graph(request.clone()).await.unwrap();
        assert_eq!((looks("hit"), looks("miss")), (hits, misses));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_sent_the_same_over_grpc() {
    sent_the_same(Protocol::Grpc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_sent_the_same_over_http() {
    sent_the_same(Protocol::Http).await;
}

async fn sent_the_same(protocol: Protocol) {
    let collector = collector(protocol).await;
    let keys = [
        ("telemetry.otlp_endpoint", collector.endpoint.as_str()),
        ("telemetry.otlp_protocol", protocol.key()),
        ("telemetry.metrics_interval_ms", "50"),
    ];
    let world = world_with(&keys, "a; b < a").await;
    story(&world, 2).await;
    let kept = &collector.kept;
    eventually("the collector knows", async || kept.total("tasker_tasks_finished_total") == 2.0).await;
    assert_eq!(kept.total("tasker_attempts_finished_total"), 6.0);
    assert_eq!(kept.total("tasker_attempt_duration_seconds"), 6.0);
    assert!(kept.spans().is_empty(), "only metrics were asked for");
    let known: BTreeSet<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
    let sent = kept.metrics();
    assert!(sent.iter().all(|name| known.contains(name.as_str())), "{sent:?}");
}
