//! A small world of servers, workers and tasks in one process, on one database.
//!
//! Owns: servers that are engines without a listener, and can be killed; handlers written as a line of text;
//! what must hold of the stored rows when all is done. Next: `sim/worker.rs` for workers.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::Row;
use tasker::{
    domain::{
        backoff::Policy,
        handler::{Draft, Limits, StepDraft},
        ids::{StepId, TaskId},
        state::State,
        template::Template,
    },
    engine::{Engine, Settings},
    lifecycle::{Hints, NewTask, Request, Templates},
    service::handlers::{Actor, Existing, Extent, Registrar},
    store::Store,
};
use tokio_util::sync::CancellationToken;

use crate::harness::{Database, database, eventually, everything, within};

mod postgres;
mod worker;

pub use postgres::Postgres;
pub use worker::{Does, Fleet, ManualWorker, Worker, confirm, failed, hello};

/// A database with handlers on it.
#[derive(Debug)]
pub struct World {
    pub store: Store,
    pub templates: Templates,
    handlers: AtomicU32,
    _database: Option<Database>,
}

/// A server without a listener.
#[derive(Debug)]
pub struct Server {
    pub engine: Engine,
    gone: CancellationToken,
}

/// Everything quick, and no waiting between attempts.
pub fn quick() -> Settings {
    let mut settings = Settings {
        lease_ttl: Duration::from_secs(1),
        heartbeat_interval: Duration::from_millis(200),
        sweep_interval: Duration::from_millis(50),
        reconcile_interval: Duration::from_millis(200),
        poll_interval: Duration::from_millis(50),
        ..Settings::default()
    };
    settings.writer.backoff =
        Policy { default_backoff_seconds: vec![0], max_backoff_seconds: 0, jitter_enabled: false, ..Policy::default() };
    settings
}

impl World {
    /// A world on a database of its own.
    pub async fn new() -> Self {
        let database = database().await;
        let world = Self::on(database.store.clone());
        Self { _database: Some(database), ..world }
    }

    /// A world on a migrated database.
    pub fn on(store: Store) -> Self {
        let templates = Templates::new(store.clone());
        Self { store, templates, handlers: AtomicU32::new(0), _database: None }
    }

    /// Starts a server.
    pub fn server(&self, settings: Settings) -> Server {
        let engine = Engine::start(settings, self.store.clone(), Templates::new(self.store.clone()));
        Server { engine, gone: CancellationToken::new() }
    }

    /// Registers a handler: `a; b:1@50=Other <- a` is a step `b` with one attempt of 50 ms at most, run by the
    /// step handler `Other`, that waits for `a`. The others are `Noop`; `once` stands for not retryable.
    pub async fn handler(&self, dag: &str) -> Arc<Template> {
        self.register(dag.split(';').map(step).collect()).await
    }

    /// Registers a handler of these steps.
    pub async fn register(&self, step_templates: Vec<StepDraft>) -> Arc<Template> {
        let name = format!("handler_{}", self.handlers.fetch_add(1, Ordering::Relaxed));
        let draft = Draft { name: name.clone(), step_templates, ..Draft::default() };
        let registrar = Registrar::new(self.store.clone(), self.templates.clone(), Hints::default(), Limits::default());
        let actor = Actor::default();
        registrar.register(&everything(), vec![draft], Existing::Keep, Extent::Store, &actor).await.unwrap();
        Arc::clone(&self.templates.resolve("default", &name, "").await.unwrap().template)
    }

    /// One number from the database.
    pub async fn count(&self, question: &'static str) -> i64 {
        sqlx::query_scalar(question).fetch_one(self.store.pool()).await.unwrap()
    }

    /// Waits until so many tasks are in this state.
    pub async fn until(&self, state: State, count: usize) {
        let wanted = i64::try_from(count).unwrap();
        eventually(&format!("{count} tasks are {state}"), async || {
            let found = sqlx::query_scalar::<_, i64>("select count(*) from tasks where state = $1")
                .bind(i16::from(state.code()))
                .fetch_one(self.store.pool())
                .await;
            found.is_ok_and(|found| found == wanted)
        })
        .await;
    }

    /// How each attempt of a step ended, in order: the error's class, or the state.
    pub async fn attempts(&self, step: StepId) -> Vec<String> {
        let rows = sqlx::query(
            "select to_state, metadata ->> 'error_class' as class from transitions
             where task_id = $1 and step_no = $2 and from_state = 1 order by sequence",
        )
        .bind(step.task.uuid())
        .bind(i16::try_from(step.no).unwrap())
        .fetch_all(self.store.pool())
        .await
        .unwrap();
        let ended = |row: &sqlx::postgres::PgRow| {
            let state = u8::try_from(row.get::<i16, _>("to_state")).ok().and_then(State::from_code).unwrap();
            row.get::<Option<String>, _>("class").unwrap_or_else(|| state.label().to_owned())
        };
        rows.iter().map(ended).collect()
    }

    /// What must hold whatever happened: audit trails without gaps, one accepted result per step, no lease.
    pub async fn check(&self) {
        eventually("no lease remains", async || self.count("select count(*) from leases").await == 0).await;
        let gaps = "select count(*) from (
                select task_id, count(*) as moves, min(sequence) as first, max(sequence) as last
                from transitions group by task_id) n
            join tasks t using (task_id) where n.first <> 1 or n.moves <> n.last or t.revision <> n.last";
        assert_eq!(self.count(gaps).await, 0, "audit trails with gaps");
        let twice = "select count(*) from (select 1 from transitions where to_state = 2 and step_no is not null
            group by task_id, step_no having count(*) > 1) n";
        assert_eq!(self.count(twice).await, 0, "steps with two accepted results");
        let shared = "select count(*) from (select 1 from transitions where from_state = 1 and step_no is not null
            and to_state <> 1 group by task_id, step_no, attempt having count(*) > 1) n";
        assert_eq!(self.count(shared).await, 0, "attempts that ended twice");
        let wrong = "select count(*) from (select named_task_id, state, count(*) as tasks from tasks group by 1, 2) t
            full join (select * from tasker_task_tallies where tasks <> 0) k using (named_task_id, state)
            where t.tasks is distinct from k.tasks";
        assert_eq!(self.count(wrong).await, 0, "kept counts of tasks that are wrong");
        let wrong = "select count(*) from (select named_task_id, get_byte(steps, n * 8)::smallint as state,
                count(*) as steps from tasks, generate_series(0, length(steps) / 8 - 1) n group by 1, 2) t
            full join (select * from tasker_step_tallies where steps <> 0) k using (named_task_id, state)
            where t.steps is distinct from k.steps";
        assert_eq!(self.count(wrong).await, 0, "kept counts of steps that are wrong");
        let (kept, recounted) = (
            "select coalesce(sum(count), 0)::bigint from tasker_namespace_tallies where kind = 14",
            "select count(*) from tasks, generate_series(0, length(steps) / 8 - 1) n
             where tasker_step_retryable(named_task_id, steps, detail, n)",
        );
        assert_eq!(self.count(kept).await, self.count(recounted).await, "kept counts of steps that will be retried");
    }
}

fn step(text: &str) -> StepDraft {
    let (declared, parents) = text.split_once("<-").unwrap_or((text, ""));
    let (declared, class) = declared.trim().split_once('=').unwrap_or((declared.trim(), "Noop"));
    let (declared, timeout) = declared.split_once('@').unwrap_or((declared, "0"));
    let (name, limit) = declared.split_once(':').unwrap_or((declared, "3"));
    StepDraft {
        name: name.to_owned(),
        handler_class: class.to_owned(),
        default_retryable: Some(limit != "once"),
        default_retry_limit: limit.parse().ok(),
        depends_on_steps: parents.split_whitespace().map(str::to_owned).collect(),
        timeout_ms: timeout.parse().unwrap(),
        skippable: true,
        ..StepDraft::default()
    }
}

/// A task with nothing special.
pub fn new_task(template: &Arc<Template>) -> NewTask {
    NewTask {
        template: Arc::clone(template),
        context_json: Arc::from(r#"{"n": 1}"#),
        initiator: "somebody".into(),
        source_system: "tests".into(),
        reason: "to see".into(),
        tags: Vec::new(),
        bypass: Vec::new(),
        requested_at: 1_800_000_000_000_000,
        identity: None,
        correlation_id: None,
        deadline_at: None,
        created_by: None,
        trace_context: None,
    }
}

impl Server {
    /// Creates a task.
    pub async fn submit(&self, template: &Arc<Template>) -> TaskId {
        self.create(new_task(template)).await
    }

    /// Creates a task that the test has put together.
    pub async fn create(&self, new: NewTask) -> TaskId {
        within("create", self.engine.writer().create_task(new)).await.unwrap().task_id
    }

    /// Creates tasks all at once.
    pub async fn submit_many(&self, template: &Arc<Template>, count: usize) -> Vec<TaskId> {
        let created = (0..count).map(|_| self.submit(template));
        futures::future::join_all(created).await
    }

    /// Changes a task.
    pub async fn apply(&self, task: TaskId, request: Request) -> tasker::error::Result<()> {
        within("apply", self.engine.writer().apply(task, request)).await.map(|_| ())
    }

    /// The process is gone from one moment to the next.
    pub fn kill(self) {
        self.gone.cancel();
    }
}

/// How often each came up.
pub fn tally<T: std::hash::Hash + Eq>(items: impl IntoIterator<Item = T>) -> HashMap<T, usize> {
    let mut tally = HashMap::new();
    for item in items {
        *tally.entry(item).or_default() += 1;
    }
    tally
}
