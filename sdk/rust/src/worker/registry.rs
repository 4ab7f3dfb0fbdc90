//! Which handler runs which step: owns the registered handlers and what the worker offers because of them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use serde::Serialize;

use super::{context::StepContext, step_error::StepError};
use crate::proto::tasker::worker::v1::{Assignment, Offer};

/// A handler that ends within this time on its first poll is called within the session from then on.
const QUICK: Duration = Duration::from_micros(50);
/// One that once takes longer than this is no longer.
const SLOW: Duration = Duration::from_micros(500);

pub(crate) type Outcome = Result<String, StepError>;

type Call = dyn Fn(StepContext) -> BoxFuture<'static, Outcome> + Send + Sync;

/// A registered handler.
pub(crate) struct Entry {
    call: Box<Call>,
    quick: AtomicBool,
}

impl Entry {
    /// Wraps a function whose results become JSON text.
    pub(crate) fn new<F, Fut, T>(handler: F) -> Self
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize,
    {
        let call = move |context: StepContext| -> BoxFuture<'static, Outcome> {
            let future = handler(context);
            Box::pin(async move { json(&future.await?) })
        };
        Self { call: Box::new(call), quick: AtomicBool::new(false) }
    }

    pub(crate) fn call(&self, context: StepContext) -> BoxFuture<'static, Outcome> {
        (self.call)(context)
    }

    /// Whether attempts usually end on their first poll, at once.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed)
    }

    /// Learns from an attempt that ended on its first poll.
    pub(crate) fn ended_at_once(&self, took: Duration) {
        if took <= QUICK {
            self.quick.store(true, Ordering::Relaxed);
        } else if took > SLOW {
            self.quick.store(false, Ordering::Relaxed);
        }
    }

    /// Learns from an attempt that had to wait.
    pub(crate) fn waited(&self) {
        self.quick.store(false, Ordering::Relaxed);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("quick", &self.quick).finish_non_exhaustive()
    }
}

/// The result as JSON text; nothing for `()`.
fn json<T: Serialize>(value: &T) -> Outcome {
    let text = serde_json::to_string(value).map_err(|error| {
        StepError::permanent(format!("the result cannot be written as JSON: {error}")).class("InvalidResult")
    })?;
    Ok(if text == "null" { String::new() } else { text })
}

/// The handlers of a worker, by namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    namespaces: HashMap<String, Handlers>,
    offers: Vec<Offer>,
}

#[derive(Debug, Default)]
struct Handlers {
    by_step_handler: HashMap<String, Arc<Entry>>,
    by_task_handler: HashMap<String, Arc<Entry>>,
}

impl Registry {
    /// Runs the steps of a step handler; the later of two registrations counts.
    pub(crate) fn step_handler(&mut self, namespace: &str, name: String, entry: Arc<Entry>) {
        let handlers = self.namespaces.entry(namespace.to_owned()).or_default();
        if handlers.by_step_handler.insert(name.clone(), entry).is_none() {
            self.offers.push(Offer { namespace: namespace.to_owned(), step_handler: name, handler: String::new() });
        }
    }

    /// Runs all steps of a task handler; the later of two registrations counts.
    pub(crate) fn task_handler(&mut self, namespace: &str, name: String, entry: Arc<Entry>) {
        let handlers = self.namespaces.entry(namespace.to_owned()).or_default();
        if handlers.by_task_handler.insert(name.clone(), entry).is_none() {
            self.offers.push(Offer { namespace: namespace.to_owned(), step_handler: String::new(), handler: name });
        }
    }

    /// What the worker offers.
    pub(crate) fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// The handler of an assignment: that of its step handler, else that of its task handler.
    pub(crate) fn find(&self, assignment: &Assignment) -> Option<&Arc<Entry>> {
        let handlers = self.namespaces.get(&assignment.namespace)?;
        handlers
            .by_step_handler
            .get(&assignment.handler_class)
            .or_else(|| handlers.by_task_handler.get(&assignment.task_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_handler_goes_before_a_task_handler_and_namespaces_are_apart() {
        let mut registry = Registry::default();
        let one = Arc::new(Entry::new(|_| async { Ok(1) }));
        let all = Arc::new(Entry::new(|_| async { Ok(2) }));
        registry.step_handler("default", "Label".into(), one.clone());
        registry.task_handler("default", "ship".into(), all.clone());
        registry.step_handler("default", "Label".into(), one.clone());
        assert_eq!(registry.offers().len(), 2);

        let check = |namespace: &str, class: &str, task: &str, expected: Option<&Arc<Entry>>| {
            let assignment = Assignment {
                namespace: namespace.into(),
                handler_class: class.into(),
                task_name: task.into(),
                ..Default::default()
            };
            let found = registry.find(&assignment);
            assert_eq!(found.map(Arc::as_ptr), expected.map(Arc::as_ptr), "{namespace} {class} {task}");
        };
        check("default", "Label", "ship", Some(&one));
        check("default", "Other", "ship", Some(&all));
        check("default", "Other", "other", None);
        check("billing", "Label", "ship", None);
    }

    #[test]
    fn handlers_are_learnt() {
        let entry = Entry::new(|_| async { Ok(()) });
        let check = |expected: bool| assert_eq!(entry.is_quick(), expected);
        check(false);
        entry.ended_at_once(QUICK);
        check(true);
        entry.ended_at_once(SLOW);
        check(true);
        entry.ended_at_once(SLOW * 2);
        check(false);
        entry.ended_at_once(QUICK);
        entry.waited();
        check(false);
    }
}
