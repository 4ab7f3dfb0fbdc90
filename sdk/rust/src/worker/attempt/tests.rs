use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::proto::tasker::worker::v1::{Failure, step_result::Outcome};

const STEP: &str = "0190a000-0000-7000-8000-000000000001";

struct Bench {
    runner: Runner,
    events: mpsc::UnboundedReceiver<Event>,
}

fn bench<F, Fut, T>(handler: F) -> Bench
where
    F: Fn(StepContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, StepError>> + Send + 'static,
    T: serde::Serialize,
{
    let mut registry = Registry::default();
    registry.step_handler("default", "Work".into(), Arc::new(Entry::new(handler)));
    let (sender, events) = mpsc::unbounded_channel();
    let client = Client::builder("localhost:1").no_token().connect_lazy().expect("a fine endpoint");
    let runner = Runner {
        client,
        registry,
        events: sender,
        tasks: TaskTracker::new(),
        stop_grace: Duration::from_secs(5),
        result_bytes_max: 100,
    };
    Bench { runner, events }
}

impl Bench {
    fn begin(&self, handler_class: &str) -> Begun {
        let assignment = Assignment {
            step_id: STEP.into(),
            lease_token: 1,
            namespace: "default".into(),
            handler_class: handler_class.into(),
            inputs_json: r#"{"n": 2}"#.into(),
            ..Default::default()
        };
        self.runner.begin(Key::new(STEP, 1).expect("a uuid"), assignment)
    }

    async fn outcome(&mut self, handler_class: &str) -> Outcome {
        let result = match self.begin(handler_class) {
            Begun::Done(result) => result,
            Begun::Running(_) => match self.events.recv().await {
                Some(Event::Finished(_, result)) => result,
                other => panic!("no result but {other:?}"),
            },
        };
        result.outcome.expect("set")
    }

    async fn failure(&mut self, handler_class: &str) -> Failure {
        match self.outcome(handler_class).await {
            Outcome::Failure(failure) => failure,
            Outcome::Success(success) => panic!("it succeeded with {}", success.results_json),
        }
    }
}

#[tokio::test]
async fn a_value_becomes_json_and_unit_becomes_nothing() {
    let mut bench = bench(|ctx: StepContext| async move {
        let n = ctx.inputs::<Value>()?["n"].as_i64().unwrap_or_default();
        Ok(json!({ "double": n * 2 }))
    });
    assert_eq!(bench.outcome("Work").await, Outcome::Success(Success { results_json: r#"{"double":4}"#.into() }));
    let mut bench = self::bench(|_| async { Ok(()) });
    assert_eq!(bench.outcome("Work").await, Outcome::Success(Success::default()));
}

#[tokio::test]
async fn what_goes_wrong_is_named() {
    let check = async |mut bench: Bench, handler_class: &str, class: &str, permanent: bool| {
        let failure = bench.failure(handler_class).await;
        assert_eq!((failure.error_class.as_str(), failure.permanent), (class, permanent), "{}", failure.message);
    };
    check(bench(|_| async { Ok(()) }), "Other", "HandlerMissing", false).await;
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
    bench
        .runner
        .registry
        .find(&Assignment { namespace: "default".into(), handler_class: "Work".into(), ..Default::default() })
        .expect("registered")
        .ended_at_once(Duration::ZERO);
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
    cancel.cancel();
    dropped.cancelled().await;
    assert!(told.is_cancelled());
    assert_eq!(began.elapsed().as_secs(), 5);
}
