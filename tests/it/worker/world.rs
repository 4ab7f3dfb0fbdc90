//! A server for workers of the Rust SDK, on an engine and a database of the test's own.

use std::{sync::Arc, time::Duration};

use tasker::{
    domain::{ids::TaskId, run::Operation},
    engine::{Engine, Settings},
    lifecycle::{NewTask, Request, Templates},
    proto::tasker::worker::v1::worker_service_server::WorkerServiceServer,
    rpc::workers::Workers,
    service::dependencies::Dependencies,
};
use tasker_sdk::{Client, Worker, worker::WorkerBuilder};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{Database, database, eventually};

/// The step handler of every step.
pub const STEP_HANDLER: &str = "noop";

pub struct World {
    database: Database,
    engine: Arc<Engine>,
    templates: Templates,
    pub address: std::net::SocketAddr,
    handler: i32,
    _serving: DropGuard,
}

/// A world whose tasks have these steps, each named with the numbers of its parents.
pub async fn world(steps: &[(&str, &[i16])]) -> World {
    world_with(Settings::default(), steps).await
}

pub async fn world_with(settings: Settings, steps: &[(&str, &[i16])]) -> World {
    let database = database().await;
    let handler = handler(&database, steps).await;
    let templates = Templates::new(database.store.clone());
    let engine = Arc::new(Engine::start(settings, database.store.clone(), templates.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let dependencies = Dependencies::new(database.store.clone(), templates.clone());
    let workers = Workers::new(engine.sessions().clone(), dependencies, 1 << 20);
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(WorkerServiceServer::new(workers).max_decoding_message_size(16 << 20))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().cancelled_owned()),
    );
    World { database, engine, templates, address, handler, _serving: stop.drop_guard() }
}

/// Short leases, for tests in which they run out.
pub fn impatient() -> Settings {
    Settings {
        lease_ttl: Duration::from_millis(600),
        heartbeat_interval: Duration::from_millis(150),
        sweep_interval: Duration::from_millis(50),
        ..Settings::default()
    }
}

impl World {
    /// A worker with one handler for every step.
    pub fn worker<F, Fut, T>(&self, handler: F) -> WorkerBuilder
    where
        F: Fn(tasker_sdk::StepContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, tasker_sdk::StepError>> + Send + 'static,
        T: serde::Serialize,
    {
        worker_at(&self.address.to_string()).handle(STEP_HANDLER, handler)
    }

    /// A client.
    pub async fn client(&self) -> Client {
        Client::builder(self.address.to_string()).no_token().connect().await.unwrap()
    }

    pub async fn create(&self) -> TaskId {
        let new = NewTask {
            template: self.templates.get(self.handler).await.unwrap(),
            context_json: Arc::from(r#"{"n":7}"#),
            initiator: "me".into(),
            source_system: "unknown".into(),
            reason: "unknown".into(),
            tags: vec![],
            bypass: vec![],
            requested_at: self.engine.clock().now(),
            identity: None,
            correlation_id: None,
            deadline_at: None,
            created_by: None,
            trace_context: None,
        };
        self.engine.writer().create_task(new).await.unwrap().task_id
    }

    pub async fn cancel(&self, task: TaskId) {
        let operation = Operation { name: "cancel_task", requested_by: "me".into(), reason: "a test".into() };
        self.engine.writer().apply(task, Request::CancelTask(operation)).await.unwrap();
    }

    /// The moves of a step: state, attempt, and the class of the error.
    pub async fn trail(&self, task: TaskId, step_no: i16) -> String {
        let moves: Vec<String> = sqlx::query_scalar(
            "select concat_ws(' ', attempt, tasker_state_name(to_state), metadata #>> '{error,error_class}', \
             metadata ->> 'error_class') from transitions where task_id = $1 and step_no = $2 \
             and from_state is distinct from to_state order by sequence",
        )
        .bind(task.uuid())
        .bind(step_no)
        .fetch_all(self.database.store.pool())
        .await
        .unwrap();
        moves.join(", ")
    }

    /// What a step produced.
    pub async fn results(&self, task: TaskId, step_no: i16) -> serde_json::Value {
        let text: String = sqlx::query_scalar(
            "select results::text from transitions where task_id = $1 and step_no = $2 and results is not null",
        )
        .bind(task.uuid())
        .bind(step_no)
        .fetch_one(self.database.store.pool())
        .await
        .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until a task has come to an end or to rest.
    pub async fn settles(&self, task: TaskId, state: &str) {
        eventually(&format!("the task is {state}"), async || {
            let now: String = sqlx::query_scalar("select tasker_state_name(state) from tasks where task_id = $1")
                .bind(task.uuid())
                .fetch_one(self.database.store.pool())
                .await
                .unwrap();
            now == state
        })
        .await;
    }

    /// How many sessions are open.
    pub async fn sessions(&self) -> usize {
        self.engine.sessions().list(None).await.unwrap().len()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.store.pool()).await.unwrap()
    }
}

pub fn worker_at(endpoint: &str) -> WorkerBuilder {
    let client = Client::builder(endpoint).no_token().connect_lazy().unwrap();
    Worker::with_client(client).signals(false).worker_id("w")
}

/// Runs a worker beside the test; aborting it is as good as a crash.
pub fn start(worker: WorkerBuilder) -> (tasker_sdk::WorkerHandle, JoinHandle<tasker_sdk::Result<()>>) {
    let worker = worker.build().unwrap();
    (worker.handle(), tokio::spawn(worker.run()))
}

async fn handler(database: &Database, steps: &[(&str, &[i16])]) -> i32 {
    let pool = database.store.pool();
    let sql = "insert into named_tasks (task_namespace_id, name, version, version_order, configuration, content_hash) \
               values (1, 't', '1.0.0', '{1,0,0}', '{}', '') returning named_task_id";
    let id: i32 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
    sqlx::query("insert into dependent_systems (name) values ('unknown')").execute(pool).await.unwrap();
    sqlx::query("insert into step_handlers (task_namespace_id, name) values (1, $1)")
        .bind(STEP_HANDLER)
        .execute(pool)
        .await
        .unwrap();
    for (no, (name, parents)) in (0_i16..).zip(steps) {
        let sql = "with step as (insert into named_steps (dependent_system_id, name) values (1, $3) returning \
                   named_step_id) insert into named_tasks_named_steps (named_task_id, step_no, named_step_id, \
                   step_handler_id, step_name) select $1, $2, named_step_id, 1, $3 from step";
        sqlx::query(sql).bind(id).bind(no).bind(name).execute(pool).await.unwrap();
        for parent in *parents {
            let sql = "insert into named_task_edges (named_task_id, from_step_no, to_step_no) values ($1, $2, $3)";
            sqlx::query(sql).bind(id).bind(parent).bind(no).execute(pool).await.unwrap();
        }
    }
    id
}
