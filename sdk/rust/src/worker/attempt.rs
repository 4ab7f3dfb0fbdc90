//! Running attempts: owns the call of a handler, its panics and its end on request; never talks to the server.
//!
//! An attempt gets a tokio task of its own, unless its handler has shown that it ends at once: such attempts run where
//! the assignment was read, which spares a task, a wake-up and a channel each.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{sync::mpsc, time};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use super::{
    cancel::{Cancel, CancelReason},
    clock::ServerClock,
    context::{StepContext, Surroundings},
    ledger::{Key, release},
    progress::ProgressCell,
    registry::{Entry, Outcome, Registry},
    step_error::StepError,
    trace,
};
use crate::{
    client::Client,
    proto::tasker::worker::v1::{Assignment, ReleaseReason, StepResult, Success, step_result},
};

/// The bytes that a result may have besides its payload: message, stack, names.
const MESSAGE_ROOM: usize = 64 << 10;
/// The most bytes of a payload when the server does not say.
const PAYLOAD_BYTES: usize = 1 << 20;

/// What attempts tell the session.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and an allocation for each result costs more"
)]
pub(crate) enum Event {
    /// An attempt ended.
    Finished(Key, StepResult),
    /// The handler of an attempt that was told to stop has returned, or was dropped.
    Ended(Key),
    /// The deadline of an attempt has passed; it was told.
    TimedOut(Key),
    /// An attempt has a word about how far it has come.
    Progress(Arc<ProgressCell>),
}

/// The call of a handler: as long as it is held, the handler occupies a slot.
#[derive(Debug)]
pub(crate) struct Execution {
    key: Key,
    cancel: Cancel,
    events: mpsc::UnboundedSender<Event>,
}

impl Drop for Execution {
    fn drop(&mut self) {
        // One that was not told to stop says by its result that it has ended.
        if self.cancel.is_cancelled() {
            let _ = self.events.send(Event::Ended(self.key.clone()));
        }
    }
}

/// How an attempt began.
pub(crate) enum Begun {
    /// It has ended already.
    Done(StepResult),
    /// It goes on; this stops it.
    Running(Cancel),
}

/// Runs attempts.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) client: Client,
    pub(crate) registry: Registry,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) tasks: TaskTracker,
    /// How long an attempt may go on after it was told to stop.
    pub(crate) stop_grace: Duration,
    /// The most bytes of a result, or of the details of a failure.
    pub(crate) payload_bytes_max: PayloadLimit,
    pub(crate) clock: ServerClock,
    /// Cancelled once the worker is going.
    pub(crate) drain: CancellationToken,
}

/// The most bytes of a result, or of the details of a failure: the worker's own limit, or the server's if that is smaller.
/// Larger ones fail here, for the server would refuse them.
#[derive(Debug, Clone)]
pub(crate) struct PayloadLimit {
    own: usize,
    now: Arc<AtomicUsize>,
}

impl PayloadLimit {
    pub(crate) fn new(own: usize) -> Self {
        Self { own, now: Arc::new(AtomicUsize::new(own)) }
    }

    /// Takes the limits that the server gives, 0 for none: that of payloads and that of messages.
    pub(crate) fn set(&self, payload: i64, message: i64) {
        let given =
            |limit: i64, unless: usize| usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(unless);
        // Room for what a message has besides one payload.
        let message = given(message, usize::MAX).saturating_sub(MESSAGE_ROOM).max(MESSAGE_ROOM);
        self.now.store(self.own.min(given(payload, PAYLOAD_BYTES)).min(message), Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }
}

type Ended = Result<Outcome, Box<dyn Any + Send>>;
type Guarded = futures::future::CatchUnwind<AssertUnwindSafe<BoxFuture<'static, Outcome>>>;

impl Runner {
    /// Begins an attempt.
    pub(crate) fn begin(&self, key: Key, assignment: Assignment) -> Begun {
        let span = trace::span(&assignment);
        let mut result = StepResult {
            step_id: assignment.step_id.clone(),
            lease_token: assignment.lease_token,
            traceparent: trace::traceparent(&span),
            outcome: None,
        };
        let Some(entry) = self.registry.find(&assignment) else {
            tracing::warn!(
                step_handler = assignment.step_handler,
                version = assignment.handler.as_ref().map(|handler| &*handler.version),
                "a step is handed back that this worker does not run"
            );
            result.outcome = Some(release(ReleaseReason::NotSupported));
            return Begun::Done(result);
        };
        let cancel = Cancel::new(CancellationToken::new());
        let deadline = assignment.deadline_time.as_ref().and_then(|time| self.clock.instant(time));
        let execution = Arc::new(Execution { key, cancel: cancel.clone(), events: self.events.clone() });
        let surroundings = Surroundings {
            deadline,
            cancel: cancel.clone(),
            drain: self.drain.clone(),
            client: self.client.clone(),
            events: self.events.clone(),
            execution: Arc::downgrade(&execution),
        };
        let context = StepContext::new(assignment, surroundings);
        let mut attempt = match catch_unwind(AssertUnwindSafe(|| span.in_scope(|| entry.call(context)))) {
            Ok(future) if span.is_disabled() => AssertUnwindSafe(future).catch_unwind(),
            Ok(future) => AssertUnwindSafe(future.instrument(span).boxed()).catch_unwind(),
            Err(panic) => {
                result.outcome = Some(self.outcome(Err(panic)));
                return Begun::Done(result);
            }
        };
        if entry.is_quick() {
            let began = Instant::now();
            // A waker that does nothing is enough: if the attempt has to wait, its own task polls it again.
            if let Poll::Ready(ended) = Pin::new(&mut attempt).poll(&mut Context::from_waker(Waker::noop())) {
                entry.ended_at_once(began.elapsed());
                result.outcome = Some(self.outcome(ended));
                return Begun::Done(result);
            }
        }
        self.spawn(execution, result, attempt, entry, deadline);
        Begun::Running(cancel)
    }

    fn spawn(
        &self,
        execution: Arc<Execution>,
        mut result: StepResult,
        attempt: Guarded,
        entry: &Arc<Entry>,
        deadline: Option<time::Instant>,
    ) {
        let entry = Arc::clone(entry);
        let (stop_grace, limit) = (self.stop_grace, self.payload_bytes_max.clone());
        self.tasks.spawn(async move {
            if let Some(ended) = until_stopped(attempt, &entry, &execution, deadline, stop_grace).await {
                result.outcome = Some(outcome(ended, limit.get()));
                // Nobody listens once the worker has ended; the lease will run out.
                let _ = execution.events.send(Event::Finished(execution.key.clone(), result));
            }
        });
    }

    fn outcome(&self, ended: Ended) -> step_result::Outcome {
        outcome(ended, self.payload_bytes_max.get())
    }
}

/// Runs an attempt to its end, or until a grace after it was told to stop. Its deadline tells it, too.
async fn until_stopped(
    mut attempt: Guarded,
    entry: &Entry,
    execution: &Execution,
    deadline: Option<time::Instant>,
    stop_grace: Duration,
) -> Option<Ended> {
    let mut first = Some(Instant::now());
    let mut watched = poll_fn(|cx| {
        let poll = attempt.poll_unpin(cx);
        if let Some(began) = first.take() {
            if poll.is_ready() {
                entry.ended_at_once(began.elapsed());
            } else {
                entry.waited();
            }
        }
        poll
    });
    tokio::select! {
        biased;
        ended = &mut watched => return Some(ended),
        () = execution.cancel.cancelled() => {}
        () = at(deadline) => {
            execution.cancel.cancel(CancelReason::TimedOut);
            let _ = execution.events.send(Event::TimedOut(execution.key.clone()));
        }
    }
    time::timeout(stop_grace, watched).await.ok()
}

/// Waits for a time, or for ever.
pub(crate) async fn at(time: Option<time::Instant>) {
    match time {
        Some(time) => time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn outcome(ended: Ended, bytes_max: usize) -> step_result::Outcome {
    let failed = |error: StepError| step_result::Outcome::Failure(error.into_failure(bytes_max));
    match ended {
        Ok(Ok(Some(json))) if json.len() > bytes_max => {
            let message = format!("the result has {} bytes, more than {bytes_max}", json.len());
            failed(StepError::permanent(message).class("ResultTooLarge"))
        }
        Ok(Ok(results_json)) => step_result::Outcome::Success(Success { results_json }),
        Ok(Err(error)) => failed(error),
        Err(panic) => failed(StepError::retryable(text_of(&*panic)).class("Panic")),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "the handler panicked".to_owned())
}

#[cfg(test)]
mod tests;
