use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{
    super::registry::{Kind, Steps},
    *,
};
use crate::proto::tasker::{
    v1::HandlerRef,
    worker::v1::{Failure, Release, step_result::Outcome},
};

const STEP: &str = "0190a000-0000-7000-8000-000000000001";

struct Bench {
    runner: Runner,
    events: mpsc::UnboundedReceiver<Event>,
}

fn bench<F, Fut, T>(handler: F) -> Bench
where
    F: Fn(StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, StepError>> + Send + 'static,
    T: serde::Serialize + 'static,
{
    let registered = (Kind::StepHandler, Steps::of("Work"), Arc::new(Entry::new(handler)));
    let registry = Registry::new("default", [registered]).expect("fine");
    let (sender, events) = mpsc::unbounded_channel();
    let client = Client::builder("localhost:1").no_token().connect_lazy().expect("a fine endpoint");
    let runner = Runner {
        client,
        registry,
        events: sender,
        tasks: TaskTracker::new(),
        stop_grace: Duration::from_secs(5),
        payload_bytes_max: PayloadLimit::new(100),
        clock: ServerClock::default(),
        drain: CancellationToken::new(),
    };
    Bench { runner, events }
}

fn assignment(step_handler: &str) -> Assignment {
    let handler = HandlerRef { namespace: "default".into(), ..HandlerRef::default() };
    Assignment {
        step_id: STEP.into(),
        lease_token: 1,
        handler: Some(handler),
        step_handler: step_handler.into(),
        inputs_json: r#"{"n": 2}"#.into(),
        ..Default::default()
    }
}

impl Bench {
    fn begin(&self, step_handler: &str) -> Begun {
        self.runner.begin(Key::new(STEP, 1), assignment(step_handler))
    }

    async fn outcome(&mut self, step_handler: &str) -> Outcome {
        let result = match self.begin(step_handler) {
            Begun::Done(result) => result,
            Begun::Running(_) => match self.events.recv().await {
                Some(Event::Finished(_, result)) => result,
                other => panic!("no result but {other:?}"),
            },
        };
        result.outcome.expect("set")
    }

    async fn failure(&mut self, step_handler: &str) -> Failure {
        match self.outcome(step_handler).await {
            Outcome::Failure(failure) => failure,
            other => panic!("it did not fail: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_value_becomes_json_and_unit_becomes_nothing() {
    let mut bench = bench(|ctx: StepContext| async move {
        let n = ctx.inputs::<Value>()?["n"].as_i64().unwrap_or_default();
        Ok(json!({ "double": n * 2 }))
    });
    assert_eq!(bench.outcome("Work").await, Outcome::Success(Success { results_json: Some(r#"{"double":4}"#.into()) }));
    let mut bench = self::bench(|_| async { Ok(()) });
    assert_eq!(bench.outcome("Work").await, Outcome::Success(Success::default()));
}

#[tokio::test]
async fn what_goes_wrong_is_named() {
    let check = async |mut bench: Bench, step_handler: &str, class: &str, permanent: bool| {
        let failure = bench.failure(step_handler).await;
        assert_eq!((failure.error_class.as_str(), failure.permanent), (class, permanent), "{}", failure.message);
    };
    check(bench(|_| async { Ok("x".repeat(200)) }), "Work", "ResultTooLarge", true).await;
    check(bench(|_| async { Err::<(), _>(StepError::permanent("no")) }), "Work", "PermanentError", true).await;
    let early = |_: StepContext| -> std::future::Ready<Result<(), StepError>> { panic!("before the future") };
    check(bench(early), "Work", "Panic", false).await;
    let late = |_: StepContext| async { if true { panic!("within the future") } else { Ok(()) } };
    check(bench(late), "Work", "Panic", false).await;
    let misfit = |ctx: StepContext| async move { ctx.inputs::<Vec<i32>>().map(drop) };
    check(bench(misfit), "Work", "InvalidInputs", true).await;
}

#[tokio::test]
async fn a_step_that_the_worker_does_not_run_is_handed_back() {
    let mut bench = bench(|_| async { Ok(()) });
    let not_supported = Release { reason: ReleaseReason::NotSupported.into() };
    assert_eq!(bench.outcome("Other").await, Outcome::Release(not_supported));
}

#[tokio::test]
async fn details_of_a_failure_obey_the_limit_of_payloads() {
    let fails = |_: StepContext| async { Err::<(), _>(StepError::retryable("no").with("page", "x".repeat(200))) };
    let failure = bench(fails).failure("Work").await;
    assert_eq!(failure.context_json, r#"{"omitted_bytes":211}"#);
}

#[test]
fn the_smallest_limit_of_payloads_holds() {
    let check = |own: usize, (payload, message): (i64, i64), expected: usize| {
        let limit = PayloadLimit::new(own);
        limit.set(payload, message);
        assert_eq!(limit.get(), expected, "{own} {payload} {message}");
    };
    check(usize::MAX, (1 << 20, 16 << 20), 1 << 20);
    check(100, (1 << 20, 16 << 20), 100);
    check(usize::MAX, (32 << 20, 16 << 20), (16 << 20) - MESSAGE_ROOM);
    check(usize::MAX, (0, 0), PAYLOAD_BYTES);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_its_deadline_without_a_word_from_the_server() {
    let mut bench = bench(|ctx: StepContext| async move {
        let reason = ctx.cancelled().await;
        Ok(reason.as_str())
    });
    bench.runner.clock.set(Some(&prost_types::Timestamp { seconds: 1_000, nanos: 0 }));
    let deadline = Some(prost_types::Timestamp { seconds: 1_007, nanos: 0 });
    let began = tokio::time::Instant::now();
    let assignment = Assignment { deadline_time: deadline, ..assignment("Work") };
    let Begun::Running(cancel) = bench.runner.begin(Key::new(STEP, 1), assignment) else { panic!("it waits") };
    assert!(matches!(bench.events.recv().await, Some(Event::TimedOut(key)) if key == Key::new(STEP, 1)));
    assert_eq!((began.elapsed().as_secs(), cancel.reason()), (7, Some(CancelReason::TimedOut)));
    match bench.events.recv().await {
        Some(Event::Finished(_, result)) => {
            let timed_out = Success { results_json: Some(r#""timed_out""#.into()) };
            assert_eq!(result.outcome, Some(Outcome::Success(timed_out)));
        }
        other => panic!("no result but {other:?}"),
    }
}

#[tokio::test]
async fn a_handler_that_is_told_to_stop_occupies_its_slot_until_it_returns() {
    let mut bench = bench(|ctx: StepContext| async move {
        let execution = ctx.execution();
        ctx.cancelled().await;
        drop(execution);
        Ok(())
    });
    let Begun::Running(cancel) = bench.begin("Work") else { panic!("it waits") };
    cancel.cancel(CancelReason::Cancelled);
    assert!(matches!(bench.events.recv().await, Some(Event::Finished(..))));
    assert!(matches!(bench.events.recv().await, Some(Event::Ended(key)) if key == Key::new(STEP, 1)));
}

#[tokio::test]
async fn a_quick_handler_is_soon_called_at_once() {
    let mut bench = bench(|_| async { Ok(()) });
    while let Begun::Running(_) = bench.begin("Work") {
        bench.events.recv().await.expect("a result");
    }
}

#[tokio::test]
async fn a_handler_that_has_to_wait_goes_on_in_its_own_task() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut bench = bench({
        let calls = calls.clone();
        move |_| {
            let calls = calls.clone();
            async move {
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(())
            }
        }
    });
    bench.runner.registry.find(&assignment("Work")).expect("registered").ended_at_once(Duration::ZERO);
    assert_eq!(bench.outcome("Work").await, Outcome::Success(Success::default()));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_attempt_is_told_and_dropped_after_its_grace() {
    let (dropped, told) = (CancellationToken::new(), CancellationToken::new());
    let bench = bench({
        let (dropped, told) = (dropped.clone(), told.clone());
        move |ctx: StepContext| {
            let (guard, told) = (dropped.clone().drop_guard(), told.clone());
            async move {
                let _guard = guard;
                ctx.cancelled().await;
                told.cancel();
                std::future::pending::<Result<(), StepError>>().await
            }
        }
    });
    let Begun::Running(cancel) = bench.begin("Work") else { panic!("it waits") };
    let began = tokio::time::Instant::now();
    cancel.cancel(CancelReason::Cancelled);
    dropped.cancelled().await;
    assert!(told.is_cancelled());
    assert_eq!(began.elapsed().as_secs(), 5);
}
