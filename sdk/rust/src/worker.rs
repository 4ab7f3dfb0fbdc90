//! The worker: owns the way from registered handlers to a session that lasts; never the steps' states, which the server
//! decides.
//!
//! ```no_run
//! use serde_json::{Value, json};
//! use tasker_sdk::{StepContext, StepError, Worker};
//!
//! async fn label(ctx: StepContext) -> Result<Value, StepError> {
//!     let parcel: Value = ctx.inputs()?;
//!     let reserved: Value = ctx.dependency("reserve").await?;
//!     Ok(json!({ "label": format!("{}-{}", parcel["parcel_id"], reserved["shelf"]) }))
//! }
//!
//! # async fn example() -> tasker_sdk::Result<()> {
//! Worker::builder("http://localhost:7077").slots(16).step("LabelStep", label).run().await
//! # }
//! ```
//!
//! What it promises: a result is kept and sent again until the server has acknowledged it; a lost connection loses no
//! attempt; a stop or a lost lease ends the attempt; SIGTERM and SIGINT let attempts finish first.

mod attempt;
mod cancel;
mod clock;
mod context;
mod ledger;
mod progress;
mod registry;
mod session;
mod step_error;
mod trace;

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Code;

pub use cancel::CancelReason;
pub use context::StepContext;
pub use ledger::{DropReason, DroppedResult};
pub use registry::Steps;
pub use step_error::StepError;

use crate::{
    client::{Client, ClientBuilder},
    errors::{Error, Reason, Result},
    proto::tasker::worker::v1::HeldLease,
};
use attempt::{PayloadLimit, Runner};
use clock::ServerClock;
use registry::{Entry, Kind, Registry};
use session::{End, Parts, Session};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const SLOTS_MAX: u32 = 10_000;
const WORKER_ID_CHARS_MAX: usize = 128;

/// A worker that is ready to run.
#[derive(Debug)]
pub struct Worker {
    session: Session,
    signals: bool,
    handle: WorkerHandle,
}

/// Controls a worker from elsewhere.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    drain: CancellationToken,
    stop: CancellationToken,
    slots: watch::Sender<u32>,
    stuck: watch::Receiver<Vec<HeldLease>>,
}

/// How a worker is set up; see [`Worker::builder`].
#[derive(Debug)]
#[must_use]
pub struct WorkerBuilder {
    source: Source,
    namespace: String,
    registered: Vec<(Kind, Steps, Arc<Entry>)>,
    settings: Settings,
    slots: u32,
    signals: bool,
    stop_grace: Duration,
    result_bytes_max: usize,
}

#[derive(Debug)]
enum Source {
    Endpoint(ClientBuilder),
    Client(Client),
}

/// What a session needs to know about its worker.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    worker_id: String,
    drain_grace: Duration,
    on_result_dropped: Hook,
}

/// A function that is told of a dropped result.
type Told = dyn Fn(&DroppedResult) + Send + Sync;

/// Where such a function may be set.
#[derive(Clone, Default)]
struct Hook(Option<Arc<Told>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Hook(set)" } else { "Hook(none)" })
    }
}

impl Worker {
    /// Sets up a worker for a server, such as `http://localhost:7077`. The token comes from
    /// `TASKER_TOKEN_FILE` or `TASKER_TOKEN`.
    pub fn builder(endpoint: impl Into<String>) -> WorkerBuilder {
        WorkerBuilder::new(Source::Endpoint(Client::builder(endpoint)))
    }

    /// Sets up a worker that shares a client's connection and credentials.
    pub fn with_client(client: Client) -> WorkerBuilder {
        WorkerBuilder::new(Source::Client(client))
    }

    /// A handle that controls the worker.
    pub fn handle(&self) -> WorkerHandle {
        self.handle.clone()
    }

    /// Runs until the worker has drained or was stopped, or the server refuses it for good.
    ///
    /// A server that is unavailable is waited for.
    pub async fn run(self) -> Result<()> {
        let Self { mut session, signals, handle } = self;
        let ended = tokio::select! {
            ended = stay_connected(&mut session) => ended,
            () = obey_signals(&handle), if signals => Ok(()),
        };
        // Attempts that were told to stop have their grace; those of a worker that stops at once do not.
        let tasks = session.runner.tasks.clone();
        let is_stopped = handle.stop.is_cancelled();
        session.ledger.stop_all(if is_stopped { CancelReason::Stopped } else { CancelReason::LeaseLost });
        tasks.close();
        if !is_stopped && ended.is_err() {
            let _ = timeout(session.runner.stop_grace, tasks.wait()).await;
        }
        let dropped = session.ledger.drop_all();
        session.tell_dropped(dropped);
        ended
    }
}

impl WorkerHandle {
    /// Takes no further steps, finishes those in hand within the grace, and ends.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Ends at once and reports nothing more. Attempts in hand are lost, and their leases run out.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Changes how many attempts run at once, from 0 to 10,000; 0 takes no further steps. Running ones are not touched.
    ///
    /// Fails with [`Error::Setup`] for a greater number.
    pub fn set_slots(&self, slots: u32) -> Result<()> {
        if slots > SLOTS_MAX {
            return Err(Error::Setup(format!("{slots} slots are too many, at most {SLOTS_MAX} are possible")));
        }
        self.slots.send_replace(slots);
        Ok(())
    }

    /// How many attempts run at once.
    pub fn slots(&self) -> u32 {
        *self.slots.borrow()
    }

    /// The attempts whose handlers have ignored their stop for longer than the grace. Each keeps its slot until it returns.
    pub fn stuck_attempts(&self) -> Vec<HeldLease> {
        self.stuck.borrow().clone()
    }
}

impl WorkerBuilder {
    fn new(source: Source) -> Self {
        Self {
            source,
            namespace: "default".into(),
            registered: Vec::new(),
            settings: Settings {
                worker_id: default_id(),
                drain_grace: Duration::from_secs(20),
                on_result_dropped: Hook::default(),
            },
            slots: 16,
            signals: true,
            stop_grace: Duration::from_secs(5),
            result_bytes_max: usize::MAX,
        }
    }

    /// Names the worker, in 1 to 128 characters; host and process unless set.
    pub fn worker_id(mut self, worker_id: impl Into<String>) -> Self {
        self.settings.worker_id = worker_id.into();
        self
    }

    /// Sets how many attempts run at once, from 1 to 10,000; 16 unless set. [`WorkerHandle::set_slots`] changes it later.
    pub const fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    /// Sets the namespace of all steps that name none by [`Steps::namespace`]; `default` unless set.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Runs the steps of a step handler with this function.
    ///
    /// The function must not block: use [`Self::step_blocking`] for work that does. One that has shown that it ends at once is
    /// called where assignments are read.
    pub fn step<F, Fut, T>(self, step_handler: impl Into<Steps>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize + 'static,
    {
        self.register(Kind::StepHandler, step_handler.into(), Entry::new(handler))
    }

    /// Runs the steps of a step handler with this function, on a thread that may block.
    ///
    /// A thread cannot be dropped: the function looks at [`StepContext::is_cancelled`] when it is long. One that ignores its
    /// stop keeps its slot, and [`WorkerHandle::stuck_attempts`] names it.
    pub fn step_blocking<F, T>(self, step_handler: impl Into<Steps>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Result<T, StepError> + Send + Sync + 'static,
        T: Serialize + Send + 'static,
    {
        self.register(Kind::StepHandler, step_handler.into(), Entry::new(blocking(handler)))
    }

    /// Runs every step of a handler with this function, save those whose step handler is registered.
    pub fn task<F, Fut, T>(self, handler_name: impl Into<Steps>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize + 'static,
    {
        self.register(Kind::Handler, handler_name.into(), Entry::new(handler))
    }

    /// Runs every step of a handler with this function, on a thread that may block, save those whose step handler is registered.
    pub fn task_blocking<F, T>(self, handler_name: impl Into<Steps>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Result<T, StepError> + Send + Sync + 'static,
        T: Serialize + Send + 'static,
    {
        self.register(Kind::Handler, handler_name.into(), Entry::new(blocking(handler)))
    }

    fn register(mut self, kind: Kind, steps: Steps, entry: Entry) -> Self {
        self.registered.push((kind, steps, Arc::new(entry)));
        self
    }

    /// Sets how long a drain waits for attempts; 20 s unless set. Those that still run then are told to stop, have the stop
    /// grace to react, and are handed back, which counts as no attempt. With the defaults a drain takes less than 30 s.
    pub const fn drain_grace(mut self, grace: Duration) -> Self {
        self.settings.drain_grace = grace;
        self
    }

    /// Sets how long an attempt may go on after it was told to stop; 5 s unless set. Then it is dropped.
    pub const fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }

    /// Sets the largest result in bytes, should it be smaller than the server's limit, which is obeyed in any case.
    pub const fn result_bytes_max(mut self, bytes: usize) -> Self {
        self.result_bytes_max = bytes;
        self
    }

    /// Calls a function for every result that nobody will store, so that its effects can be undone. It must not block.
    pub fn on_result_dropped(mut self, hook: impl Fn(&DroppedResult) + Send + Sync + 'static) -> Self {
        self.settings.on_result_dropped = Hook(Some(Arc::new(hook)));
        self
    }

    /// Says whether SIGTERM and SIGINT drain the worker, and a second one stops it; they do unless told otherwise.
    pub fn signals(mut self, signals: bool) -> Self {
        self.signals = signals;
        self
    }

    /// Builds the worker without running it. Must be called within a tokio runtime.
    ///
    /// Fails with [`Error::Setup`] without handlers, for two of the same steps, and for names and numbers out of their bounds.
    pub fn build(self) -> Result<Worker> {
        let chars = self.settings.worker_id.chars().count();
        if !(1..=WORKER_ID_CHARS_MAX).contains(&chars) || self.settings.worker_id.contains('\0') {
            return Err(Error::Setup(format!("the worker id must have from 1 to {WORKER_ID_CHARS_MAX} characters")));
        }
        if !(1..=SLOTS_MAX).contains(&self.slots) {
            return Err(Error::Setup(format!("a worker has from 1 to {SLOTS_MAX} slots, not {}", self.slots)));
        }
        let registry = Registry::new(&self.namespace, self.registered)?;
        let client = match self.source {
            Source::Endpoint(builder) => builder.connect_lazy()?,
            Source::Client(client) => client,
        };
        let (slots, slots_now) = watch::channel(self.slots);
        let (stuck, stuck_now) = watch::channel(Vec::new());
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let handle = WorkerHandle { drain: drain.clone(), stop: stop.clone(), slots, stuck: stuck_now };
        let (sender, events) = mpsc::unbounded_channel();
        let runner = Runner {
            client,
            registry,
            events: sender,
            tasks: TaskTracker::new(),
            stop_grace: self.stop_grace,
            payload_bytes_max: PayloadLimit::new(self.result_bytes_max),
            clock: ServerClock::default(),
            drain: drain.clone(),
        };
        let parts = Parts { settings: self.settings, runner, events, drain, stop, slots: slots_now, stuck };
        Ok(Worker { session: Session::new(parts), signals: self.signals, handle })
    }

    /// Builds the worker and runs it; see [`Worker::run`].
    pub async fn run(self) -> Result<()> {
        self.build()?.run().await
    }
}

/// Opens one stream after the other, with growing pauses, until there is a reason not to.
async fn stay_connected(session: &mut Session) -> Result<()> {
    let mut pause = PAUSE_MIN;
    loop {
        let began = Instant::now();
        let end = session.serve().await;
        if began.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
        }
        let mut wait = pause;
        match end {
            End::Drained | End::Stopped => return Ok(()),
            // Every worker of the server comes back now, and not at once.
            End::ServerDrained => wait = spread(PAUSE_MIN * 5, fraction()),
            End::Lost(error) if is_final(&error, session.has_changing_token()) => return Err(error),
            End::Lost(error) => {
                if error.reason() == Some(Reason::SessionUnknown) {
                    session.forget();
                }
                // The server's wait is the least; ours is spread below itself.
                let asked = error.retry_after().unwrap_or_default();
                wait = asked + spread(wait.max(asked / 4), fraction());
                tracing::warn!(wait_ms = wait.as_millis(), "the worker is not connected: {error}");
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        if session.may_go() {
            return Ok(());
        }
        session.pause(wait).await;
        if session.stop.is_cancelled() || session.may_go() {
            return Ok(());
        }
    }
}

/// A wait from half of this to all of it, so that workers that lost their server together do not come back together.
fn spread(wait: Duration, fraction: f64) -> Duration {
    wait.mul_f64(0.5 + fraction / 2.0)
}

/// A number from 0 to 1 that differs from call to call and from process to process.
fn fraction() -> f64 {
    f64::from(u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Whether connecting again would only be refused again. A token that can change may be a good one by then.
fn is_final(error: &Error, token_changes: bool) -> bool {
    match error {
        Error::Refused(refusal) if refusal.reason == Reason::Unauthenticated => !token_changes,
        Error::Refused(refusal) => {
            matches!(refusal.reason, Reason::PermissionMissing | Reason::InvalidFields)
        }
        Error::Transport { code, .. } => matches!(code, Code::Unimplemented | Code::Unauthenticated),
        Error::Setup(_) => true,
    }
}

/// Drains at the first signal, stops at the second; never ends.
async fn obey_signals(handle: &WorkerHandle) {
    for end in [WorkerHandle::drain, WorkerHandle::stop] {
        next_signal().await;
        tracing::info!("a signal asks the worker to end");
        end(handle);
    }
    std::future::pending().await
}

#[cfg(unix)]
async fn next_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = (terminate, interrupt) else {
        tracing::warn!("signals cannot be watched");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn next_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Host and process: good enough to find a worker, and new at every start.
fn default_id() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "worker",
        host => host,
    };
    format!("{}-{}", host.chars().take(100).collect::<String>(), std::process::id())
}

/// A blocking function as one that can be awaited. It occupies its slot until its thread is done with it.
fn blocking<F, T>(handler: F) -> impl Fn(StepContext) -> futures::future::BoxFuture<'static, Result<T, StepError>>
where
    F: Fn(StepContext) -> Result<T, StepError> + Send + Sync + 'static,
    T: Send + 'static,
{
    let handler = Arc::new(handler);
    move |context| {
        let (handler, execution) = (Arc::clone(&handler), context.execution());
        Box::pin(async move {
            let run = move || {
                let result = handler(context);
                drop(execution);
                result
            };
            match tokio::task::spawn_blocking(run).await {
                Ok(result) => result,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => Err(error.into()),
                },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn setups_that_cannot_work_are_refused() {
        let check = |worker: WorkerBuilder, expected: &str| match worker.build() {
            Err(Error::Setup(message)) => assert_eq!(message, expected),
            other => panic!("{other:?}"),
        };
        let worker = || Worker::builder("localhost:1").step("Work", async |_| Ok(()));
        check(Worker::builder("localhost:1"), "the worker has no handlers");
        check(worker().step("Work", async |_| Ok(())), "the steps of `Work` in `default` are registered twice");
        check(worker().worker_id(""), "the worker id must have from 1 to 128 characters");
        check(worker().worker_id("w".repeat(129)), "the worker id must have from 1 to 128 characters");
        check(worker().slots(0), "a worker has from 1 to 10000 slots, not 0");
        check(worker().slots(10_001), "a worker has from 1 to 10000 slots, not 10001");
        let handle = worker().build().expect("fine").handle();
        assert!(matches!(handle.set_slots(10_001), Err(Error::Setup(_))));
        handle.set_slots(0).expect("a pause");
        assert_eq!(handle.slots(), 0);
    }

    #[tokio::test]
    async fn a_worker_that_never_connected_ends_when_drained() {
        let worker = Worker::builder("localhost:1").step("Work", async |_| Ok(())).build().expect("a fine set-up");
        worker.handle().drain();
        worker.run().await.expect("nothing was in hand");
    }

    #[test]
    fn waits_are_spread() {
        let wait = Duration::from_secs(4);
        assert_eq!((spread(wait, 0.0), spread(wait, 1.0)), (wait / 2, wait));
        assert!((0.0..=1.0).contains(&fraction()));
        assert_ne!((fraction(), fraction()), (fraction(), fraction()));
    }
}
