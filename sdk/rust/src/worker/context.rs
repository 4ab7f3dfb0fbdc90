//! What a handler is given: owns the view of one attempt; never reports results, which the session does.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{
    sync::{OnceCell, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{Event, Execution},
    cancel::{Cancel, CancelReason},
    clock::ServerClock,
    ledger::Key,
    progress::ProgressCell,
    step_error::StepError,
};
use crate::{
    client::Client,
    errors::Error,
    proto::tasker::{
        v1::HandlerRef,
        worker::v1::{Assignment, DependencyResult, FetchDependenciesRequest},
    },
};

/// One attempt of a step. Clones are the same attempt.
#[derive(Clone)]
pub struct StepContext(Arc<Attempt>);

struct Attempt {
    assignment: Assignment,
    deadline: Option<Instant>,
    cancel: Cancel,
    /// Cancelled once the worker is going.
    drain: CancellationToken,
    client: Client,
    events: mpsc::UnboundedSender<Event>,
    progress: Arc<ProgressCell>,
    execution: Weak<Execution>,
    /// Parents' results that had to be fetched.
    fetched: OnceCell<Vec<DependencyResult>>,
}

/// What an attempt needs besides its assignment.
pub(crate) struct Surroundings {
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancel: Cancel,
    pub(crate) drain: CancellationToken,
    pub(crate) client: Client,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) execution: Weak<Execution>,
}

impl StepContext {
    pub(crate) fn new(assignment: Assignment, surroundings: Surroundings) -> Self {
        let Surroundings { deadline, cancel, drain, client, events, execution } = surroundings;
        let progress = Arc::new(ProgressCell::new(Key::new(&assignment.step_id, assignment.lease_token)));
        let fetched = OnceCell::new();
        Self(Arc::new(Attempt { assignment, deadline, cancel, drain, client, events, progress, execution, fetched }))
    }

    /// An attempt that no server knows of, for tests of handlers. Cancelling the token cancels it.
    ///
    /// Must be called within a tokio runtime.
    pub fn detached(assignment: Assignment, cancel: CancellationToken) -> Self {
        let client = Client::builder("http://localhost:7077").no_token().connect_lazy().expect("a fine endpoint");
        let deadline = assignment.deadline_time.as_ref().and_then(|time| ServerClock::default().instant(time));
        let surroundings = Surroundings {
            deadline,
            cancel: Cancel::new(cancel),
            drain: CancellationToken::new(),
            client,
            events: mpsc::unbounded_channel().0,
            execution: Weak::new(),
        };
        Self::new(assignment, surroundings)
    }

    /// Keeps the attempt's slot for as long as it is held.
    pub(crate) fn execution(&self) -> Option<Arc<Execution>> {
        self.0.execution.upgrade()
    }

    /// The task.
    pub fn task_id(&self) -> &str {
        &self.0.assignment.task_id
    }

    /// The step.
    pub fn step_id(&self) -> &str {
        &self.0.assignment.step_id
    }

    /// The step's name.
    pub fn step_name(&self) -> &str {
        &self.0.assignment.step_name
    }

    /// The handler version that the task runs.
    pub fn handler(&self) -> &HandlerRef {
        const NONE: &HandlerRef = &HandlerRef { namespace: String::new(), name: String::new(), version: String::new() };
        self.0.assignment.handler.as_ref().unwrap_or(NONE)
    }

    /// The fencing token: it only grows for a step, so send it along with writes to other systems and let the
    /// greater one win.
    pub fn lease_token(&self) -> i64 {
        self.0.assignment.lease_token
    }

    /// The number of this attempt among those that count, from 1.
    pub fn attempt(&self) -> i32 {
        self.0.assignment.attempt
    }

    /// Attempts allowed in total.
    pub fn retry_limit(&self) -> i32 {
        self.0.assignment.retry_limit
    }

    /// The assignment as it was sent, with everything that has no accessor here.
    pub fn assignment(&self) -> &Assignment {
        &self.0.assignment
    }

    /// The step's input as JSON text: the task's context unless somebody changed it.
    pub fn inputs_json(&self) -> &str {
        or_empty_object(&self.0.assignment.inputs_json)
    }

    /// The step's input as a type. Input that does not fit is a permanent failure.
    pub fn inputs<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        parse("inputs", "InvalidInputs", self.inputs_json())
    }

    /// The handler configuration of the step template as JSON text; `{}` for none.
    pub fn handler_config_json(&self) -> &str {
        or_empty_object(&self.0.assignment.handler_config_json)
    }

    /// The handler configuration of the step template as a type. One that does not fit is a permanent failure.
    pub fn handler_config<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        parse("handler configuration", "InvalidConfiguration", self.handler_config_json())
    }

    /// What one parent produced. A step that is no parent, or a result that does not fit, is a permanent failure.
    pub async fn dependency<T: DeserializeOwned>(&self, step_name: &str) -> Result<T, StepError> {
        let found = self.dependencies_json().await?.iter().find(|dependency| dependency.step_name == step_name);
        let Some(found) = found else {
            return Err(
                StepError::permanent(format!("the step has no parent named {step_name}")).class("UnknownParent")
            );
        };
        parse(&format!("result of {step_name}"), "InvalidDependency", or_empty_object(&found.results_json))
    }

    /// What the parents produced, by step name.
    pub async fn dependencies<T: DeserializeOwned>(&self) -> Result<BTreeMap<String, T>, StepError> {
        self.dependencies_json()
            .await?
            .iter()
            .map(|dependency| {
                let name = &dependency.step_name;
                let value = parse(
                    &format!("result of {name}"),
                    "InvalidDependency",
                    or_empty_object(&dependency.results_json),
                )?;
                Ok((name.clone(), value))
            })
            .collect()
    }

    /// What the parents produced as JSON text; fetched now if it was too large to come along.
    pub async fn dependencies_json(&self) -> Result<&[DependencyResult], StepError> {
        if !self.0.assignment.dependencies_omitted {
            return Ok(&self.0.assignment.dependencies);
        }
        Ok(self.0.fetched.get_or_try_init(|| self.fetch_dependencies()).await?)
    }

    async fn fetch_dependencies(&self) -> Result<Vec<DependencyResult>, Error> {
        let mut service = self.0.client.workers();
        let mut request = FetchDependenciesRequest {
            step_id: self.step_id().to_owned(),
            lease_token: self.lease_token(),
            ..Default::default()
        };
        let mut dependencies = Vec::new();
        loop {
            let page = service.fetch_dependencies(request.clone()).await?.into_inner();
            dependencies.extend(page.dependencies);
            if page.next_page_token.is_empty() {
                return Ok(dependencies);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// When the attempt times out, if ever: the server's deadline on the local monotonic clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// How long until the attempt times out; zero once it has, `None` when it never does.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the attempt is to stop; [`Self::cancel_reason`] says why.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    /// Why the attempt is to stop; `None` while it is not.
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.0.cancel.reason()
    }

    /// Waits until the attempt is to stop, and says why. A future that still runs a grace later is dropped.
    pub async fn cancelled(&self) -> CancelReason {
        self.0.cancel.cancelled().await;
        self.0.cancel.reason().unwrap_or(CancelReason::Cancelled)
    }

    /// Whether the worker is going: it takes no further steps, and this attempt has the grace of the drain to finish.
    pub fn is_shutting_down(&self) -> bool {
        self.0.drain.is_cancelled()
    }

    /// Waits until the worker is going.
    pub async fn shutting_down(&self) {
        self.0.drain.cancelled().await;
    }

    /// Says how far the attempt has come, from 0 to 100, and what it does now. Of many calls the latest is sent.
    pub fn progress(&self, percent: f64, note: impl AsRef<str>) {
        if self.0.progress.set(percent, note.as_ref()) {
            // Nobody listens any more when the worker has ended; progress is a courtesy.
            let _ = self.0.events.send(Event::Progress(Arc::clone(&self.0.progress)));
        }
    }
}

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext")
            .field("step_id", &self.step_id())
            .field("step_name", &self.step_name())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

fn or_empty_object(json: &str) -> &str {
    if json.is_empty() { "{}" } else { json }
}

fn parse<T: DeserializeOwned>(what: &str, class: &str, json: &str) -> Result<T, StepError> {
    serde_json::from_str(json)
        .map_err(|error| StepError::permanent(format!("the {what} does not fit: {error}")).class(class))
}
