//! `tasker dev` as a process: it comes up with nothing, ends when asked, and a killed one leaves nothing behind.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::harness;

/// A directory that is removed with the value.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dev-{name}-{}", std::process::id())))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn dev(home: &Home) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command
        .args(["dev", "--output", "json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&home.0)
        .args(["--set", "embedded.parameters.shared_buffers=16MB"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts it and reads the document that it prints when it is ready.
async fn ready(home: &Home) -> (Child, Value) {
    ready_with(home, &[]).await
}

async fn ready_with(home: &Home, arguments: &[&str]) -> (Child, Value) {
    let mut child = dev(home).args(arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut text = String::new();
    harness::within("tasker dev is ready", async {
        while !text.ends_with("}\n") {
            text.push_str(&lines.next_line().await.unwrap().expect("it prints a document"));
            text.push('\n');
        }
    })
    .await;
    (child, serde_json::from_str(&text).unwrap())
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_up_refuses_a_second_one_and_ends_when_asked() {
    let home = Home::new("stop");
    let (mut child, document) = ready(&home).await;
    assert!(document["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{document}");

    let mut second = dev(&home).spawn().unwrap();
    let status = harness::within("the second one's refusal", second.wait()).await.unwrap();
    let mut words = String::new();
    second.stderr.take().unwrap().read_to_string(&mut words).await.unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(words.contains(&format!("another tasker (pid {}) already runs", document["pid"])), "{words}");

    signal(&child, "-TERM");
    let status = harness::within("the end", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!home.0.join("data/postmaster.pid").exists(), "its Postgres has ended before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_who_calls_when_told_to() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new("auth");
    let (mut child, document) = ready_with(&home, &["--auth"]).await;
    let endpoint = document["endpoint"].as_str().unwrap();
    let secret = std::fs::metadata(home.0.join("token.secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);

    let tasker = async |words: &[&str], token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
        command.args(words).env("TASKER_TOKEN", token).env("TASKER_ENDPOINT", endpoint).kill_on_drop(true);
        let output = harness::within("a command", command.output()).await.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    assert_eq!(tasker(&["list"], "").await.0, 3);
    let directory = home.0.to_str().unwrap();
    let sign = ["token", "sign", "--subject", "me", "--role", "admin", "--data-dir", directory];
    let (code, token) = tasker(&sign, "").await;
    assert_eq!(code, 0);
    assert_eq!(tasker(&["list"], &token).await.0, 0);
    signal(&child, "-TERM");
    assert_eq!(harness::within("the end", child.wait()).await.unwrap().code(), Some(0));
}

/// What `tasker doctor` finds, as `check verdict`, and its exit code.
async fn doctor(home: &Home, arguments: &[&str]) -> (Vec<String>, Option<i32>) {
    let directory = format!("embedded.directory={}", home.0.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(["doctor", "--output", "json", "--set", &directory]).args(arguments);
    let output = harness::within("the doctor", command.output()).await.unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap().iter();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let found = findings.map(|finding| format!("{} {}", word(finding, "check"), word(finding, "verdict")));
    (found.collect(), output.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_healthy_one_healthy_and_names_what_is_wrong() {
    let home = Home::new("doctor");
    let (mut child, document) = ready(&home).await;
    let endpoint = document["endpoint"].as_str().unwrap();

    let (findings, code) = doctor(&home, &["--endpoint", endpoint]).await;
    let all = ["version", "configuration", "database", "clock", "schema", "durability", "connections", "snapshots"];
    let all = all.into_iter().chain(["server"]).map(|check| format!("{check} good")).collect::<Vec<_>>();
    assert_eq!((findings, code), (all, Some(0)));

    let (findings, code) = doctor(&home, &["--set", "writer.lane=3", "--set", "dispatch.batch_max=0"]).await;
    assert_eq!(findings, ["version good", "configuration bad", "configuration bad"]);
    assert_eq!(code, Some(1));

    let (findings, code) = doctor(&home, &["--database-url", "postgres://nobody@127.0.0.1:1/none"]).await;
    assert!(findings.contains(&"database bad".to_owned()), "{findings:?}");
    assert_eq!(code, Some(1));

    signal(&child, "-TERM");
    harness::within("the end", child.wait()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_one_takes_its_postgres_along_and_the_next_one_starts() {
    let home = Home::new("kill");
    let (mut child, _) = ready(&home).await;
    child.kill().await.unwrap();
    let pid_file = home.0.join("data/postmaster.pid");
    harness::eventually("its Postgres ends by itself", async || !pid_file.exists()).await;

    // Killed again, and started while the Postgres of the killed one is still about to end.
    let (mut child, _) = ready(&home).await;
    child.kill().await.unwrap();
    let (mut child, _) = ready(&home).await;
    signal(&child, "-INT");
    assert_eq!(harness::within("the end", child.wait()).await.unwrap().code(), Some(0));
}
