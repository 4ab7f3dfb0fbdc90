//! Health, over gRPC and over HTTP: what is said when all is well, and that it is said at once when the database hangs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tasker::{
    app::{App, Schema},
    embedded::{Server as Postgres, Settings},
    store::Store,
};
use tasker_sdk::{Client, proto::tasker::v1::GetStatusRequest};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    access::callers::{World, create, granted, world_with},
    harness::{self, config, connect, eventually, within},
};

/// The HTTP port on a free address, and looks that follow each other quickly.
const KEYS: &[(&str, &str)] = &[
    ("http.listen", "127.0.0.1:0"),
    ("health.interval_ms", "50"),
    ("health.readiness_timeout_ms", "300"),
    ("health.stall_ms", "1000"),
    ("health.cache_duration_ms", "100"),
    ("health.status_timeout_ms", "500"),
];

/// An answer may take this long, whatever the database does.
const AT_ONCE: Duration = Duration::from_millis(100);

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    text: String,
    took: Duration,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn get(app: &App, path: &str) -> Answer {
    get_with(app, path, "").await
}

/// Asks as plainly as can be, so that what is measured is the server. Each header ends its line.
async fn get_with(app: &App, path: &str, headers: &str) -> Answer {
    let began = Instant::now();
    let mut stream = TcpStream::connect(app.http().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: tasker\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let took = began.elapsed();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: headers.collect(), text: text.to_owned(), took }
}

async fn grpc(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_says_how_it_is() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, KEYS).await;
    let channel = connect(&app).await;
    let services: BTreeSet<String> = tasker::auth::catalog::rows()
        .filter_map(|row| row.path.strip_prefix('/')?.split_once('/'))
        .map(|(service, _)| service.to_owned())
        .filter(|service| service.starts_with("tasker."))
        .collect();
    assert!(services.len() >= 5, "{services:?}");
    for service in services.iter().map(String::as_str).chain(["", "liveness"]) {
        assert_eq!(grpc(&channel, service).await, ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "nobody".to_owned() };
    let status = HealthClient::new(channel).check(unknown).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_port_says_what_the_specification_says() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, KEYS).await;

    let live = get(&app, "/health/live").await;
    assert_eq!((live.status, &live.json()["alive"], &live.json()["service"]), (200, &true.into(), &"tasker".into()));

    let ready = get(&app, "/health/ready").await;
    let body = ready.json();
    assert_eq!((ready.status, &body["ready"], &body["message"]), (200, &true.into(), &"System is ready".into()));
    for check in ["database", "migrations", "writer", "sweeper", "pool", "loops"] {
        assert_eq!(body["checks"][check]["status"], "healthy", "{body}");
    }
    assert!(body["checks"]["database"]["response_time_ms"].is_number(), "{body}");
    assert!(body.get("failed_checks").is_none(), "{body}");

    eventually("the status was seen", async || get(&app, "/health/status").await.status == 200).await;
    let body = get(&app, "/health/status").await.json();
    assert_eq!((&body["healthy"], &body["status"]), (&true.into(), &"healthy".into()));
    assert_eq!(body["metrics"]["tasks"]["total"], 0, "{body}");
    assert_eq!(body["performance_analytics"]["trends"]["task_creation_rate"], 0, "{body}");
    assert!(body["database"]["size_bytes"].as_i64().unwrap() > 1_000_000, "{body}");
    assert!(body["database"]["tables"]["tasks"]["dead_ratio"].is_number(), "{body}");
    assert_eq!(body["server"]["lanes"].as_array().map(Vec::len), Some(2), "{body}");

    let metrics = get(&app, "/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in ["tasker_ready 1", "tasker_health_check{check=\"database\"} 1", "tasker_tasks{state=\"pending\"} 0"] {
        assert!(metrics.text.lines().any(|found| found == line), "{line} in\n{}", metrics.text);
    }
    assert_eq!(get(&app, "/elsewhere").await.status, 404);
    for answer in [live, ready, metrics] {
        let header = |name: &str| answer.headers[name].as_str();
        assert_eq!((header("cache-control"), header("pragma"), header("expires")), ("no-store", "no-cache", "0"));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_service_says_the_same() {
    let world = crate::calls::world::world_with(KEYS).await;
    world.create(crate::calls::world::order(r#"{"n":1}"#)).await;
    let ask = async || world.client.status().get_status(GetStatusRequest {}).await.unwrap().into_inner();
    eventually("the task is counted", async || ask().await.tasks.is_some_and(|tasks| tasks.pending == 1)).await;
    eventually("its step waits", async || ask().await.queues.iter().any(|queue| queue.depth == 1)).await;
    let status = ask().await;
    let queue = &status.queues[0];
    assert_eq!((queue.handler.as_str(), queue.step_name.as_str()), ("order", "reserve"));
    assert!(status.healthy && status.problems.is_empty() && status.error.is_empty(), "{status:?}");
    assert_eq!(status.readiness.unwrap().checks.len(), 6);
    assert_eq!(status.steps.unwrap().total, 4);
    let trends = status.trends.unwrap();
    assert_eq!((trends.created, trends.completed, trends.failed), (1, 0, 0));
    let hour = trends.end_time.unwrap().seconds - trends.start_time.unwrap().seconds;
    assert!((3_599..=3_600).contains(&hour), "{hour}");
}

/// What the port answers to a caller: the status code, and what a refusal says.
async fn asked(world: &World, path: &str, token: Option<&str>) -> (u16, String) {
    let header = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let answer = get_with(&world.app, path, &header).await;
    let refusal = (answer.status != 200).then(|| answer.json()["error"].as_str().unwrap().to_owned());
    (answer.status, refusal.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_port_asks_who_wants_to_know() {
    let keys = [KEYS, &[("telemetry.metrics_auth_required", "true")]].concat();
    let world = world_with(&keys).await;
    eventually("the status was seen", async || {
        asked(&world, "/health/status", Some(&granted("ann", &["*"]))).await.0 == 200
    })
    .await;
    let refused = |code: u16, error: &str| (code, error.to_owned());
    for (path, permission) in [("/health/status", "tasker.health_status:index"), ("/metrics", "tasker.metrics:index")] {
        let ask = async |token: Option<String>| asked(&world, path, token.as_deref()).await;
        assert_eq!(ask(None).await, refused(401, "Unauthorized"), "{path}");
        assert_eq!(ask(Some("garbage".to_owned())).await, refused(401, "Unauthorized"), "{path}");
        assert_eq!(ask(Some(granted("ann", &["tasker.task:*"]))).await, refused(403, "Forbidden"), "{path}");
        assert_eq!(ask(Some(granted("ann", &[permission]))).await, refused(200, ""), "{path}");
    }
    let challenge = get(&world.app, "/metrics").await.headers;
    assert_eq!(challenge["www-authenticate"], "Bearer");
    // Whoever sees one namespace sees its queues, and none of the metrics, which name every namespace.
    let alpha = granted("ann", &["tasker.health_status:index@alpha", "tasker.metrics:index@alpha"]);
    assert_eq!(asked(&world, "/metrics", Some(&alpha)).await, refused(403, "Forbidden"));
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(asked(&world, path, None).await.0, 200, "{path}");
    }
    let namespaces = async |token: &str| {
        let header = format!("authorization: Bearer {token}\r\n");
        let body = get_with(&world.app, "/health/status", &header).await.json();
        let queues = body["queues"].as_array().unwrap().clone();
        queues.iter().map(|queue| queue["namespace"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let all = granted("ann", &["tasker.health_status:index"]);
    create(&world.admin().await, "beta").await.unwrap();
    let both: BTreeSet<String> = ["alpha", "beta"].map(str::to_owned).into();
    eventually("both queues are seen", async || namespaces(&all).await == both).await;
    assert_eq!(namespaces(&alpha).await, ["alpha".to_owned()].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_are_off_say_so() {
    let database = harness::database().await;
    let keys = [KEYS, &[("telemetry.metrics_enabled", "false")]].concat();
    let app = harness::serve_with(&database, &keys).await;
    let answer = get(&app, "/metrics").await;
    assert_eq!((answer.status, &answer.json()["message"]), (503, &"Metrics collection is disabled".into()));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_server_is_not_ready_and_alive() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, KEYS).await;
    app.engine().workforce().close_all();
    let ready = get(&app, "/health/ready").await;
    assert_eq!((ready.status, &ready.json()["message"]), (503, &"System is draining".into()));
    assert_eq!(get(&app, "/health/live").await.status, 200);
    let channel = connect(&app).await;
    eventually("gRPC says so too", async || grpc(&channel, "").await == ServingStatus::NotServing).await;
    assert_eq!(grpc(&channel, "tasker.v1.TaskService").await, ServingStatus::NotServing);
    assert_eq!(grpc(&channel, "liveness").await, ServingStatus::Serving);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_stuck_is_not_ready() {
    let world = crate::calls::world::world_with(KEYS).await;
    let ready = async || get(&world.app, "/health/ready").await;
    eventually("it is ready", async || ready().await.status == 200).await;
    let mut holder = world.database.store.begin().await.unwrap();
    sqlx::query("lock table task_requests in exclusive mode").execute(&mut *holder).await.unwrap();
    let creating = async {
        world.create(crate::calls::world::order(r#"{"n":1}"#)).await;
    };
    let noticing = async {
        eventually("the writer is stuck", async || {
            let answer = ready().await;
            answer.status == 503 && answer.json()["failed_checks"] == serde_json::json!(["writer"])
        })
        .await;
        holder.rollback().await.unwrap();
    };
    tokio::join!(creating, noticing);
    eventually("it is ready again", async || ready().await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_free_connection_is_not_ready() {
    let few = &[("database.pool_connections_max", "3"), ("database.acquire_timeout_ms", "60000")];
    let keys = [KEYS, few].concat();
    let world = crate::calls::world::world_with(&keys).await;
    let id = world.create(crate::calls::world::order(r#"{"n":1}"#)).await;
    let ready = async || get(&world.app, "/health/ready").await;
    eventually("it is ready", async || ready().await.status == 200).await;
    let mut holder = world.database.store.begin().await.unwrap();
    sqlx::query("lock table task_requests in access exclusive mode").execute(&mut *holder).await.unwrap();
    // Each of them waits with a connection in its hand, or for one.
    let reading = futures::future::join_all((0..6).map(|_| world.full(&id)));
    let noticing = async {
        eventually("the pool is empty", async || {
            let answer = ready().await;
            let failed = answer.json()["failed_checks"].clone();
            answer.status == 503 && failed.as_array().is_some_and(|failed| failed.contains(&"pool".into()))
        })
        .await;
        holder.rollback().await.unwrap();
    };
    tokio::join!(reading, noticing);
    eventually("it is ready again", async || ready().await.status == 200).await;
}

/// Asks everything again and again while the database hangs: all answers come at once and say what is wrong.
async fn says_so_at_once(app: &App, channel: &Channel) {
    eventually("HTTP says that it is not ready", async || get(app, "/health/ready").await.status == 503).await;
    eventually("gRPC says so too", async || grpc(channel, "").await == ServingStatus::NotServing).await;
    eventually("so does the status", async || get(app, "/health/status").await.json()["status"] == "error").await;
    let mut took = Vec::new();
    for _ in 0..50 {
        for (path, status) in
            [("/health/live", 200), ("/health/ready", 503), ("/health/status", 503), ("/metrics", 200)]
        {
            let answer = get(app, path).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            took.push(answer.took);
        }
        let began = Instant::now();
        assert_eq!(grpc(channel, "liveness").await, ServingStatus::Serving);
        assert_eq!(grpc(channel, "").await, ServingStatus::NotServing);
        took.push(began.elapsed());
    }
    eventually("the database is named", async || {
        let body = get(app, "/health/ready").await.json();
        body["failed_checks"].as_array().is_some_and(|failed| failed.iter().any(|check| check == "database"))
    })
    .await;
    took.sort();
    let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    assert!(p99 < AT_ONCE, "p50 {p50:?}, p99 {p99:?}, slowest {:?}", took[took.len() - 1]);
}

async fn is_ready_again(app: &App, channel: &Channel) {
    eventually("HTTP says that it is ready", async || get(app, "/health/ready").await.status == 200).await;
    eventually("gRPC says so too", async || grpc(channel, "").await == ServingStatus::Serving).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_at_once_while_postgres_is_stopped() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stopped-{}", std::process::id()));
    let postgres = Postgres::start(&Settings::new(&directory).parameter("shared_buffers", "16MB")).await.unwrap();
    let config = config(KEYS);
    let store = Store::new(postgres.options(), &config.database.pool_settings());
    let app = App::start(&config, store, Schema::Migrate).await.unwrap();
    let channel = connect(&app).await;
    is_ready_again(&app, &channel).await;

    signal("STOP", &postgres);
    says_so_at_once(&app, &channel).await;
    signal("CONT", &postgres);
    is_ready_again(&app, &channel).await;

    app.stop().await;
    postgres.stop().await;
    let _ = std::fs::remove_dir_all(directory);
}

/// Sends a signal to every process of a Postgres.
fn signal(name: &str, postgres: &Postgres) {
    let file = ["data/postmaster.pid", "postmaster.pid"].map(|file| postgres.directory().join(file));
    let text = file.iter().find_map(|file| std::fs::read_to_string(file).ok()).expect("it runs");
    let postmaster = text.lines().next().unwrap().trim().to_owned();
    let send = |to: Vec<&str>| {
        // Those that have ended meanwhile need no signal.
        let _ = Command::new("kill").arg(format!("-{name}")).args(to).status().unwrap();
    };
    // It comes first: once it is stopped, there are no further children.
    send(vec![&postmaster]);
    let children = Command::new("pgrep").args(["-P", &postmaster]).output().unwrap().stdout;
    let children = String::from_utf8(children).unwrap();
    send(children.split_whitespace().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_at_once_while_the_database_accepts_and_never_answers() {
    let database = harness::database().await;
    let wire = Mute::before(&database.options).await;
    let config = config(KEYS);
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(wire.port)
        .username("postgres")
        .database(database.options.get_database().unwrap())
        .ssl_mode(PgSslMode::Disable);
    let store = Store::new(options, &config.database.pool_settings());
    let app = App::start(&config, store, Schema::Require).await.unwrap();
    let channel = connect(&app).await;
    is_ready_again(&app, &channel).await;

    wire.muted.store(true, Ordering::SeqCst);
    says_so_at_once(&app, &channel).await;
    let client = Client::builder(app.endpoint()).no_token().connect().await.unwrap();
    let began = Instant::now();
    let status = client.status().get_status(GetStatusRequest {}).await.unwrap().into_inner();
    assert!(!status.healthy && !status.error.is_empty() && began.elapsed() < AT_ONCE * 5, "{status:?}");
    wire.muted.store(false, Ordering::SeqCst);
    is_ready_again(&app, &channel).await;
    within("the stop", app.stop()).await;
}

/// A wire to Postgres that can be made to say nothing: connections are accepted and kept, and nothing comes of them.
struct Mute {
    port: u16,
    muted: Arc<AtomicBool>,
}

impl Mute {
    async fn before(options: &PgConnectOptions) -> Self {
        let socket = Path::new(options.get_host()).join(format!(".s.PGSQL.{}", options.get_port()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let muted = Arc::<AtomicBool>::default();
        let is_muted = Arc::clone(&muted);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, socket.clone(), Arc::clone(&is_muted)));
            }
        });
        Self { port, muted }
    }
}

async fn carry(mut near: TcpStream, socket: std::path::PathBuf, muted: Arc<AtomicBool>) {
    let hushed = async {
        while !muted.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if !muted.load(Ordering::SeqCst) {
        let mut far = UnixStream::connect(socket).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
            () = hushed => {}
        }
    }
    // Kept open, without a word, until it may speak again.
    while muted.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_makes_the_server_unready() {
    let database = harness::database().await;
    let app = harness::serve_with(&database, KEYS).await;
    eventually("the server is ready", async || get(&app, "/health/ready").await.status == 200).await;
    let name = database.options.get_database().unwrap();
    let statement = format!("alter database \"{name}\" set default_transaction_read_only = on");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(database.store.pool()).await.unwrap();
    // The setting holds for new connections: the one that looks is made anew.
    let ended = "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(ended).execute(database.store.pool()).await.unwrap();
    eventually("the server is not ready", async || get(&app, "/health/ready").await.status == 503).await;
    eventually("the reason is told", async || {
        let body = get(&app, "/health/ready").await.json();
        body["checks"]["database"]["message"]
            == "Database connection failed: the database is read-only and takes no writes"
    })
    .await;
    app.stop().await;
}
