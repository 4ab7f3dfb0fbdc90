//! A server, handlers and tasks for workers of the Rust SDK, all through gRPC; moves are read from the audit trail.

use tasker::app::App;
use tasker_sdk::{
    Client, StepContext, StepError, Worker, WorkerHandle,
    proto::tasker::v1::{
        CancelTaskRequest, CreateTaskRequest, Handler, NewTask, RegisterHandlersRequest, StepTemplate,
    },
    worker::WorkerBuilder,
};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::harness::{Database, database, eventually, serve_with};

/// The step handler of steps that name none.
pub const STEP_HANDLER: &str = "Work";

/// Short leases, for tests in which they run out.
pub const IMPATIENT: &[(&str, &str)] =
    &[("sessions.lease_ttl_ms", "1000"), ("sessions.heartbeat_ms", "250"), ("sweeper.interval_ms", "50")];

pub struct World {
    database: Database,
    pub server: Option<App>,
    pub endpoint: String,
    pub client: Client,
}

/// A world whose tasks have these steps: `a; b < a; c < a b`.
pub async fn world(steps: &str) -> World {
    world_with(&[], steps).await
}

pub async fn world_with(keys: &[(&str, &str)], steps: &str) -> World {
    let database = database().await;
    let app = serve_with(&database, keys).await;
    let endpoint = app.endpoint().to_owned();
    let client = Client::builder(&endpoint).no_token().connect().await.unwrap();
    let world = World { database, server: Some(app), endpoint, client };
    world.register(steps.split(';').map(template).collect()).await;
    world
}

fn template(step: &str) -> StepTemplate {
    let (name, parents) = step.split_once('<').unwrap_or((step, ""));
    StepTemplate {
        name: name.trim().to_owned(),
        step_handler: STEP_HANDLER.to_owned(),
        depends_on_steps: parents.split_whitespace().map(str::to_owned).collect(),
        ..StepTemplate::default()
    }
}

impl World {
    /// Registers the one handler of the world anew.
    pub async fn register(&self, step_templates: Vec<StepTemplate>) {
        let handler = Handler { name: "work".into(), step_templates, ..Handler::default() };
        let request = RegisterHandlersRequest { handlers: vec![handler], replace: true, ..Default::default() };
        self.client.handlers().register_handlers(request).await.unwrap();
    }

    /// Another server on the same database.
    pub async fn another_server(&self) -> App {
        serve_with(&self.database, &[]).await
    }

    /// Whether the server says that it takes calls.
    pub async fn is_serving(&self) -> bool {
        let channel = Channel::from_shared(self.endpoint.clone()).unwrap().connect_lazy();
        let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
        answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
    }

    /// A worker with one handler for every step.
    pub fn worker<F, Fut, T>(&self, handler: F) -> WorkerBuilder
    where
        F: Fn(StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, StepError>> + Send + 'static,
        T: serde::Serialize + 'static,
    {
        worker_at(&self.endpoint).step(STEP_HANDLER, handler)
    }

    /// Submits a task.
    pub async fn create(&self) -> String {
        let task = NewTask {
            handler: crate::harness::handler_ref("", "work", ""),
            context_json: r#"{"n":7}"#.into(),
            ..NewTask::default()
        };
        let created = self.client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await.unwrap();
        created.into_inner().task.unwrap().task_id
    }

    pub async fn cancel(&self, task: &str) {
        let request = CancelTaskRequest { task_id: task.to_owned(), ..CancelTaskRequest::default() };
        self.client.tasks().cancel_task(request).await.unwrap();
    }

    /// The moves of a step: attempt, state, and the class of the error.
    pub async fn trail(&self, task: &str, step_no: i16) -> String {
        let moves: Vec<String> = sqlx::query_scalar(
            "select concat_ws(' ', attempt, tasker_state_name(to_state), metadata ->> 'error_class') \
             from transitions where task_id = $1::text::uuid and step_no = $2 and from_state is distinct from to_state \
             order by sequence",
        )
        .bind(task)
        .bind(step_no)
        .fetch_all(self.database.store.pool())
        .await
        .unwrap();
        moves.join(", ")
    }

    /// What a step produced.
    pub async fn results(&self, task: &str, step_no: i16) -> serde_json::Value {
        let text: String = sqlx::query_scalar(
            "select results::text from transitions where task_id = $1::text::uuid and step_no = $2 \
             and results is not null",
        )
        .bind(task)
        .bind(step_no)
        .fetch_one(self.database.store.pool())
        .await
        .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until a task is in this state.
    pub async fn settles(&self, task: &str, state: &str) {
        eventually(&format!("the task is {state}"), async || {
            let now: String =
                sqlx::query_scalar("select tasker_state_name(state) from tasks where task_id = $1::text::uuid")
                    .bind(task)
                    .fetch_one(self.database.store.pool())
                    .await
                    .unwrap();
            now == state
        })
        .await;
    }

    /// The texts of a statement about a task.
    pub async fn text(&self, sql: &'static str, task: &str) -> Vec<String> {
        sqlx::query_scalar(sql).bind(task).fetch_all(self.database.store.pool()).await.unwrap()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.store.pool()).await.unwrap()
    }

    /// Sessions that are neither closed nor expired.
    pub async fn sessions(&self) -> i64 {
        self.count("select count(*) from sessions where closed_at is null and expires_at > now()").await
    }
}

pub fn worker_at(endpoint: &str) -> WorkerBuilder {
    let client = Client::builder(endpoint).no_token().connect_lazy().unwrap();
    Worker::with_client(client).signals(false).worker_id("w")
}

/// Runs a worker beside the test.
pub fn start(worker: WorkerBuilder) -> (WorkerHandle, JoinHandle<tasker_sdk::Result<()>>) {
    let worker = worker.build().unwrap();
    (worker.handle(), tokio::spawn(worker.run()))
}
