//! Workers of the Rust SDK against the server: what survives a lost wire, a lost worker, a stop and a drain.

mod proxy;
pub mod world;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tasker::worker::Options;
use tasker_sdk::{
    StepContext, StepError,
    proto::tasker::{
        v1::StepTemplate,
        worker::v1::{
            AckOutcome, ClaimStepsRequest, Offer, ReportResultsRequest, StepResult, Success, offer::Target,
            step_result::Outcome,
        },
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Notify, Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use crate::harness::{eventually, within};
use proxy::wire;
use world::{IMPATIENT, STEP_HANDLER, start, worker_at, world, world_with};

const CHAIN: &str = "a; b < a; c < b";
const DIAMOND: &str = "a; b < a; c < a; d < b c";
const ONE: &str = "a";

/// A handler that waits at a gate, and says who has come to it.
fn gated() -> (Arc<Semaphore>, mpsc::UnboundedReceiver<StepContext>, impl Fn(StepContext) -> Waiting + Send + Sync) {
    let gate = Arc::new(Semaphore::new(0));
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let handler = {
        let gate = gate.clone();
        move |ctx: StepContext| -> Waiting {
            let (gate, arrived) = (gate.clone(), arrived.clone());
            Box::pin(async move {
                let attempt = ctx.attempt();
                arrived.send(ctx).unwrap();
                gate.acquire().await?.forget();
                Ok(json!({ "attempt": attempt }))
            })
        }
    };
    (gate, arrivals, handler)
}

type Waiting = std::pin::Pin<Box<dyn Future<Output = Result<Value, StepError>> + Send>>;

#[tokio::test(flavor = "multi_thread")]
async fn children_see_what_their_parents_produced() {
    let world = world(DIAMOND).await;
    let (worker, running) = start(world.worker(async |ctx: StepContext| {
        let parents: BTreeMap<String, Value> = ctx.dependencies().await?;
        let sum: i64 = parents.values().filter_map(|result| result["sum"].as_i64()).sum();
        let inputs: Value = ctx.inputs()?;
        Ok(json!({ "sum": sum + inputs["n"].as_i64().unwrap_or_default() }))
    }));
    let task = world.create().await;
    world.settles(&task, "complete").await;
    assert_eq!(world.results(&task, 3).await, json!({ "sum": 7 + 2 * 14 }));
    worker.drain();
    within("the drain", running).await.unwrap().unwrap();
    assert_eq!(world.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_chains_run_through_one_stream() {
    let world = world(CHAIN).await;
    let (_worker, running) = start(world.worker(async |_| Ok(())).slots(200));
    for _ in 0..1_000 {
        world.create().await;
    }
    eventually("all complete", async || world.count("select count(*) from tasks where state = 2").await == 1_000).await;
    assert_eq!(world.count("select count(*) from leases").await, 0);
    assert_eq!(world.count("select count(*) from transitions where step_no is not null and to_state = 2").await, 3_000);
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_wire_costs_no_attempt() {
    let world = world(CHAIN).await;
    let wire = wire(&world.endpoint).await;
    let (gate, mut arrivals, handler) = gated();
    let (_worker, running) = start(worker_at(&wire.endpoint).step(STEP_HANDLER, handler));
    let (one, two) = (world.create().await, world.create().await);
    for _ in 0..2 {
        within("an attempt", arrivals.recv()).await.unwrap();
    }
    wire.cut();
    // One attempt ends while the worker is unavailable, the other when it is back.
    gate.add_permits(1);
    eventually("an attempt ended", async || gate.available_permits() == 0).await;
    wire.fix();
    gate.add_permits(5);
    for task in [one, two] {
        world.settles(&task, "complete").await;
        for step_no in 0..3 {
            assert_eq!(world.trail(&task, step_no).await, "1 in_progress, 1 complete");
        }
    }
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_worker_is_replaced_within_its_lease() {
    let world = world_with(IMPATIENT, ONE).await;
    let (_gate, mut arrivals, handler) = gated();
    let (crashing, running) = start(world.worker(handler));
    let task = world.create().await;
    within("the first attempt", arrivals.recv()).await.unwrap();
    crashing.stop();
    within("the crash", running).await.unwrap().unwrap();
    let (_worker, running) = start(world.worker(async |ctx: StepContext| Ok(ctx.attempt())));
    world.settles(&task, "complete").await;
    assert_eq!(world.results(&task, 0).await, json!(2));
    assert!(world.trail(&task, 0).await.contains("1 error LeaseExpired"), "{}", world.trail(&task, 0).await);
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_unavailable_for_too_long_stops_what_it_has_lost() {
    let world = world_with(IMPATIENT, ONE).await;
    let wire = wire(&world.endpoint).await;
    let (gate, mut arrivals, handler) = gated();
    let (_worker, running) = start(worker_at(&wire.endpoint).step(STEP_HANDLER, handler));
    let task = world.create().await;
    let first = within("the first attempt", arrivals.recv()).await.unwrap();
    wire.cut();
    eventually("the lease runs out", async || world.trail(&task, 0).await.contains("LeaseExpired")).await;
    wire.fix();
    within("the first attempt is told", first.cancelled()).await;
    let second = within("the second attempt", arrivals.recv()).await.unwrap();
    assert!(second.lease_token() > first.lease_token());
    gate.add_permits(2);
    world.settles(&task, "complete").await;
    assert_eq!(world.results(&task, 0).await, json!({ "attempt": 2 }));
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_result_of_an_attempt_counts() {
    let world = world(ONE).await;
    let mut service = world.client.workers();
    let task = world.create().await;
    let offers = vec![Offer { target: Some(Target::StepHandler(STEP_HANDLER.into())), ..Default::default() }];
    let claim = ClaimStepsRequest { worker_id: "w".into(), offers, max_steps: 1, ..Default::default() };
    let claimed = service.claim_steps(claim).await.unwrap().into_inner();
    let [assignment] = &claimed.assignments[..] else { panic!("one step: {claimed:?}") };
    let mut check = async |session_id: &str, lease_token: i64, json: &str, expected: AckOutcome| {
        let success = Success { results_json: Some(json.to_owned()) };
        let result = StepResult {
            step_id: assignment.step_id.clone(),
            lease_token,
            outcome: Some(Outcome::Success(success)),
            ..StepResult::default()
        };
        let request = ReportResultsRequest { session_id: session_id.to_owned(), results: vec![result] };
        let acks = service.report_results(request).await.unwrap().into_inner().acks;
        assert_eq!(acks[0].outcome(), expected, "{acks:?}");
    };
    let (session, token) = (claimed.session_id.as_str(), assignment.lease_token);
    check(session, token + 1, "1", AckOutcome::Stale).await;
    check(session, token, "1", AckOutcome::Accepted).await;
    check(session, token, "2", AckOutcome::Stale).await;
    world.settles(&task, "complete").await;
    assert_eq!(world.results(&task, 0).await, json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_worker_finishes_what_it_has_and_takes_no_more() {
    let world = world(CHAIN).await;
    let (gate, mut arrivals, handler) = gated();
    let (worker, running) = start(world.worker(handler).slots(1));
    let task = world.create().await;
    within("an attempt", arrivals.recv()).await.unwrap();
    worker.drain();
    eventually("the server knows", async || world.count("select count(*) from sessions where draining").await == 1)
        .await;
    gate.add_permits(10);
    within("the drain", running).await.unwrap().unwrap();
    assert_eq!(world.trail(&task, 0).await, "1 in_progress, 1 complete");
    assert_eq!(world.trail(&task, 1).await, "");
    assert_eq!(world.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_ever() {
    let world = world(ONE).await;
    let (_gate, mut arrivals, handler) = gated();
    let (worker, running) =
        start(world.worker(handler).drain_grace(Duration::from_millis(50)).stop_grace(Duration::ZERO));
    let task = world.create().await;
    let attempt = within("an attempt", arrivals.recv()).await.unwrap();
    worker.drain();
    within("the drain", running).await.unwrap().unwrap();
    assert!(attempt.is_cancelled());
    assert_eq!(world.trail(&task, 0).await, "1 in_progress, 1 pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_stops_its_attempts_and_frees_their_slot() {
    let world = world(ONE).await;
    let (gate, mut arrivals, handler) = gated();
    let (_worker, running) = start(world.worker(handler).slots(1).stop_grace(Duration::ZERO));
    let task = world.create().await;
    let attempt = within("an attempt", arrivals.recv()).await.unwrap();
    world.cancel(&task).await;
    within("the attempt is told", attempt.cancelled()).await;
    let next = world.create().await;
    within("the next attempt", arrivals.recv()).await.unwrap();
    gate.add_permits(2);
    world.settles(&next, "complete").await;
    world.settles(&task, "cancelled").await;
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_say_whether_to_try_again() {
    let keys = [("backoff.default_backoff_seconds", "[0]"), ("backoff.jitter_enabled", "false")];
    let world = world_with(&keys, ONE).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let (_worker, running) = start(world.worker({
        let calls = calls.clone();
        move |_| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                match call {
                    0 => Err(StepError::retryable("busy").class("Busy").retry_after(Duration::from_millis(10))),
                    1 => panic!("a defect"),
                    _ => Err::<(), _>(StepError::permanent("never").class("Never")),
                }
            }
        }
    }));
    let task = world.create().await;
    world.settles(&task, "error").await;
    let trail = world.trail(&task, 0).await;
    let expected = ["1 error Busy", "2 error Panic", "3 error Never"];
    assert!(expected.iter().all(|part| trail.contains(part)), "{trail}");
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_of_parents_are_fetched() {
    let world = world_with(&[("limits.assignment_bytes", "1024")], DIAMOND).await;
    let (_worker, running) = start(world.worker(async |ctx: StepContext| {
        let parents: BTreeMap<String, String> = ctx.dependencies().await?;
        assert_eq!(ctx.assignment().dependencies_omitted, !parents.is_empty());
        let sizes: Vec<usize> = parents.values().map(String::len).collect();
        Ok(format!("{sizes:?} {}", "x".repeat(2_000)))
    }));
    let task = world.create().await;
    world.settles(&task, "complete").await;
    let result = world.results(&task, 3).await;
    assert!(result.as_str().unwrap().starts_with("[2007, 2007] "), "{result}");
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_waits_for_a_server_that_is_not_there_yet() {
    let world = world(ONE).await;
    let wire = wire(&world.endpoint).await;
    wire.cut();
    let called = Arc::new(Notify::new());
    let (worker, running) = start(worker_at(&wire.endpoint).step(STEP_HANDLER, {
        let called = called.clone();
        move |_| {
            called.notify_one();
            async { Ok(()) }
        }
    }));
    let task = world.create().await;
    wire.fix();
    within("the attempt", called.notified()).await;
    world.settles(&task, "complete").await;
    worker.drain();
    within("the drain", running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_hands_its_workers_over() {
    let mut world = world(CHAIN).await;
    let other = world.another_server().await;
    let wire = wire(&world.endpoint).await;
    let (gate, mut arrivals, handler) = gated();
    let (worker, running) = start(worker_at(&wire.endpoint).step(STEP_HANDLER, handler));
    let task = world.create().await;
    within("an attempt", arrivals.recv()).await.unwrap();
    wire.lead_to(other.endpoint());
    let going = tokio::spawn(world.server.take().unwrap().stop());
    eventually("the server says that it goes", async || !world.is_serving().await).await;
    gate.add_permits(10);
    within("the server's stop", going).await.unwrap();
    world.settles(&task, "complete").await;
    for step_no in 0..3 {
        assert_eq!(world.trail(&task, step_no).await, "1 in_progress, 1 complete");
    }
    worker.drain();
    within("the drain", running).await.unwrap().unwrap();
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_worker_runs_requests_and_commands() {
    let world = world(ONE).await;
    let page = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"n\": 35}";
    let url = serve_page(page).await;
    let step = |name: &str, handler_class: &str, parents: &[&str], config: Value| StepTemplate {
        name: name.into(),
        step_handler: handler_class.into(),
        depends_on_steps: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        handler_config_json: config.to_string(),
        ..StepTemplate::default()
    };
    world
        .register(vec![
            step("get", "http", &[], json!({ "url": url })),
            step("pack", "Packer", &["get"], json!({ "command": ["/bin/sh", "-c", "cat"] })),
        ])
        .await;
    let drain = CancellationToken::new();
    let options =
        Options { serve: vec!["Packer=command".parse().unwrap()], allow_commands: true, ..Options::default() };
    let running = tokio::spawn(tasker::worker::run(world.client.clone(), options, drain.clone()));
    let task = world.create().await;
    world.settles(&task, "complete").await;
    assert_eq!(world.results(&task, 0).await["status"], json!(200));
    let told = world.results(&task, 1).await;
    assert_eq!((&told["inputs"], &told["step"]["name"]), (&json!({ "n": 7 }), &json!("pack")));
    assert_eq!(told["dependencies"]["get"]["body"], json!("{\"n\": 35}"));
    drain.cancel();
    within("the drain", running).await.unwrap().unwrap();
}

/// Serves the same answer to whoever asks.
async fn serve_page(page: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            socket.write_all(page).await.unwrap();
        }
    });
    url
}
