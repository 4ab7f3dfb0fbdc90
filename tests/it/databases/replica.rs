//! Lists come from a replica while it is fresh enough, and never from one that is not.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};
use tasker::{
    app::{self, App, Schema},
    embedded::{Server, Settings},
};
use tasker_sdk::{
    Client,
    proto::tasker::v1::{
        CountTasksRequest, CreateTaskRequest, Handler, ListTasksRequest, NewTask, RegisterHandlersRequest, StepTemplate,
    },
};

use crate::harness::{config, eventually};

/// A primary and a standby that follows it.
struct Pair {
    home: PathBuf,
    primary: Server,
    standby: Option<Server>,
}

impl Pair {
    async fn new(name: &str) -> Self {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let settings = |place: &str| {
            Settings::new(home.join(place))
                .parameter("shared_buffers", "32MB")
                .parameter("wal_level", "replica")
                .parameter("max_wal_senders", "5")
                .parameter("fsync", "off")
        };
        let primary = Server::start(&settings("primary")).await.unwrap();
        let standby = home.join("standby");
        fs::create_dir_all(&standby).unwrap();
        let output = Command::new(primary.binaries().join("pg_basebackup"))
            .args(["-U", "postgres", "-R", "-c", "fast", "-X", "stream", "-h"])
            .arg(primary.socket_directory())
            .args(["-p", &primary.options().get_port().to_string(), "-D"])
            .arg(standby.join("data"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let owner = fs::metadata(primary.directory().join("data")).unwrap();
        let owned =
            Command::new("chown").arg("-R").arg(format!("{}:{}", owner.uid(), owner.gid())).arg(&standby).status();
        assert!(owned.unwrap().success());
        let standby = Server::start(&settings("standby")).await.unwrap();
        Self { home, primary, standby: Some(standby) }
    }

    async fn on_standby(&self, statement: &'static str) {
        connect(&self.standby.as_ref().unwrap().options()).await.execute(statement).await.unwrap();
    }

    /// Whether the replica has been asked this, by one of our connections.
    async fn was_asked(&self, words: &str) -> bool {
        let mut connection = connect(&self.standby.as_ref().unwrap().options()).await;
        let rows = connection.fetch_all("select query from pg_stat_activity where application_name = 'tasker'").await;
        rows.unwrap().iter().any(|row| row.get::<String, _>(0).contains(words))
    }

    /// A server whose lists come from the standby, which may be this old.
    async fn serve(&self, lag_max_ms: &str) -> App {
        let url = |server: &Server| {
            format!("postgres://postgres@localhost/tasker?host={}", server.socket_directory().display())
        };
        let (primary, standby) = (url(&self.primary), url(self.standby.as_ref().unwrap()));
        let config = config(&[
            ("database.url", &primary),
            ("databases.copy.url", &standby),
            ("databases.copy.acquire_timeout_ms", "1000"),
            ("database.reads", "copy"),
            ("database.reads_lag_max_ms", lag_max_ms),
        ]);
        App::start(&config, app::store(&config).unwrap(), Schema::Migrate).await.unwrap()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    options.connect().await.unwrap()
}

async fn client(app: &App) -> Client {
    let client = Client::builder(app.endpoint().to_owned()).no_token().connect().await.unwrap();
    let handler = Handler {
        name: "story".to_owned(),
        version: "1.0.0".to_owned(),
        step_templates: vec![StepTemplate {
            name: "a".to_owned(),
            step_handler: "Nobody".to_owned(),
            ..StepTemplate::default()
        }],
        ..Handler::default()
    };
    let request = RegisterHandlersRequest { handlers: vec![handler], ..Default::default() };
    client.handlers().register_handlers(request).await.unwrap();
    client
}

async fn create(client: &Client) {
    let task = NewTask {
        handler: crate::harness::handler_ref("", "story", ""),
        context_json: r#"{"n":1}"#.to_owned(),
        ..NewTask::default()
    };
    client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await.unwrap();
}

async fn listed(client: &Client) -> usize {
    let request = ListTasksRequest { page_size: 100, ..Default::default() };
    client.tasks().list_tasks(request).await.unwrap().into_inner().tasks.len()
}

async fn counted(client: &Client) -> i64 {
    let counts = client.tasks().count_tasks(CountTasksRequest::default()).await.unwrap().into_inner().counts;
    counts.unwrap().total
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_from_the_replica_and_from_the_store_when_it_is_unavailable() {
    let mut pair = Pair::new("replica").await;
    let app = pair.serve("10000").await;
    let client = client(&app).await;
    create(&client).await;
    eventually("the replica answers lists", async || listed(&client).await == 1 && pair.was_asked("from tasks").await)
        .await;

    // It stands still: what it answers is old, and not too old yet.
    pair.on_standby("select pg_wal_replay_pause()").await;
    eventually("it stands still", async || {
        create(&client).await;
        listed(&client).await == 1
    })
    .await;
    assert_eq!(counted(&client).await, 1, "counts come from it as well");
    pair.on_standby("select pg_wal_replay_resume()").await;
    let written: i64 =
        connect(&pair.primary.options()).await.fetch_one("select count(*) from tasks").await.unwrap().get(0);
    eventually("it has caught up", async || counted(&client).await == written).await;

    pair.standby.take().unwrap().stop().await;
    create(&client).await;
    assert_eq!(i64::try_from(listed(&client).await).unwrap(), written + 1, "the store answers");
    assert_eq!(counted(&client).await, written + 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_older_than_it_may_be() {
    const LAG_MAX: Duration = Duration::from_millis(400);
    let pair = Pair::new("stale").await;
    let app = pair.serve("400").await;
    let client = client(&app).await;
    create(&client).await;
    eventually("the replica answers lists", async || listed(&client).await == 1 && pair.was_asked("from tasks").await)
        .await;

    let mut created = vec![Instant::now()];
    let mut old_answers = 0;
    for round in 0..6 {
        let statement = if round % 2 == 0 { "select pg_wal_replay_pause()" } else { "select pg_wal_replay_resume()" };
        pair.on_standby(statement).await;
        let until = Instant::now() + LAG_MAX * 3;
        while Instant::now() < until {
            if created.len() < 90 {
                create(&client).await;
                created.push(Instant::now());
            }
            let began = Instant::now();
            let answer = listed(&client).await;
            let due = created.iter().filter(|at| began.duration_since(**at) > LAG_MAX).count();
            assert!(answer >= due, "{answer} of {due} tasks that are older than {LAG_MAX:?}");
            old_answers += usize::from(answer < created.len());
            tokio::task::yield_now().await;
        }
    }
    assert!(old_answers > 0, "the replica was asked");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_promoted_is_not_asked_any_more() {
    let pair = Pair::new("promoted").await;
    let app = pair.serve("300").await;
    let client = client(&app).await;
    create(&client).await;
    eventually("the replica answers lists", async || listed(&client).await == 1 && pair.was_asked("from tasks").await)
        .await;
    pair.on_standby("select pg_promote()").await;
    create(&client).await;
    eventually("the store answers", async || listed(&client).await == 2).await;
    create(&client).await;
    assert_eq!(listed(&client).await, 3, "at once, because nobody trusts the other one");
    app.stop().await;
    let mut connection = connect(&pair.primary.options()).await;
    assert_eq!(connection.fetch_one("select count(*) from tasks").await.unwrap().get::<i64, _>(0), 3);
    connection.close().await.unwrap();
}
