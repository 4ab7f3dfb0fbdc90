//! Servers and workers in processes of their own, with what they log.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness::{Database, found};

/// A process and its lines.
pub struct Process {
    pub child: Child,
    pub lines: Arc<Mutex<Vec<Value>>>,
}

/// Starts a subcommand that logs JSON, with keys of the configuration.
pub fn start(arguments: &[&str], keys: &[(&str, &str)], database: Option<&Database>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(arguments).args(["--set", "telemetry.log_format=json", "--set", "http.listen="]);
    for (key, value) in keys {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    if let Some(database) = database {
        command.env("DATABASE_URL", database.url());
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let kept = Arc::<Mutex<Vec<Value>>>::default();
    let keep = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            keep.lock().unwrap().push(line);
        }
    });
    Process { child, lines: kept }
}

impl Process {
    /// The lines so far.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Where the server serves, once it says so.
    pub async fn endpoint(&self) -> String {
        found("the server serves", async || {
            self.lines().iter().find_map(|line| line["endpoint"].as_str().map(str::to_owned))
        })
        .await
    }

    /// Ends it as an operator would, and waits for its end.
    pub async fn end(mut self) {
        let pid = self.child.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        crate::harness::within("the process ends", self.child.wait()).await.unwrap();
    }
}
