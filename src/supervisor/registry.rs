//! Which loops there are and how each is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How a loop is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopState {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it runs; it does not between a failure and its restart.
    pub is_running: bool,
    /// Failures in a row; none once it has run well for a while and failed anew, which counts as the first.
    pub failures: u32,
    /// The last failure, if there was one.
    pub problem: Option<String>,
}

/// The loops that have been started and not yet stopped.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry(Arc<Mutex<Vec<Arc<Watched>>>>);

#[derive(Debug)]
struct Watched {
    name: Arc<str>,
    state: Mutex<LoopState>,
    injected: Notify,
}

/// A loop's place in the registry, which it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    watched: Arc<Watched>,
    registry: Registry,
}

impl Registry {
    pub(super) fn enter(&self, name: Arc<str>) -> Entry {
        let state = LoopState { name: Arc::clone(&name), is_running: false, failures: 0, problem: None };
        let watched = Arc::new(Watched { name, state: Mutex::new(state), injected: Notify::new() });
        self.all().push(Arc::clone(&watched));
        Entry { watched, registry: self.clone() }
    }

    pub(super) fn states(&self) -> Vec<LoopState> {
        let mut states: Vec<LoopState> = self.all().iter().map(|watched| watched.state().clone()).collect();
        states.sort_by(|one, other| one.name.cmp(&other.name));
        states
    }

    pub(super) fn inject(&self, name: &str) -> bool {
        let all = self.all();
        let found = all.iter().find(|watched| &*watched.name == name);
        if let Some(watched) = found {
            watched.injected.notify_one();
        }
        found.is_some()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Watched>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn state(&self) -> MutexGuard<'_, LoopState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        &self.watched.name
    }

    pub(super) fn running(&self) {
        self.watched.state().is_running = true;
    }

    pub(super) fn failed(&self, problem: &str, failures: u32) {
        let mut state = self.watched.state();
        state.is_running = false;
        state.failures = failures;
        state.problem = Some(problem.to_owned());
    }

    /// Resolves when a test wants the loop to panic.
    pub(super) async fn injected(&self) {
        self.watched.injected.notified().await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.all().retain(|watched| !Arc::ptr_eq(watched, &self.watched));
    }
}
