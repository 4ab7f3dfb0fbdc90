//! What the documents tell people to type.
//!
//! Owns: running it. A block of commands that begins with "```sh run" is run by bash, from the root of the repository,
//! against the server that README.md starts, and each of its commands has to succeed.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::harness::within;

/// A directory that is removed with the value.
struct Home(PathBuf);

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The blocks of a document that are run, and the others whose language is the shell's.
fn blocks(document: &str) -> (Vec<String>, Vec<String>) {
    let (mut run, mut shown) = (Vec::new(), Vec::new());
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```").filter(|language| !language.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language {
            "sh run" => run.push(block.join("\n")),
            "sh" => shown.push(block.join("\n")),
            _ => {}
        }
    }
    (run, shown)
}

/// A command that finds our binary as `tasker`, and nothing of the surroundings.
fn surrounded(program: &str, home: &Home) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_tasker")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:{path}", binary.display())).kill_on_drop(true);
    command.env("XDG_STATE_HOME", home.0.join("state")).env("XDG_CONFIG_HOME", home.0.join("settings"));
    for name in ["TOKEN", "TOKEN_FILE", "OUTPUT", "CONFIG", "ENV", "PROFILE"] {
        command.env_remove(format!("TASKER_{name}"));
    }
    command.env_remove("DATABASE_URL");
    command
}

/// Starts the server as README.md does, but on a free port and with data of its own.
async fn server(home: &Home) -> (Child, String) {
    let mut command = surrounded("tasker", home);
    command.args(["dev", "--allow-commands", "--output", "json", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(home.0.join("data")).args([
        "--set",
        "http.listen=",
        "--set",
        "embedded.parameters.shared_buffers=16MB",
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut text = String::new();
    within("tasker dev is ready", async {
        while !text.ends_with("}\n") {
            text.push_str(&lines.next_line().await.unwrap().expect("it prints a document"));
            text.push('\n');
        }
    })
    .await;
    let document: Value = serde_json::from_str(&text).unwrap();
    (child, document["endpoint"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_documents_succeed() {
    let home = Home(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("documents-{}", std::process::id())));
    std::fs::create_dir_all(&home.0).unwrap();
    let (mut child, endpoint) = server(&home).await;
    for (name, at_least) in [("README.md", 2), ("docs/OPERATIONS.md", 2)] {
        let (run, shown) = blocks(&std::fs::read_to_string(name).unwrap());
        assert!(run.len() >= at_least, "{name} has {} blocks to run", run.len());
        // What is only shown starts something that stays.
        let stays = |block: &String| block.contains("make run") || block.contains("tasker dev --allow-commands");
        let other: Vec<&String> = shown.iter().filter(|block| !stays(block)).collect();
        assert!(other.is_empty(), "{name}: begin these blocks with \"sh run\": {other:?}");
        for block in run {
            let mut command = surrounded("bash", &home);
            command.args(["-xeuo", "pipefail", "-c", &block]).env("TASKER_ENDPOINT", &endpoint);
            let Output { status, stdout, stderr } = within("the commands end", command.output()).await.unwrap();
            let told = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert!(status.success(), "{name}:\n{}\n{}", told[1], told[0]);
        }
    }
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(within("the end", child.wait()).await.unwrap().success());
}
