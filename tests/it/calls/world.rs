//! A server with one handler, a client, and a worker that does what the test tells it to.
//!
//! The handler is `order`: `reserve`, then `charge` and `label`, then `dispatch`. `label` may be bypassed,
//! `charge` has two attempts.

use std::time::Duration;

use tasker::app::App;
use tasker_sdk::{
    Client,
    proto::tasker::{
        v1::{
            CreateTaskRequest, CreateTaskResponse, GetStepRequest, GetTaskRequest, Handler, NewTask,
            RegisterHandlersRequest, State, Step, StepTemplate, Task, TaskView,
        },
        worker::v1::{
            AckOutcome, Assignment, ClaimStepsRequest, Failure, Offer, ReportResultsRequest, StepResult, Success,
            offer::Target, step_result::Outcome,
        },
    },
};
use tonic::Status;
use tonic_types::StatusExt;

use crate::harness::{self, Database, found};

/// The step handler of every step.
const STEP_HANDLER: &str = "OrderStep";

/// What tasks of `order` must look like.
const SCHEMA: &str = r#"{"type": "object", "properties": {"n": {"type": "integer"}}}"#;

pub struct World {
    pub database: Database,
    pub app: App,
    pub client: Client,
    session_id: String,
    claimed: Vec<Assignment>,
}

pub async fn world() -> World {
    world_with(&[]).await
}

/// A world with some keys of the configuration set.
pub async fn world_with(keys: &[(&str, &str)]) -> World {
    let database = harness::database().await;
    let app = harness::serve_with(&database, keys).await;
    let client = client(&app).await;
    let world = World { database, app, client, session_id: String::new(), claimed: Vec::new() };
    world.register("default", "order", "1.0.0").await;
    world
}

pub async fn client(app: &App) -> Client {
    Client::builder(app.endpoint().to_owned()).no_token().connect().await.unwrap()
}

/// A task of `order` with a context.
pub fn order(context_json: &str) -> NewTask {
    NewTask {
        handler: harness::handler_ref("", "order", ""),
        context_json: context_json.to_owned(),
        ..NewTask::default()
    }
}

/// `REASON`, then a line for each bad field.
pub fn told(status: &Status) -> String {
    let details = status.get_error_details();
    let mut lines = vec![details.error_info().map_or_else(|| format!("{status:?}"), |info| info.reason.clone())];
    if let Some(bad) = details.bad_request() {
        lines.extend(bad.field_violations.iter().map(|bad| format!("{}: {}", bad.field, bad.description)));
    }
    lines.join("\n")
}

/// What an error says by name.
pub fn metadata(status: &Status, key: &str) -> String {
    let details = status.get_error_details();
    details.error_info().and_then(|info| info.metadata.get(key).cloned()).unwrap_or_default()
}

impl World {
    pub async fn register(&self, namespace: &str, name: &str, version: &str) {
        let step = |name: &str, after: &[&str], limit: i32, skippable: bool| StepTemplate {
            name: name.to_owned(),
            step_handler: STEP_HANDLER.to_owned(),
            dependent_system: "warehouse".to_owned(),
            depends_on_steps: after.iter().map(|name| (*name).to_owned()).collect(),
            default_retry_limit: Some(limit),
            skippable,
            ..StepTemplate::default()
        };
        let handler = Handler {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            schema_json: SCHEMA.to_owned(),
            step_templates: vec![
                step("reserve", &[], 3, false),
                step("charge", &["reserve"], 2, false),
                step("label", &["reserve"], 3, true),
                step("dispatch", &["charge", "label"], 3, false),
            ],
            ..Handler::default()
        };
        let request = RegisterHandlersRequest { handlers: vec![handler], ..RegisterHandlersRequest::default() };
        self.client.handlers().register_handlers(request).await.unwrap();
    }

    pub async fn try_create(&self, task: NewTask) -> Result<CreateTaskResponse, Status> {
        let request = CreateTaskRequest { task: Some(task) };
        self.client.tasks().create_task(request).await.map(tonic::Response::into_inner)
    }

    /// The time of the database's clock, in microseconds.
    pub async fn now(&self) -> i64 {
        let question = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
        sqlx::query_scalar(question).fetch_one(self.database.store.pool()).await.unwrap()
    }

    /// The id of a new task.
    pub async fn create(&self, task: NewTask) -> String {
        self.try_create(task).await.unwrap().task.unwrap().task_id
    }

    pub async fn get(&self, task_id: &str, view: TaskView) -> Task {
        let request = GetTaskRequest { task_id: task_id.to_owned(), view: view.into(), ..GetTaskRequest::default() };
        self.client.tasks().get_task(request).await.unwrap().into_inner().task.unwrap()
    }

    /// A task with everything.
    pub async fn full(&self, task_id: &str) -> Task {
        self.get(task_id, TaskView::Full).await
    }

    /// The id of a step.
    pub async fn step_id(&self, task_id: &str, name: &str) -> String {
        let task = self.get(task_id, TaskView::Steps).await;
        task.steps.iter().find(|step| step.name == name).unwrap().step_id.clone()
    }

    pub async fn step(&self, task_id: &str, name: &str) -> Step {
        let request = GetStepRequest { step_id: self.step_id(task_id, name).await };
        self.client.steps().get_step(request).await.unwrap().into_inner().step.unwrap()
    }

    /// The state of a task and of each of its steps.
    pub async fn states(&self, task_id: &str) -> String {
        let task = self.get(task_id, TaskView::Steps).await;
        let steps: Vec<String> =
            task.steps.iter().map(|step| format!("{} {}", step.name, word(step.state()))).collect();
        format!("{}: {}", word(task.state()), steps.join(", "))
    }

    /// Waits for an attempt of a step and has it in hand.
    pub async fn claim(&mut self, task_id: &str, name: &str) -> Assignment {
        loop {
            let held = self.claimed.iter().position(|claimed| claimed.task_id == task_id && claimed.step_name == name);
            if let Some(place) = held {
                return self.claimed.swap_remove(place);
            }
            let request = ClaimStepsRequest {
                worker_id: "worker".to_owned(),
                session_id: self.session_id.clone(),
                offers: vec![Offer { target: Some(Target::StepHandler(STEP_HANDLER.to_owned())), ..Offer::default() }],
                max_steps: 20,
                wait: Some(Duration::from_secs(20).try_into().unwrap()),
            };
            let claimed = self.client.workers().claim_steps(request).await.unwrap().into_inner();
            self.session_id = claimed.session_id;
            assert!(!claimed.assignments.is_empty(), "nothing came up while waiting for {name}");
            self.claimed.extend(claimed.assignments);
        }
    }

    async fn report(&self, claimed: &Assignment, outcome: Outcome) -> AckOutcome {
        let result = StepResult {
            step_id: claimed.step_id.clone(),
            lease_token: claimed.lease_token,
            outcome: Some(outcome),
            ..StepResult::default()
        };
        let request = ReportResultsRequest { session_id: self.session_id.clone(), results: vec![result] };
        self.client.workers().report_results(request).await.unwrap().into_inner().acks[0].outcome()
    }

    /// Runs a step well.
    pub async fn finish(&mut self, task_id: &str, name: &str) {
        let claimed = self.claim(task_id, name).await;
        let success = Success { results_json: Some(format!("{{\"{name}\": true}}")) };
        assert_eq!(self.report(&claimed, Outcome::Success(success)).await, AckOutcome::Accepted);
    }

    /// Runs a step badly; the next attempt may follow at once.
    pub async fn fail(&mut self, task_id: &str, name: &str, permanent: bool) {
        self.fail_for(task_id, name, permanent, Duration::ZERO).await;
    }

    /// Runs a step badly; the next attempt may follow after a wait.
    pub async fn fail_for(&mut self, task_id: &str, name: &str, permanent: bool, wait: Duration) {
        let claimed = self.claim(task_id, name).await;
        let failure = Failure {
            error_class: "OutOfStock".to_owned(),
            message: "none left".to_owned(),
            backtrace: "shelf.rs:7".to_owned(),
            error_code: "STOCK_0".to_owned(),
            permanent,
            retry_after: Some(wait.try_into().unwrap()),
            ..Failure::default()
        };
        assert_eq!(self.report(&claimed, Outcome::Failure(failure)).await, AckOutcome::Accepted);
    }

    /// Runs a step badly, with a stack of this length; the next attempt may follow at once.
    pub async fn fail_at_length(&mut self, task_id: &str, name: &str, backtrace: &str) {
        let claimed = self.claim(task_id, name).await;
        let failure = Failure {
            error_class: "OutOfStock".to_owned(),
            backtrace: backtrace.to_owned(),
            retry_after: Some(prost_types::Duration::default()),
            ..Failure::default()
        };
        assert_eq!(self.report(&claimed, Outcome::Failure(failure)).await, AckOutcome::Accepted);
    }

    /// Reports an attempt that somebody has ended.
    pub async fn too_late(&mut self, claimed: &Assignment) {
        let outcome = Outcome::Success(Success { results_json: Some("{}".to_owned()) });
        assert_eq!(self.report(claimed, outcome).await, AckOutcome::Stale);
    }

    /// Runs everything well.
    pub async fn run(&mut self, task_id: &str) {
        for name in ["reserve", "charge", "label", "dispatch"] {
            self.finish(task_id, name).await;
        }
        self.settled(task_id, State::Complete).await;
    }

    /// Waits for a state of a task.
    pub async fn settled(&self, task_id: &str, state: State) -> Task {
        found(&format!("the task is {state:?}"), async || {
            let task = self.full(task_id).await;
            (task.state() == state).then_some(task)
        })
        .await
    }
}

/// A state as the original service writes it.
pub fn word(state: State) -> String {
    state.as_str_name().trim_start_matches("STATE_").to_lowercase()
}
