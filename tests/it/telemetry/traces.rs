//! One trace from the client through two processes to the end of the task.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::{common::v1::any_value::Value, trace::v1::Span};
use tasker_sdk::{
    Client,
    proto::tasker::v1::{
        CreateTaskRequest, GetTaskRequest, Handler, NewTask, RegisterHandlersRequest, State, StepTemplate,
    },
};

use super::{
    collector::{Protocol, collector},
    process,
};
use crate::harness::{self, eventually, found};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The kind of a server's span.
const SERVER: i32 = 2;
const CLIENT: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_client_server_and_worker_over_grpc() {
    one_trace(Protocol::Grpc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_client_server_and_worker_over_http() {
    one_trace(Protocol::Http).await;
}

async fn one_trace(protocol: Protocol) {
    let database = harness::database().await;
    let collector = collector(protocol).await;
    let keys = [
        ("telemetry.otlp_endpoint", collector.endpoint.as_str()),
        ("telemetry.otlp_protocol", protocol.key()),
        ("telemetry.metrics_interval_ms", "0"),
        ("telemetry.trace_ratio", "0.0"),
        ("telemetry.filter_parameters", "[\"task_name\"]"),
        ("backoff.default_backoff_seconds", "[0]"),
    ];
    let server = process::start(&["serve", "--listen", "127.0.0.1:0"], &keys, Some(&database));
    let endpoint = server.endpoint().await;
    let worker = process::start(&["--endpoint", &endpoint, "worker", "--allow-commands"], &keys, None);
    let client = Client::builder(&endpoint).no_token().connect().await.unwrap();
    register(&client).await;
    let task_id = submit(&client).await;
    eventually("the task has failed", async || {
        let request = GetTaskRequest { task_id: task_id.clone(), ..GetTaskRequest::default() };
        client.tasks().get_task(request).await.unwrap().into_inner().task.unwrap().state() == State::Error
    })
    .await;
    // What has not been sent yet is sent at the end.
    worker.end().await;
    let lines = server.lines();
    server.end().await;

    let spans = found("the execution arrives", async || {
        let spans: Vec<Span> = collector.kept.spans().into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
        spans.iter().any(|span| span.name == "tasker.task.execution").then_some(spans)
    })
    .await;
    check(&spans, &task_id);
    assert!(!lines.is_empty() && lines.iter().all(|line| line["correlation_id"].is_string()), "{lines:?}");
}

/// `a` succeeds, then `b` fails twice.
async fn register(client: &Client) {
    let step = |name: &str, command: &str, after: &[&str]| StepTemplate {
        name: name.to_owned(),
        step_handler: "command".to_owned(),
        handler_config_json: format!(r#"{{"command": ["{command}"]}}"#),
        depends_on_steps: after.iter().map(|name| (*name).to_owned()).collect(),
        default_retry_limit: Some(2),
        ..StepTemplate::default()
    };
    let handler = Handler {
        name: "story".to_owned(),
        version: "1.0.0".to_owned(),
        step_templates: vec![step("a", "true", &[]), step("b", "false", &["a"])],
        ..Handler::default()
    };
    let request = RegisterHandlersRequest { handlers: vec![handler], ..Default::default() };
    client.handlers().register_handlers(request).await.unwrap();
}

async fn submit(client: &Client) -> String {
    let task = NewTask {
        handler: harness::handler_ref("", "story", ""),
        context_json: r#"{"n":1}"#.to_owned(),
        ..NewTask::default()
    };
    let mut request = tonic::Request::new(CreateTaskRequest { task: Some(task) });
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-{CLIENT}-01").parse().unwrap());
    request.metadata_mut().insert("x-correlation-id", "order-4711".parse().unwrap());
    client.tasks().create_task(request).await.unwrap().into_inner().task.unwrap().task_id
}

fn check(spans: &[Span], task_id: &str) {
    let tree: Vec<String> = spans
        .iter()
        .map(|span| format!("{} {} < {}", span.name, hex(&span.span_id), hex(&span.parent_span_id)))
        .collect();
    let tree = tree.join("\n");
    let ids: BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "each span once:\n{tree}");
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let one = |name: &str| {
        let found = named(name);
        assert_eq!(found.len(), 1, "one {name}:\n{tree}");
        found[0]
    };

    let call = spans
        .iter()
        .find(|span| span.name == "tasker.v1.TaskService/CreateTask" && hex(&span.parent_span_id) == CLIENT);
    let call = call.unwrap_or_else(|| panic!("the call is a child of the client's span:\n{tree}"));
    assert_eq!(call.kind, SERVER, "{call:?}");
    assert_eq!((text(call, "rpc.system"), text(call, "rpc.service")), ("grpc".into(), "tasker.v1.TaskService".into()));
    assert_eq!((text(call, "rpc.method"), number(call, "rpc.grpc.status_code")), ("CreateTask".into(), Some(0)));
    let execution = one("tasker.task.execution");
    assert_eq!(execution.parent_span_id, call.span_id, "{tree}");
    assert_eq!(one("tasker.task.initialize").parent_span_id, call.span_id, "{tree}");
    assert_eq!(text(execution, "tasker.task_id"), task_id);
    assert_eq!(text(execution, "tasker.correlation_id"), "order-4711");
    assert_eq!(text(execution, "tasker.task_name"), "[FILTERED]", "what is configured is hidden");
    assert_eq!(
        (text(execution, "tasker.total_steps"), text(execution, "tasker.failed_steps")),
        ("2".into(), "1".into())
    );
    assert!(
        execution.status.as_ref().is_some_and(|status| status.code == 2 && !status.message.is_empty()),
        "{execution:?}"
    );
    assert!(execution.events.iter().any(|event| event.name == "task.failed"), "{execution:?}");

    let attempts = named("tasker.step.execution");
    assert_eq!(attempts.len(), 3, "one attempt of a, two of b:\n{tree}");
    assert_eq!(named("tasker.step.queued").len(), 3, "{tree}");
    one("tasker.step.retry");
    let works = named("tasker.attempt");
    assert_eq!(works.len(), 3, "the worker's own spans:\n{tree}");
    for attempt in attempts {
        assert_eq!(attempt.parent_span_id, execution.span_id, "{tree}");
        assert!(attempt.start_time_unix_nano >= execution.start_time_unix_nano, "{tree}");
        assert!(attempt.end_time_unix_nano <= execution.end_time_unix_nano, "{tree}");
        let work = works.iter().find(|work| work.parent_span_id == attempt.span_id);
        let work = work.unwrap_or_else(|| panic!("the work of an attempt is its child:\n{tree}"));
        assert_eq!(attempt.links.len(), 1, "{attempt:?}");
        assert_eq!(attempt.links[0].span_id, work.span_id, "{tree}");
        assert!(attempt.end_time_unix_nano > attempt.start_time_unix_nano, "a real duration: {attempt:?}");
    }
}

fn text(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => panic!("{key} is {other:?} in {span:?}"),
    }
}

fn number(span: &Span, key: &str) -> Option<i64> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
