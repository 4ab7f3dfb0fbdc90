//! What a handler is given: owns the view of one attempt; never reports results, which the session does.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;
use tokio::sync::{OnceCell, mpsc};
use tokio_util::sync::CancellationToken;

use super::{attempt::Event, step_error::StepError};
use crate::{
    client::Client,
    errors::Error,
    proto::tasker::worker::v1::{Assignment, DependencyResult, FetchDependenciesRequest, Progress},
};

/// One attempt of a step. Clones are the same attempt.
#[derive(Clone)]
pub struct StepContext(Arc<Attempt>);

struct Attempt {
    assignment: Assignment,
    cancel: CancellationToken,
    client: Client,
    events: mpsc::UnboundedSender<Event>,
    /// Parents' results that had to be fetched.
    fetched: OnceCell<Vec<DependencyResult>>,
}

impl StepContext {
    pub(crate) fn new(
        assignment: Assignment,
        cancel: CancellationToken,
        client: Client,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        Self(Arc::new(Attempt { assignment, cancel, client, events, fetched: OnceCell::new() }))
    }

    /// An attempt that no server knows of, for tests of handlers. Cancelling the token cancels it.
    ///
    /// Must be called within a tokio runtime.
    pub fn detached(assignment: Assignment, cancel: CancellationToken) -> Self {
        let client = Client::builder("http://localhost:7077").no_token().connect_lazy().expect("a fine endpoint");
        Self::new(assignment, cancel, client, mpsc::unbounded_channel().0)
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

    /// The fencing token: it only grows for a step, so send it along with writes to other systems and let the
    /// greater one win.
    pub fn lease_token(&self) -> i64 {
        self.0.assignment.lease_token
    }

    /// The number of this attempt, from 1.
    pub fn attempt(&self) -> i32 {
        self.0.assignment.attempt
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

    /// When the attempt times out, if ever.
    pub fn deadline(&self) -> Option<SystemTime> {
        let time = self.0.assignment.deadline_time.as_ref()?;
        let whole = Duration::from_secs(u64::try_from(time.seconds).ok()?);
        Some(SystemTime::UNIX_EPOCH + whole + Duration::from_nanos(u64::try_from(time.nanos).ok()?))
    }

    /// Whether the attempt is to stop: its task was cancelled, its lease is lost, or the worker is going.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }

    /// Waits until the attempt is to stop. Whatever is still running a grace later is dropped.
    pub async fn cancelled(&self) {
        self.0.cancel.cancelled().await;
    }

    /// Says how far the attempt has come, from 0 to 100, and what it does now.
    pub fn progress(&self, percent: f64, note: impl Into<String>) {
        let progress = Progress {
            step_id: self.step_id().to_owned(),
            lease_token: self.lease_token(),
            percent: percent.clamp(0.0, 100.0),
            note: note.into().chars().take(255).collect(),
        };
        // Nobody listens any more when the worker has ended; progress is a courtesy.
        let _ = self.0.events.send(Event::Progress(progress));
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
