//! A private Redis on a socket of its own, ended with the value.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use super::eventually;

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A running Redis.
#[derive(Debug)]
pub struct Redis {
    socket: PathBuf,
    child: Option<Child>,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // Sockets have short paths.
        let socket = std::env::temp_dir().join(format!("tasker-redis-{}-{number}.sock", std::process::id()));
        let mut redis = Self { socket, child: None };
        redis.restart().await;
        redis
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Starts it again, empty, after it was stopped.
    pub async fn restart(&mut self) {
        self.stop();
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&self.socket);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.expect("redis-server is installed: scripts/setup installs it"));
        eventually("Redis answers", async || self.try_stat("keyspace_hits").await.is_some()).await;
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_file(&self.socket);
    }

    /// A figure of its statistics.
    pub async fn stat(&self, name: &str) -> u64 {
        self.try_stat(name).await.unwrap_or_else(|| panic!("Redis tells {name}"))
    }

    async fn try_stat(&self, name: &str) -> Option<u64> {
        let client = redis::Client::open(self.url()).ok()?;
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        let info: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await.ok()?;
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().parse().ok()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
