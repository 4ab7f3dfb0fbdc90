//! What is paused, as this server has heard.
//!
//! Owns: the set that lanes look at before they claim a step, and bringing back what was parked when a pause ends.
//! A step of a paused handler is not claimed; its row of the queue is parked, so that it costs nobody a look. Until
//! the set has been read for the first time everything counts as paused. Never: pauses; `service::handlers` does.
//!
//! A claim takes its time from the clock before it looks here. So no attempt begins later, by the clock, than its
//! server has heard of the pause.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::{Clock, Workforce};
use crate::{
    domain::{pause::Pause, template::Template},
    store::{self, Store},
};

/// What is paused. Clones share everything.
#[derive(Debug, Clone)]
pub struct Pauses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    workforce: Workforce,
    clock: Clock,
    heard: ArcSwapOption<Paused>,
    /// One reading at a time, so that an older one never replaces a newer.
    reading: Mutex<()>,
}

/// What is paused at one moment.
#[derive(Debug, Default)]
pub struct Paused {
    namespaces: HashSet<String>,
    handlers: HashMap<String, HashSet<String>>,
    all: Vec<Pause>,
}

impl Paused {
    /// The set of these pauses.
    pub fn new(all: Vec<Pause>) -> Self {
        let mut paused = Self { all, ..Self::default() };
        for Pause { namespace, handler, .. } in &paused.all {
            match handler {
                Some(name) => {
                    paused.handlers.entry(namespace.clone()).or_default().insert(name.clone());
                }
                None => {
                    paused.namespaces.insert(namespace.clone());
                }
            }
        }
        paused
    }

    /// Whether steps of this handler are not to be claimed.
    pub fn covers(&self, template: &Template) -> bool {
        !self.all.is_empty()
            && (self.namespaces.contains(&*template.namespace)
                || self.handlers.get(&*template.namespace).is_some_and(|names| names.contains(&*template.name)))
    }

    /// Everything that is paused, by namespace and name.
    pub fn all(&self) -> &[Pause] {
        &self.all
    }

    fn has(&self, other: &Pause) -> bool {
        self.all.iter().any(|pause| pause.namespace == other.namespace && pause.handler == other.handler)
    }
}

impl Pauses {
    /// Begins without knowing.
    pub fn new(store: Store, workforce: Workforce, clock: Clock) -> Self {
        Self(Arc::new(Inner { store, workforce, clock, heard: ArcSwapOption::empty(), reading: Mutex::new(()) }))
    }

    /// What is paused, as far as this server has heard; `None` before it has heard anything.
    pub fn heard(&self) -> Option<Arc<Paused>> {
        self.0.heard.load_full()
    }

    /// Reads anew what is paused. What is no longer paused comes back to its queues at once.
    pub async fn refresh(&self) -> store::Result<()> {
        let _alone = self.0.reading.lock().await;
        let paused = Arc::new(Paused::new(store::pauses::list(self.0.store.pool()).await?));
        let before = self.0.heard.swap(Some(Arc::clone(&paused)));
        let Some(before) = before else {
            // Steps may have waited for that.
            self.0.workforce.expect_work_everywhere();
            return Ok(());
        };
        for Pause { namespace, handler, .. } in before.all.iter().filter(|pause| !paused.has(pause)) {
            let now = self.0.clock.now();
            let back = store::pauses::release(self.0.store.pool(), namespace, handler.as_deref(), now).await?;
            tracing::info!(namespace, handler, steps = back, "no longer paused");
            self.0.workforce.expect_work_everywhere();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(namespace: &str, name: &str) -> Template {
        Template { id: 1, namespace: namespace.into(), name: name.into(), version: "1.0.0".into(), steps: Vec::new() }
    }

    /// Pauses such as `a.x b`; the handlers of `a.x a.y b.x` that they cover.
    fn check(pauses: &str, expected: &str) {
        let pause = |text: &str| {
            let (namespace, name) = text.split_once('.').unwrap_or((text, ""));
            let handler = (!name.is_empty()).then(|| name.to_owned());
            let (subject, requested_by, reason) = Default::default();
            Pause { namespace: namespace.to_owned(), handler, since: 0, subject, requested_by, reason }
        };
        let paused = Paused::new(pauses.split_whitespace().map(pause).collect());
        let covered = ["a.x", "a.y", "b.x"].into_iter().filter(|text| {
            let (namespace, name) = text.split_once('.').unwrap();
            paused.covers(&template(namespace, name))
        });
        assert_eq!(covered.collect::<Vec<_>>().join(" "), expected, "{pauses}");
    }

    #[test]
    fn a_pause_covers_a_handler_or_a_namespace() {
        check("", "");
        check("a.x", "a.x");
        check("a", "a.x a.y");
        check("b a.y", "a.y b.x");
        check("c a.z", "");
    }
}
