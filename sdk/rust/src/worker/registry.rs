//! Which function runs which step: owns the registered functions and the offers that follow from them.

use std::{
    any::TypeId,
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
use crate::{
    errors::{Error, Result as SetupResult},
    proto::tasker::{
        v1::HandlerRef,
        worker::v1::{Assignment, Offer, offer::Target},
    },
};

/// A function that ends within this time on its first poll is called within the session from then on.
const QUICK: Duration = Duration::from_micros(50);
/// One that once takes longer than this is no longer.
const SLOW: Duration = Duration::from_micros(500);
const NAME_CHARS_MAX: usize = 255;

/// The result as JSON text; `None` for nothing.
pub(crate) type Outcome = Result<Option<String>, StepError>;

type Call = dyn Fn(StepContext) -> BoxFuture<'static, Outcome> + Send + Sync;

/// A registered function.
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
        T: Serialize + 'static,
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

/// The result as JSON text; nothing for `()`. A null, such as that of `None`, is a result.
fn json<T: Serialize + 'static>(value: &T) -> Outcome {
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Ok(None);
    }
    serde_json::to_string(value).map(Some).map_err(|error| {
        StepError::permanent(format!("the result cannot be written as JSON: {error}")).class("InvalidResult")
    })
}

/// The steps that a function runs: a step handler, or a handler all of whose steps it runs; a name is one.
///
/// ```
/// use tasker_sdk::worker::Steps;
///
/// let steps = Steps::of("ship_parcel").namespace("logistics").versions(["1.4.0", "1.5.0"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Steps {
    name: String,
    namespace: Option<String>,
    versions: Vec<String>,
}

impl Steps {
    /// The steps of a step handler, or of a handler, in the worker's namespace and in all versions.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: None, versions: Vec::new() }
    }

    /// Those of another namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only those of these handler versions. A worker that names the versions that it was built for is never given a step
    /// that only a newer one knows.
    pub fn versions<V: Into<String>>(mut self, versions: impl IntoIterator<Item = V>) -> Self {
        self.versions = versions.into_iter().map(Into::into).collect();
        self
    }
}

impl From<&str> for Steps {
    fn from(name: &str) -> Self {
        Self::of(name)
    }
}

impl From<String> for Steps {
    fn from(name: String) -> Self {
        Self::of(name)
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    StepHandler,
    Handler,
}

/// The functions of a worker.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    step_handlers: Functions,
    handlers: Functions,
    offers: Vec<Offer>,
}

/// By name and namespace.
type Functions = HashMap<String, HashMap<String, Vec<Function>>>;

#[derive(Debug)]
struct Function {
    versions: Vec<String>,
    entry: Arc<Entry>,
}

impl Registry {
    /// Registers functions, or says which registration is wrong. Two of the same steps are.
    pub(crate) fn new(
        default_namespace: &str,
        registered: impl IntoIterator<Item = (Kind, Steps, Arc<Entry>)>,
    ) -> SetupResult<Self> {
        let mut registry = Self::default();
        for (kind, Steps { name, namespace, versions }, entry) in registered {
            let namespace = namespace.unwrap_or_else(|| default_namespace.to_owned());
            for text in [&namespace, &name] {
                if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.chars().any(char::is_control) {
                    return Err(Error::Setup(format!(
                        "`{}` is no name of a handler or a namespace",
                        text.escape_debug()
                    )));
                }
            }
            let functions = match kind {
                Kind::StepHandler => &mut registry.step_handlers,
                Kind::Handler => &mut registry.handlers,
            };
            let of_namespace = functions.entry(name.clone()).or_default().entry(namespace.clone()).or_default();
            if of_namespace.iter().any(|other| other.overlaps(&versions)) {
                return Err(Error::Setup(format!("the steps of `{name}` in `{namespace}` are registered twice")));
            }
            let target = match kind {
                Kind::StepHandler => Target::StepHandler(name),
                Kind::Handler => Target::Handler(name),
            };
            registry.offers.push(Offer { namespace, target: Some(target), versions: versions.clone() });
            of_namespace.push(Function { versions, entry });
        }
        if registry.offers.is_empty() {
            return Err(Error::Setup("the worker has no handlers".into()));
        }
        Ok(registry)
    }

    /// The offers of the worker.
    pub(crate) fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// The function of an assignment: that of its step handler, else that of its handler.
    pub(crate) fn find(&self, assignment: &Assignment) -> Option<&Arc<Entry>> {
        let handler = assignment.handler.as_ref()?;
        let HandlerRef { namespace, name, version } = handler;
        let by_step = find(&self.step_handlers, &assignment.step_handler, namespace, version);
        by_step.or_else(|| find(&self.handlers, name, namespace, version))
    }
}

fn find<'a>(functions: &'a Functions, name: &str, namespace: &str, version: &str) -> Option<&'a Arc<Entry>> {
    let functions = functions.get(name)?.get(namespace)?;
    functions.iter().find(|function| function.runs(version)).map(|function| &function.entry)
}

impl Function {
    fn runs(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|ours| ours == version)
    }

    fn overlaps(&self, versions: &[String]) -> bool {
        versions.is_empty()
            || self.versions.is_empty()
            || versions.iter().any(|version| self.versions.contains(version))
    }
}

#[cfg(test)]
mod tests;
