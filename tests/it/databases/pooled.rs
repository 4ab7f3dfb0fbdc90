//! Behind a pooler in transaction mode everything works, and hints come directly.

use sqlx::{ConnectOptions, Connection, Executor, Row};
use tasker::app::{self, App, Schema};
use tasker_sdk::{
    Client, StepContext, Worker,
    proto::tasker::v1::{
        BatchCreateTasksRequest, CancelTaskRequest, CountTasksRequest, CreateAnnotationRequest, GetTaskRequest,
        Handler, ListHandlersRequest, ListTasksRequest, ListTransitionsRequest, NewTask, RegisterHandlersRequest,
        StepTemplate, TaskView,
    },
};

use super::pgbouncer::PgBouncer;
use crate::harness::{Database, config, database, empty_database, eventually};

/// A server that reaches its store through the pooler and listens past it.
async fn serve(database: &Database, pooler: &PgBouncer, keys: &[(&str, &str)]) -> App {
    let (pooled, direct) = (pooler.url(database), database.url());
    let ways = [
        ("databases.pooled.url", pooled.as_str()),
        ("databases.pooled.pooler", "transaction"),
        ("databases.pooled.acquire_timeout_ms", "30000"),
        ("databases.direct.url", &direct),
        ("database.store", "pooled"),
        ("database.listen", "direct"),
    ];
    let config = config(&[&ways, keys].concat());
    App::start(&config, app::store(&config).unwrap(), Schema::Migrate).await.unwrap()
}

async fn client(app: &App) -> Client {
    Client::builder(app.endpoint().to_owned()).no_token().connect().await.unwrap()
}

fn worker(app: &App) -> Worker {
    let client = Client::builder(app.endpoint().to_owned()).no_token().connect_lazy().unwrap();
    Worker::with_client(client).slots(20).step("Work", async |_: StepContext| Ok(())).build().unwrap()
}

async fn register(client: &Client) {
    let step = |name: &str, parents: &[&str]| StepTemplate {
        name: name.to_owned(),
        step_handler: "Work".to_owned(),
        depends_on_steps: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        ..StepTemplate::default()
    };
    let handler = Handler {
        name: "story".to_owned(),
        version: "1.0.0".to_owned(),
        step_templates: vec![step("a", &[]), step("b", &["a"]), step("c", &["a"]), step("d", &["b", "c"])],
        ..Handler::default()
    };
    let request = RegisterHandlersRequest { handlers: vec![handler], ..Default::default() };
    client.handlers().register_handlers(request).await.unwrap();
}

fn story() -> NewTask {
    NewTask {
        handler: crate::harness::handler_ref("", "story", ""),
        context_json: r#"{"n":1}"#.to_owned(),
        ..NewTask::default()
    }
}

async fn create(client: &Client, tasks: usize) {
    let request = BatchCreateTasksRequest { tasks: vec![story(); tasks] };
    client.tasks().batch_create_tasks(request).await.unwrap();
}

async fn count(database: &Database, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(database.store.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_run_workflows_through_four_connections() {
    // With nothing in it: the migrations go the direct way.
    let database = empty_database().await;
    let pooler = PgBouncer::before(&database, 4).await;
    let (one, two) = (serve(&database, &pooler, &[]).await, serve(&database, &pooler, &[]).await);
    let client = client(&one).await;
    register(&client).await;
    let running = [&one, &two].map(|app| tokio::spawn(worker(app).run()));
    for _ in 0..10 {
        create(&client, 20).await;
    }
    eventually("all are complete", async || {
        count(&database, "select count(*) from tasks where state = 2").await == 200
    })
    .await;
    assert_eq!(
        count(&database, "select count(*) from transitions where step_no is not null and to_state = 2").await,
        800
    );
    assert_eq!(count(&database, "select count(*) from transitions where attempt > 1").await, 0);
    assert_eq!(count(&database, "select count(*) from leases").await, 0);

    // What one transaction sets, the next on the same connection does not find.
    let mut connection = pooler.options(&database).connect().await.unwrap();
    for _ in 0..20 {
        let row =
            connection.fetch_one("select current_setting('enable_seqscan'), current_setting('synchronous_commit')");
        let row = row.await.unwrap();
        let (scan, commit): (String, String) = (row.get(0), row.get(1));
        assert_eq!(scan, "on");
        assert_ne!(commit, "local");
        let named: i64 = connection.fetch_one("select count(*) from pg_prepared_statements").await.unwrap().get(0);
        assert_eq!(named, 0, "no statement stays behind");
    }
    connection.close().await.unwrap();
    running.iter().for_each(tokio::task::JoinHandle::abort);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_come_past_the_pooler() {
    let database = database().await;
    let pooler = PgBouncer::before(&database, 8).await;
    // Only a hint can be in time: the queues are looked at once a minute.
    let keys = [("dispatch.poll_interval_ms", "60000"), ("sweeper.reconcile_interval_ms", "600000")];
    let (one, two) = (serve(&database, &pooler, &keys).await, serve(&database, &pooler, &keys).await);
    let client = client(&one).await;
    register(&client).await;
    let running = tokio::spawn(worker(&two).run());
    eventually("the worker is known", async || count(&database, "select count(*) from sessions").await == 1).await;
    create(&client, 1).await;
    eventually("it is complete", async || count(&database, "select count(*) from tasks where state = 2").await == 1)
        .await;
    running.abort();
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_call_works_through_it() {
    let database = database().await;
    let pooler = PgBouncer::before(&database, 4).await;
    let app = serve(&database, &pooler, &[]).await;
    let client = client(&app).await;
    register(&client).await;
    create(&client, 30).await;
    let calls = (0..8).map(|_| async {
        let mut tasks = client.tasks();
        let request = ListTasksRequest { page_size: 7, view: TaskView::Full.into(), ..Default::default() };
        let page = tasks.list_tasks(request).await.unwrap().into_inner();
        assert_eq!(page.tasks.len(), 7);
        let task_id = page.tasks[3].task_id.clone();
        let request =
            GetTaskRequest { task_id: task_id.clone(), view: TaskView::Full.into(), ..GetTaskRequest::default() };
        assert_eq!(tasks.get_task(request).await.unwrap().into_inner().task.unwrap().steps.len(), 4);
        let counts = tasks.count_tasks(CountTasksRequest::default()).await.unwrap().into_inner();
        assert_eq!(counts.counts.unwrap().total, 30);
        let annotation = CreateAnnotationRequest {
            task_id: task_id.clone(),
            annotation_type: "note".to_owned(),
            annotation_json: "{}".to_owned(),
            request_id: "once".to_owned(),
        };
        tasks.create_annotation(annotation).await.unwrap();
        let request = ListTransitionsRequest { task_id: task_id.clone(), ..Default::default() };
        assert!(!tasks.list_transitions(request).await.unwrap().into_inner().transitions.is_empty());
        let handlers = client.handlers().list_handlers(ListHandlersRequest::default()).await.unwrap().into_inner();
        assert_eq!(handlers.handlers.len(), 1);
        tasks.cancel_task(CancelTaskRequest { task_id, reason: "no".to_owned(), ..Default::default() }).await
    });
    for answer in futures::future::join_all(calls).await {
        answer.unwrap();
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_without_a_way_past_it_cannot_migrate_and_says_so() {
    let database = empty_database().await;
    let pooler = PgBouncer::before(&database, 2).await;
    let url = pooler.url(&database);
    let config = config(&[("database.url", &url), ("database.pooler", "transaction"), ("dispatch.hints", "false")]);
    let refused = App::start(&config, app::store(&config).unwrap(), Schema::Migrate).await.unwrap_err();
    assert!(format!("{refused:#}").contains("name one as database.listen"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_nobody_told_of_is_found_and_named() {
    let database = database().await;
    let pooler = PgBouncer::before(&database, 2).await;
    assert!(tasker::store::pooler::is_between(&pooler.options(&database)).await.unwrap());
    assert!(!tasker::store::pooler::is_between(&database.options).await.unwrap());
    let problems = async |url: &str| -> Vec<String> {
        let findings = app::preflight::examine(&config(&[("database.url", url)])).await;
        findings.into_iter().map(|finding| finding.problem).collect()
    };
    let expected = "leads through a pooler in transaction mode, and pooler = \"none\" stands beside it";
    assert_eq!(problems(&pooler.url(&database)).await, [expected]);
    assert_eq!(problems(&database.url()).await, Vec::<String>::new());
}
