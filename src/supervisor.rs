//! Long-lived loops, kept running.
//!
//! Owns: the start of every loop of the process, its restarts, and the registry of what runs. A loop that panics, or
//! ends before it was asked to, is started again after a backoff; each such failure is counted in
//! `tasker_loop_failures_total`. A loop that fails several times in a row without running well in between makes the
//! process give up: [`Supervisor::exhausted`] resolves and says which loop it was and why. Never: knows what a loop
//! does. Next: `supervisor/handover.rs` for the state that a loop keeps over its restarts.
//!
//! ```text
//!   starting ──▶ running ──▶ asked to stop ──▶ gone from the registry
//!                  │  ▲
//!     panic or end ▼  │ backoff, doubled by each failure in a row
//!                 waiting ──▶ failures_max in a row: exhausted
//! ```

mod handover;
mod registry;
mod short;

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

pub use handover::{Handover, Taken};
pub use registry::LoopState;
pub use short::spawn_short;

use registry::{Entry, Registry};

/// How loops are kept running.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a loop waits after its first failure; each further one in a row doubles it.
    pub backoff: Duration,
    /// How long it waits at most.
    pub backoff_max: Duration,
    /// So many failures of one loop in a row end the process; at least one.
    pub failures_max: u32,
    /// A loop that has run for so long runs well: an earlier failure does not count any more.
    pub settled_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            failures_max: 10,
            settled_after: Duration::from_secs(60),
        }
    }
}

/// The loops of one process. Clones share them.
#[derive(Debug, Clone)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    metrics: Metrics,
    registry: Registry,
    exhausted: watch::Sender<Option<String>>,
}

/// Loops that are stopped together.
#[derive(Debug)]
pub struct Group {
    supervisor: Supervisor,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// No loops yet.
    pub fn new(settings: Settings, metrics: Metrics) -> Self {
        let (exhausted, _) = watch::channel(None);
        Self(Arc::new(Inner { settings, metrics, registry: Registry::default(), exhausted }))
    }

    /// A group of loops that end when `stop` is cancelled; one that ends earlier has failed.
    pub fn group(&self, stop: CancellationToken) -> Group {
        Group { supervisor: self.clone(), stop, tasks: JoinSet::new() }
    }

    /// Every loop that has not been stopped, by name.
    pub fn states(&self) -> Vec<LoopState> {
        self.0.registry.states()
    }

    /// Resolves when a loop has failed too often in a row, with the name of the loop and its last failure.
    pub async fn exhausted(&self) -> String {
        let mut exhausted = self.0.exhausted.subscribe();
        match exhausted.wait_for(Option::is_some).await {
            Ok(message) => message.clone().unwrap_or_default(),
            // The sender lives as long as this supervisor.
            Err(_) => std::future::pending().await,
        }
    }

    /// Makes a loop panic where it waits, as a defect in it would; false when no loop has this name. For tests.
    pub fn inject_panic(&self, name: &str) -> bool {
        self.0.registry.inject(name)
    }

    /// Runs a loop again and again until `stop`.
    async fn keep<F, R>(self, entry: Entry, stop: CancellationToken, make: F)
    where
        F: Fn() -> R,
        R: Future<Output = ()>,
    {
        let settings = self.0.settings;
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let run = async {
                tokio::select! {
                    biased;
                    () = entry.injected() => panic!("injected by a test"),
                    () = make() => {}
                }
            };
            entry.running();
            let ended = AssertUnwindSafe(run).catch_unwind().await;
            let (outcome, problem) = match &ended {
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => ("ended", "ended before it was asked to".to_owned()),
                Err(panic) => ("panicked", format!("panicked: {}", panic_text(&**panic))),
            };
            self.0.metrics.loop_failures.with([entry.name(), outcome]).add(1);
            failures = if began.elapsed() >= settings.settled_after { 1 } else { failures.saturating_add(1) };
            entry.failed(&problem, failures);
            if stop.is_cancelled() {
                tracing::error!(r#loop = entry.name(), problem, "a loop failed while it was stopped");
                return;
            }
            if failures >= settings.failures_max.max(1) {
                tracing::error!(r#loop = entry.name(), problem, failures, "a loop failed too often in a row");
                let message =
                    format!("loop {} failed {failures} times in a row, the last time it {problem}", entry.name());
                self.0.exhausted.send_if_modified(|told| told.is_none() && told.replace(message).is_none());
                // Kept in the registry as failed until the process ends.
                stop.cancelled().await;
                return;
            }
            let pause = backoff(settings, failures);
            tracing::error!(r#loop = entry.name(), problem, failures, ?pause, "a loop failed and is started again");
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}

impl Group {
    /// Keeps a loop running until the group's stop. `make` starts it anew after each failure; what must outlive a
    /// failure belongs into a [`Handover`].
    ///
    /// Names are unique within the process; the name is a label of the metric.
    pub fn spawn<F, R>(&mut self, name: impl Into<Arc<str>>, make: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let supervisor = self.supervisor.clone();
        let entry = supervisor.0.registry.enter(name.into());
        self.tasks.spawn(supervisor.keep(entry, self.stop.clone(), make));
    }

    /// The token that ends the loops.
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until all loops have ended, which they do after the stop.
    pub async fn finished(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The wait after so many failures in a row.
fn backoff(settings: Settings, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    settings.backoff.saturating_mul(1 << doublings).min(settings.backoff_max)
}

/// The words of a panic, as far as it has any.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests;
