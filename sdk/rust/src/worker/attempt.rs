//! Running attempts: owns the call of a handler, its panics and its end on request; never talks to the server.
//!
//! An attempt gets a tokio task of its own, unless its handler has shown that it ends at once: such attempts run where
//! the assignment was read, which spares a task, a wake-up and a channel each.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use super::{
    context::StepContext,
    ledger::Key,
    registry::{Entry, Outcome, Registry},
    step_error::StepError,
    trace,
};
use crate::{
    client::Client,
    proto::tasker::worker::v1::{Assignment, Progress, StepResult, Success, step_result},
};

/// What attempts tell the session.
#[derive(Debug)]
pub(crate) enum Event {
    /// An attempt ended.
    Finished(Key, StepResult),
    /// An attempt has come so far.
    Progress(Progress),
}

/// How an attempt began.
pub(crate) enum Begun {
    /// It has ended already.
    Done(StepResult),
    /// It goes on; this stops it.
    Running(CancellationToken),
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
    /// Larger results fail here; the server would refuse the message, and the stream with it.
    pub(crate) result_bytes_max: usize,
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
            let message = format!("this worker has no handler for {}", assignment.handler_class);
            result.outcome = Some(failed(StepError::retryable(message).class("HandlerMissing")));
            return Begun::Done(result);
        };
        let cancel = CancellationToken::new();
        let context = StepContext::new(assignment, cancel.clone(), self.client.clone(), self.events.clone());
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
        self.spawn(key, result, attempt, entry, cancel.clone());
        Begun::Running(cancel)
    }

    fn spawn(&self, key: Key, mut result: StepResult, attempt: Guarded, entry: &Arc<Entry>, cancel: CancellationToken) {
        let (entry, events) = (Arc::clone(entry), self.events.clone());
        let (stop_grace, result_bytes_max) = (self.stop_grace, self.result_bytes_max);
        self.tasks.spawn(async move {
            if let Some(ended) = until_stopped(attempt, &entry, &cancel, stop_grace).await {
                result.outcome = Some(outcome(ended, result_bytes_max));
                // Nobody listens once the worker has ended; the lease will run out.
                let _ = events.send(Event::Finished(key, result));
            }
        });
    }

    fn outcome(&self, ended: Ended) -> step_result::Outcome {
        outcome(ended, self.result_bytes_max)
    }
}

/// Runs an attempt to its end, or until a grace after it was told to stop.
async fn until_stopped(
    mut attempt: Guarded,
    entry: &Entry,
    cancel: &CancellationToken,
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
        ended = &mut watched => Some(ended),
        () = cancel.cancelled() => tokio::time::timeout(stop_grace, watched).await.ok(),
    }
}

fn outcome(ended: Ended, result_bytes_max: usize) -> step_result::Outcome {
    match ended {
        Ok(Ok(json)) if json.len() > result_bytes_max => {
            let message = format!("the result has {} bytes, more than {result_bytes_max}", json.len());
            failed(StepError::permanent(message).class("ResultTooLarge"))
        }
        Ok(Ok(results_json)) => step_result::Outcome::Success(Success { results_json }),
        Ok(Err(error)) => failed(error),
        Err(panic) => failed(StepError::retryable(text_of(&*panic)).class("Panic")),
    }
}

pub(crate) fn failed(error: StepError) -> step_result::Outcome {
    step_result::Outcome::Failure(error.into_failure())
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "the handler panicked".to_owned())
}

#[cfg(test)]
mod tests;
