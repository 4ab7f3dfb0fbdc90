//! The configuration of real processes: what is checked before anything is opened, and what a SIGHUP takes over.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

use crate::harness::{Database, database, within};

/// A file that is removed with the value.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.toml", uuid::Uuid::now_v7()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn tasker(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(words).env_remove("DATABASE_URL").env_remove("TASKER_CONFIG").current_dir("/").kill_on_drop(true);
    command
}

async fn ended(command: &mut Command) -> Output {
    within("the end of a command", command.output()).await.unwrap()
}

/// The findings of `tasker config check` as `key: problem`.
async fn findings(words: &[&str]) -> Vec<String> {
    let output = ended(tasker(&["config", "check", "--output", "json"]).args(words)).await;
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(output.status.success(), document["valid"] == true, "{document}");
    let findings = document["findings"].as_array().unwrap();
    for finding in findings {
        for part in ["key", "value", "problem", "fix", "source"] {
            assert!(finding[part].as_str().is_some_and(|text| !text.is_empty()), "{part} of {finding}");
        }
    }
    findings
        .iter()
        .map(|finding| format!("{}: {}", finding["key"].as_str().unwrap(), finding["problem"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_are_asked_before_anything_is_opened() {
    let database = database().await;
    let url = database.url();
    let live = async |words: &[&str]| findings(&[&["--live", "--database-url", &url], words].concat()).await;
    assert_eq!(live(&[]).await, [""; 0]);
    let many = live(&["--set", "server.replicas=100"]).await;
    assert!(
        many[0].starts_with("database.pool_connections_max: servers: 100; together they use up to 1300 connections"),
        "{many:?}"
    );
    let other = url.replace("/test_", "/nothing_");
    let away = live(&["--set", &format!("databases.direct.url={other}"), "--set", "database.listen=direct"]).await;
    assert!(away[0].starts_with("databases.direct.url: cannot be reached"), "{away:?}");
    let template = url.replace(url.split('/').nth(3).unwrap().split('?').next().unwrap(), "postgres");
    let wrong = live(&["--set", &format!("databases.direct.url={template}"), "--set", "database.listen=direct"]).await;
    assert_eq!(wrong, ["databases.direct.url: leads to another database than the store's"]);
    let copy = live(&["--set", &format!("databases.copy.url={url}"), "--set", "database.reads=copy"]).await;
    assert_eq!(copy, ["databases.copy.url: follows nobody: it is not a standby"]);
    // What holds in production only: the tests' Postgres does not wait for the disk.
    let production = [
        "--set",
        "environment=production",
        "--set",
        "telemetry.log_format=json",
        "--set",
        "auth.authenticators=[\"api_token\"]",
        "--set",
        "auth.coordinators=[\"claims\"]",
    ];
    let unsafe_database = live(&production).await;
    assert!(unsafe_database.iter().any(|finding| finding.contains("has fsync off")), "{unsafe_database:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_configured_wrongly_opens_nothing() {
    let nowhere =
        ["serve", "--fail-fast", "--listen", "127.0.0.1:0", "--database-url", "postgres://postgres@localhost:1/x"];
    let output = ended(&mut tasker(&nowhere)).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("cannot be reached"), "{said}");
    assert!(!said.contains("serving"), "{said}");

    let words = ["serve", "--set", "writer.lane=3", "--set", "database.store=gone", "--set", "sessions.lease_ttl_ms=5"];
    let output = ended(&mut tasker(&words)).await;
    let said = String::from_utf8_lossy(&output.stderr);
    for part in
        ["did you mean `writer.lanes`?", "database.store = \"gone\": names a database that is not defined", "1000"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_is_printed_without_secrets() {
    let file = File::new("[writer]\nlanes = 3\n");
    let words = ["config", "show", "--config", file.0.to_str().unwrap(), "--set", "dispatch.batch_max=7"];
    let output = ended(tasker(&words).env("DATABASE_URL", "postgres://me:hush@db/x")).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    let table: toml::Table = shown.parse().expect("it is a configuration file");
    assert_eq!(table["writer"]["lanes"].as_integer(), Some(3));
    assert!(!shown.contains("hush"), "{shown}");
    let source = |begin: &str| shown.lines().find(|line| line.starts_with(begin)).unwrap().split("# ").nth(1).unwrap();
    assert_eq!(source("lanes"), file.0.to_str().unwrap());
    assert_eq!(source("batch_max"), "a flag");
    assert_eq!(source("batch_items_max"), "default");
    assert_eq!(source("url = \"[redacted]\""), "DATABASE_URL");
}

/// A server with a configuration file.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Server {
    async fn start(database: &Database, file: &File) -> Self {
        let mut command = tasker(&["serve", "--listen", "127.0.0.1:0", "--config", file.0.to_str().unwrap()]);
        command.env("DATABASE_URL", database.url()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut server = Self { child, lines };
        server.says("serving").await;
        server
    }

    /// The lines up to the one with this message.
    async fn says(&mut self, message: &str) -> Vec<Value> {
        let mut said = Vec::new();
        within(message, async {
            loop {
                let line = self.lines.next_line().await.unwrap().unwrap_or_else(|| panic!("no `{message}`: {said:?}"));
                let line: Value = serde_json::from_str(&line).unwrap();
                said.push(line.clone());
                if line["message"].as_str().is_some_and(|text| text.contains(message)) {
                    return;
                }
            }
        })
        .await;
        said
    }

    fn hang_up(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// The keys that a reload took over, and those that wait for a restart.
    async fn reloads(&mut self) -> (Vec<String>, Vec<String>) {
        self.hang_up();
        let said = self.says("the configuration was read again").await;
        let keys = |message: &str| {
            let lines = said.iter().filter(|line| line["message"] == message);
            lines.map(|line| line["key"].as_str().unwrap().to_owned()).collect()
        };
        (keys("taken over"), keys("has changed and waits for a restart"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_takes_over_what_can_change_and_names_the_rest() {
    let database = database().await;
    let begin = "[telemetry]\nlog_format = \"json\"\nlog_level = \"info\"\n";
    let file = File::new(begin);
    let mut server = Server::start(&database, &file).await;

    fs::write(&file.0, format!("{begin}[backoff]\ndefault_backoff_seconds = [7]\n[writer]\nlanes = 3\n[auth.roles]\nguest = [\"tasker.task:show\"]\n")).unwrap();
    let (taken, waiting) = server.reloads().await;
    assert_eq!(taken, ["auth.roles.guest", "backoff.default_backoff_seconds"]);
    assert_eq!(waiting, ["writer.lanes"]);

    // One with findings changes nothing, and the server goes on.
    fs::write(&file.0, format!("{begin}[backoff]\nbackoff_multiplier = 99.0\n")).unwrap();
    server.hang_up();
    let said = server.says("the configuration is not taken over").await;
    assert!(said.last().unwrap()["findings"].as_str().unwrap().contains("backoff.backoff_multiplier"), "{said:?}");

    // The log level holds from the reload on: what was too low before is told.
    fs::write(&file.0, begin.replace("\"info\"", "\"info,tasker::app=trace\"")).unwrap();
    let (taken, waiting) = server.reloads().await;
    assert_eq!(taken, ["auth.roles.guest", "backoff.default_backoff_seconds", "telemetry.log_level"]);
    assert_eq!(waiting, ["writer.lanes"], "back to what it still has");
    fs::write(&file.0, begin.replace("\"info\"", "\"error\"")).unwrap();
    server.hang_up();
    let pid = server.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(within("the end", server.child.wait()).await.unwrap().success(), "a hang-up ends nothing");
}
