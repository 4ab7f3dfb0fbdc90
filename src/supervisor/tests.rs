use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const SETTINGS: Settings = Settings {
    backoff: Duration::from_millis(100),
    backoff_max: Duration::from_millis(300),
    failures_max: 4,
    settled_after: Duration::from_secs(60),
};

/// A loop under supervision on a paused clock, with the number of its starts.
struct Stage {
    supervisor: Supervisor,
    group: Group,
    starts: Arc<AtomicU32>,
    metrics: Metrics,
}

impl Stage {
    /// The loop does what `act` does with the number of the start and the token that stops it.
    fn new<R>(act: impl Fn(u32, CancellationToken) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = ()> + Send + 'static,
    {
        let metrics = Metrics::default();
        let supervisor = Supervisor::new(SETTINGS, metrics.clone());
        let mut group = supervisor.group(CancellationToken::new());
        let starts = Arc::new(AtomicU32::new(0));
        let (count, stop) = (Arc::clone(&starts), group.stop().clone());
        group.spawn("sample", move || act(count.fetch_add(1, Ordering::Relaxed) + 1, stop.clone()));
        Self { supervisor, group, starts, metrics }
    }

    fn starts(&self) -> u32 {
        self.starts.load(Ordering::Relaxed)
    }

    fn failures(&self, outcome: &str) -> u64 {
        self.metrics.loop_failures.with(["sample", outcome]).get()
    }

    fn state(&self) -> LoopState {
        self.supervisor.states().pop().expect("the loop is registered")
    }

    async fn stop(mut self) {
        self.group.stop().cancel();
        self.group.finished().await;
        assert_eq!(self.supervisor.states(), []);
    }
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_panics_runs_again_after_its_backoff() {
    let stage = Stage::new(|_, stop| stop.cancelled_owned());
    pass(Duration::from_millis(1)).await;
    assert!(stage.supervisor.inject_panic("sample"));
    pass(Duration::from_millis(99)).await;
    let expected = LoopState {
        name: "sample".into(),
        is_running: false,
        failures: 1,
        problem: Some("panicked: injected by a test".into()),
    };
    assert_eq!((stage.starts(), stage.state()), (1, expected.clone()));
    pass(Duration::from_millis(2)).await;
    assert_eq!((stage.starts(), stage.state()), (2, LoopState { is_running: true, ..expected }));
    assert_eq!((stage.failures("panicked"), stage.failures("ended")), (1, 0));
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_early_end_is_a_failure_and_backoffs_double_up_to_their_limit() {
    let stage = Stage::new(|start, stop| async move {
        if start > 3 {
            stop.cancelled().await;
        }
    });
    for (starts, after) in [(1, 99), (2, 199), (3, 299), (4, 1)] {
        pass(Duration::from_millis(after)).await;
        assert_eq!(stage.starts(), starts);
        pass(Duration::from_millis(1)).await;
    }
    assert_eq!((stage.failures("panicked"), stage.failures("ended")), (0, 3));
    assert!(stage.state().is_running);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_exhaust_it_and_say_why() {
    let stage = Stage::new(|start, _| async move { panic!("start {start}") });
    let message = stage.supervisor.exhausted().await;
    assert_eq!(message, "loop sample failed 4 times in a row, the last time it panicked: start 4");
    assert_eq!(stage.starts(), 4);
    assert!(!stage.state().is_running);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_ran_well_begins_to_count_anew() {
    let stage = Stage::new(|_, stop| async move {
        stop.run_until_cancelled(pass(SETTINGS.settled_after)).await;
    });
    pass(SETTINGS.settled_after * 20).await;
    assert_eq!(stage.state().failures, 1);
    assert!(stage.failures("ended") > 15);
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_injects_nothing() {
    let stage = Stage::new(|_, stop| stop.cancelled_owned());
    assert!(!stage.supervisor.inject_panic("example"));
    stage.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_loop_hands_over_reaches_its_next_run() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<u32>();
    let (receiver, sum) = (Handover::new(receiver), Arc::new(AtomicU32::new(0)));
    let total = Arc::clone(&sum);
    let supervisor = Supervisor::new(SETTINGS, Metrics::default());
    let mut group = supervisor.group(CancellationToken::new());
    let stop = group.stop().clone();
    group.spawn("queue", move || {
        let (receiver, total, stop) = (receiver.clone(), Arc::clone(&total), stop.clone());
        async move {
            let mut receiver = receiver.take().expect("the run before has ended");
            while let Some(Some(number)) = stop.run_until_cancelled(receiver.recv()).await {
                assert!(number < 100, "too large");
                total.fetch_add(number, Ordering::Relaxed);
            }
        }
    });
    for number in [1, 100, 2] {
        sender.send(number).expect("the receiver is kept");
    }
    pass(Duration::from_secs(1)).await;
    assert_eq!(sum.load(Ordering::Relaxed), 3);
    group.stop().cancel();
    group.finished().await;
}

#[tokio::test]
async fn short_work_that_panics_is_survived() {
    assert_eq!(spawn_short("fine", async { 7 }).await.ok().flatten(), Some(7));
    let broken = spawn_short("broken", async { panic!("gone") });
    assert_eq!(broken.await.ok().flatten(), None::<()>);
}
