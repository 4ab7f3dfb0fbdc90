//! The process's private Postgres, on a thread with a runtime of its own, because each test's runtime ends
//! with the test.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
    thread,
};

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tasker::{
    embedded::{Server, Settings},
    store::{Store, databases, migrate, pool},
};
use tokio::sync::{mpsc, oneshot};

/// The database that has seen all migrations.
pub const TEMPLATE: &str = "migrated";

enum Order {
    Clone { template: &'static str, answer: oneshot::Sender<(String, PgConnectOptions)> },
    Forget { name: String },
    End,
}

struct Running {
    orders: mpsc::UnboundedSender<Order>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

/// Makes a database from a template.
pub async fn clone(template: &'static str) -> (String, PgConnectOptions) {
    let (answer, answered) = oneshot::channel();
    running().orders.send(Order::Clone { template, answer }).expect("the harness's Postgres runs");
    answered.await.expect("the harness's Postgres makes databases")
}

/// Drops a database some time.
pub fn forget(name: String) {
    // At the process's end the whole cluster goes.
    let _ = running().orders.send(Order::Forget { name });
}

fn running() -> &'static Running {
    RUNNING.get_or_init(|| {
        let (orders, received) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(serve(received));
        });
        #[expect(unsafe_code, reason = "registers a function without arguments")]
        let registered = unsafe { libc::atexit(end) };
        assert_eq!(registered, 0, "atexit");
        Running { orders, thread: Mutex::new(Some(thread)) }
    })
}

/// Called by the process when the last test has ended.
extern "C" fn end() {
    if let Some(running) = RUNNING.get() {
        let _ = running.orders.send(Order::End);
        if let Some(thread) = running.thread.lock().ok().and_then(|mut thread| thread.take()) {
            let _ = thread.join();
        }
    }
}

async fn serve(mut orders: mpsc::UnboundedReceiver<Order>) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    clear(&home);
    let directory = home.join(std::process::id().to_string());
    let server = start(&directory).await;
    migrate_template(&server).await;
    let mut connection = server.options_of("postgres").connect().await.expect("the private Postgres answers");
    let mut made = 0_u32;
    while let Some(order) = orders.recv().await {
        match order {
            Order::Clone { template, answer } => {
                made += 1;
                let name = format!("test_{made}");
                copy(&mut connection, &name, template).await;
                let _ = answer.send((name.clone(), server.options_of(&name)));
            }
            Order::Forget { name } => databases::drop(&mut connection, &name).await.expect("dropped"),
            Order::End => break,
        }
    }
    let directory = server.directory().to_owned();
    server.stop().await;
    let _ = fs::remove_dir_all(directory);
}

/// Copies files instead of logging pages: ten times faster where nothing must be durable. Postgres 14 knows no
/// other way and no word for it.
async fn copy(connection: &mut PgConnection, name: &str, template: &str) {
    let strategy = match connection.server_version_num() {
        Some(version) if version < 150_000 => "",
        _ => "strategy file_copy",
    };
    let statement = format!("create database {name} template {template} {strategy}");
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await.expect("a copy");
}

/// What is lost in a crash is of no use to a test; commits cost nothing.
async fn start(directory: &Path) -> Server {
    let mut settings = Settings::new(directory);
    settings.database = TEMPLATE.to_owned();
    let settings = settings
        .parameter("max_connections", "400")
        .parameter("shared_buffers", "128MB")
        .parameter("fsync", "off")
        .parameter("synchronous_commit", "off")
        .parameter("full_page_writes", "off");
    Server::start(&settings).await.expect("a private Postgres for the tests")
}

async fn migrate_template(server: &Server) {
    let store = Store::new(server.options(), &pool::Settings::default());
    migrate::run(&store).await.expect("the migrations run");
    store.close().await;
}

/// Removes what test processes that were killed have left.
fn clear(home: &Path) {
    let left = fs::read_dir(home).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let dead =
        left.filter(|path: &PathBuf| fs::File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()));
    for path in dead {
        let _ = fs::remove_dir_all(path);
    }
}
