//! Computation that callers bring along: compiling schemas, validating contexts.
//!
//! Owns: where it runs. Threads of its own, few at once and with a deep stack, so that neither the runtime nor the
//! probes nor a stop ever wait for it. How much one may cost is bounded by whoever brings it; the wait in front is
//! bounded here. A caller that goes away leaves its computation to run to its bound. Never: knows what is computed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::sync::{Semaphore, oneshot};

use crate::{
    domain::schema::STACK_BYTES,
    error::{Error, Reason, Result},
};

/// Computations that wait at most: at a second each, the last one waits about two minutes with two threads.
const WAITING_MAX: usize = 256;

/// Threads at most.
const THREADS_MAX: usize = 8;

/// The threads. Clones share them.
#[derive(Debug, Clone)]
pub struct Compute(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Compute {
    fn default() -> Self {
        // One is left to everybody else, if there is one.
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = cores.saturating_sub(1).clamp(1, THREADS_MAX);
        Self(Arc::new(Inner { slots: Arc::new(Semaphore::new(threads)), waiting: AtomicUsize::new(0) }))
    }
}

impl Compute {
    /// Runs a computation and waits for its result. Fails with `QueueFull` when too many wait already.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = Place::take(&self.0)?;
        let slot = Arc::clone(&self.0.slots).acquire_owned().await;
        let slot = slot.map_err(|_| internal("the threads for computation are gone"))?;
        let (sender, receiver) = oneshot::channel();
        let thread = thread::Builder::new().name("compute".to_owned()).stack_size(STACK_BYTES);
        let spawned = thread.spawn(move || {
            // Nobody may want it any more.
            let _unwanted = sender.send(work());
            drop(slot);
        });
        spawned.map_err(|error| internal("no thread can be started").caused_by(error))?;
        receiver.await.map_err(|_| internal("a computation panicked"))
    }
}

/// A place among those that wait or run.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(inner: &'a Inner) -> Result<Self> {
        let place = Self(&inner.waiting);
        if inner.waiting.fetch_add(1, Ordering::AcqRel) < WAITING_MAX {
            return Ok(place);
        }
        Err(Error::new(Reason::QueueFull, format!("{WAITING_MAX} computations wait already, which is the limit")))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn internal(text: &'static str) -> Error {
    Error::new(Reason::Internal, text)
}
