//! A Postgres of the test's own, which goes away and comes back.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tasker::{
    embedded,
    store::{Store, migrate, pool},
};

/// A Postgres that can be stopped and started.
pub struct Postgres {
    settings: embedded::Settings,
    running: Option<embedded::Server>,
    directory: PathBuf,
}

impl Postgres {
    pub async fn start(name: &str) -> (Self, Store) {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("away-{name}-{}", std::process::id()));
        let settings = embedded::Settings::new(&directory).parameter("shared_buffers", "16MB");
        let server = embedded::Server::start(&settings).await.unwrap();
        let store = Store::new(
            server.options(),
            &pool::Settings { acquire_timeout: Duration::from_millis(200), ..pool::Settings::default() },
        );
        migrate::run(&store).await.unwrap();
        (Self { settings, running: Some(server), directory }, store)
    }

    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    /// The power fails: every process of it is gone from one moment to the next.
    pub async fn kill(&mut self) {
        let server = self.running.take().unwrap();
        let pid_file = server.directory().join("data/postmaster.pid");
        let pid = std::fs::read_to_string(&pid_file).unwrap().lines().next().unwrap().to_owned();
        assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        server.stop().await;
    }

    pub async fn come_back(&mut self) {
        self.running = Some(embedded::Server::start(&self.settings).await.unwrap());
    }

    pub async fn end(mut self) {
        self.stop().await;
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
