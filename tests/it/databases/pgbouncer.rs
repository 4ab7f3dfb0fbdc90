//! A PgBouncer of the test's own, in transaction mode.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use tokio::process::{Child, Command};

use crate::harness::{Database, eventually};

const PORT: u16 = 6432;
const PROGRAM: &str = "/usr/sbin/pgbouncer";

static MADE: AtomicU32 = AtomicU32::new(0);

/// It runs as long as the value lives.
pub struct PgBouncer {
    directory: PathBuf,
    _child: Child,
}

impl PgBouncer {
    /// One before the server of this database, with so many connections to it.
    pub async fn before(database: &Database, connections: u32) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("tasker-pgbouncer-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        let sockets =
            database.options.get_socket().map_or_else(|| PathBuf::from(database.options.get_host()), Clone::clone);
        let file = directory.join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n* = host={} port={} user=postgres\n\
             [pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {}\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 200\n",
            sockets.display(),
            database.options.get_port(),
            directory.display(),
        );
        fs::write(&file, settings).unwrap();
        // It runs as the account that runs Postgres, which alone may reach the socket.
        let owner = fs::metadata(&sockets).unwrap();
        chown(&directory, Some(owner.uid()), Some(owner.gid())).unwrap();
        let mut command = Command::new(if Path::new(PROGRAM).exists() { PROGRAM } else { "pgbouncer" });
        command.uid(owner.uid()).gid(owner.gid()).current_dir("/").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("PgBouncer is installed: scripts/setup installs it");
        let made = Self { directory, _child: child };
        let options = made.options(database);
        eventually("PgBouncer answers", async || options.connect().await.is_ok()).await;
        made
    }

    /// The address of the database through it.
    pub fn url(&self, database: &Database) -> String {
        let name = database.options.get_database().unwrap();
        format!("postgres://postgres@localhost:{PORT}/{name}?host={}", self.directory.display())
    }

    pub fn options(&self, database: &Database) -> PgConnectOptions {
        let options: PgConnectOptions = self.url(database).parse().unwrap();
        options.extra_float_digits(None).statement_cache_capacity(0)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
