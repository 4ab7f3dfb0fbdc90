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
//! Worker::builder("http://localhost:7077").slots(16).handle("LabelStep", label).run().await
//! # }
//! ```
//!
//! What it promises: a result is kept and sent again until the server has acknowledged it; a lost connection loses no
//! attempt; a stop or a lost lease ends the attempt; SIGTERM and SIGINT let attempts finish first.

mod attempt;
mod context;
mod ledger;
mod registry;
mod session;
mod step_error;
mod trace;

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Code;

pub use context::StepContext;
pub use step_error::StepError;

use crate::{
    client::{Client, ClientBuilder},
    errors::{Error, Reason, Result},
};
use attempt::Runner;
use registry::{Entry, Registry};
use session::{End, Session};

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const SLOTS_MAX: u32 = 10_000;

/// A worker that is ready to run.
#[derive(Debug)]
pub struct Worker {
    session: Session,
    signals: bool,
    handle: WorkerHandle,
}

/// Ends a worker from elsewhere.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    drain: CancellationToken,
    stop: CancellationToken,
}

/// How a worker is set up; see [`Worker::builder`].
#[derive(Debug)]
#[must_use]
pub struct WorkerBuilder {
    source: Source,
    namespace: String,
    registry: Registry,
    settings: Settings,
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
    slots: i32,
    drain_grace: Duration,
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

    /// A handle that ends the worker.
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
        session.ledger.stop_all();
        tasks.close();
        if !handle.stop.is_cancelled() {
            let _ = timeout(session.runner.stop_grace, tasks.wait()).await;
        }
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
}

impl WorkerBuilder {
    fn new(source: Source) -> Self {
        Self {
            source,
            namespace: "default".into(),
            registry: Registry::default(),
            settings: Settings { worker_id: default_id(), slots: 16, drain_grace: Duration::from_secs(30) },
            signals: true,
            stop_grace: Duration::from_secs(5),
            result_bytes_max: 1 << 20,
        }
    }

    /// Names the worker; host and process unless set.
    pub fn worker_id(mut self, worker_id: impl Into<String>) -> Self {
        self.settings.worker_id = worker_id.into();
        self
    }

    /// Sets how many attempts run at once, from 1 to 10,000; 16 unless set.
    pub fn slots(mut self, slots: u32) -> Self {
        self.settings.slots = i32::try_from(slots.clamp(1, SLOTS_MAX)).unwrap_or(1);
        self
    }

    /// Sets the namespace of the handlers that are registered after this; `default` unless set.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Runs the steps of a step handler with this function.
    ///
    /// The function must not block: use [`Self::handle_blocking`] for work that does.
    pub fn handle<F, Fut, T>(mut self, step_handler: impl Into<String>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize,
    {
        self.registry.step_handler(&self.namespace, step_handler.into(), Arc::new(Entry::new(handler)));
        self
    }

    /// Runs the steps of a step handler with this function, on a thread that may block.
    ///
    /// A thread cannot be dropped: the function looks at [`StepContext::is_cancelled`] when it is long.
    pub fn handle_blocking<F, T>(self, step_handler: impl Into<String>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Result<T, StepError> + Send + Sync + 'static,
        T: Serialize + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.handle(step_handler, move |context| {
            let handler = Arc::clone(&handler);
            async move {
                match tokio::task::spawn_blocking(move || handler(context)).await {
                    Ok(result) => result,
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(error) => Err(error.into()),
                    },
                }
            }
        })
    }

    /// Runs every step of a task handler with this function, save those whose step handler is registered.
    pub fn handle_task<F, Fut, T>(mut self, task_handler: impl Into<String>, handler: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize,
    {
        self.registry.task_handler(&self.namespace, task_handler.into(), Arc::new(Entry::new(handler)));
        self
    }

    /// Sets how long a drain waits for attempts; 30 s unless set. What still runs then is reported as failed.
    pub fn drain_grace(mut self, grace: Duration) -> Self {
        self.settings.drain_grace = grace;
        self
    }

    /// Sets how long an attempt may go on after it was told to stop; 5 s unless set. Then it is dropped.
    pub fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = grace;
        self
    }

    /// Sets the largest result, in bytes; 1 MiB unless set, as `limits.payload_bytes` of the server is.
    pub fn result_bytes_max(mut self, bytes: usize) -> Self {
        self.result_bytes_max = bytes;
        self
    }

    /// Says whether SIGTERM and SIGINT drain the worker, and a second one stops it; they do unless told otherwise.
    pub fn signals(mut self, signals: bool) -> Self {
        self.signals = signals;
        self
    }

    /// Builds the worker without running it. Must be called within a tokio runtime.
    pub fn build(self) -> Result<Worker> {
        if self.registry.offers().is_empty() {
            return Err(Error::Setup("the worker has no handlers".into()));
        }
        let client = match self.source {
            Source::Endpoint(builder) => builder.connect_lazy()?,
            Source::Client(client) => client,
        };
        let handle = WorkerHandle { drain: CancellationToken::new(), stop: CancellationToken::new() };
        let (sender, events) = mpsc::unbounded_channel();
        let runner = Runner {
            client,
            registry: self.registry,
            events: sender,
            tasks: TaskTracker::new(),
            stop_grace: self.stop_grace,
            result_bytes_max: self.result_bytes_max,
        };
        let session = Session::new(self.settings, runner, events, handle.drain.clone(), handle.stop.clone());
        Ok(Worker { session, signals: self.signals, handle })
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
            End::ServerDrained => wait = PAUSE_MIN,
            End::Lost(error) if is_final(&error, session.has_changing_token()) => return Err(error),
            End::Lost(error) => {
                if error.reason() == Some(Reason::SessionUnknown) {
                    session.forget();
                }
                wait = wait.max(error.retry_after().unwrap_or_default());
                tracing::warn!(wait_ms = wait.as_millis(), "the worker is not connected: {error}");
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
        if session.may_go() {
            return Ok(());
        }
        let (drain, stop) = (session.drain.clone(), session.stop.clone());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return Ok(()),
            () = drain.cancelled(), if !drain.is_cancelled() => {}
        }
        if session.may_go() {
            return Ok(());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_without_handlers_is_not_built() {
        assert!(matches!(Worker::builder("localhost:1").build(), Err(Error::Setup(_))));
    }

    #[tokio::test]
    async fn a_worker_that_never_connected_ends_when_drained() {
        let worker = Worker::builder("localhost:1").handle("Work", async |_| Ok(())).build().expect("a fine set-up");
        worker.handle().drain();
        worker.run().await.expect("nothing was in hand");
    }
}
