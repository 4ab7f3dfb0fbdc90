//! The handler with a real shell.

#![expect(clippy::disallowed_methods, reason = "nobody starts the work of a test again")]

use std::time::Instant;

use serde_json::Value;
use tasker_sdk::proto::tasker::worker::v1::{Assignment, DependencyResult};
use tokio_util::sync::CancellationToken;

use super::*;

fn assignment(config: &Value) -> Assignment {
    Assignment {
        task_id: "the-task".into(),
        step_id: "the-step".into(),
        step_name: "pack".into(),
        lease_token: 3,
        attempt: 2,
        inputs_json: r#"{"order": 7}"#.into(),
        handler_config_json: config.to_string(),
        dependencies: vec![DependencyResult { step_name: "reserve".into(), results_json: r#"{"shelf":"S7"}"#.into() }],
        ..Default::default()
    }
}

async fn run_config(config: Value) -> Result<Value, StepError> {
    let json = run(&StepContext::detached(assignment(&config), CancellationToken::new())).await?;
    Ok(serde_json::from_str(json.get()).expect("JSON"))
}

async fn shell(script: &str) -> Result<Value, StepError> {
    run_config(json!({ "command": ["/bin/sh", "-c", script] })).await
}

#[tokio::test]
async fn the_program_is_told_everything_and_its_output_is_the_result() {
    let seen = shell("cat").await.expect("it exits with 0");
    assert_eq!((&seen["inputs"], &seen["dependencies"]), (&json!({"order": 7}), &json!({"reserve": {"shelf": "S7"}})));
    assert_eq!((&seen["attempt"], &seen["lease_token"]), (&json!(2), &json!(3)));
    assert_eq!((&seen["step"]["name"], &seen["step"]["task_id"]), (&json!("pack"), &json!("the-task")));

    let check =
        async |script: &str, expected: Value| assert_eq!(shell(script).await.expect(script), expected, "{script}");
    check("echo '[1, 2]'", json!([1, 2])).await;
    check("echo hello", json!({ "output": "hello" })).await;
    check("true", json!({})).await;
    check("echo $TASKER_STEP_ID/$TASKER_ATTEMPT/$TASKER_LEASE_TOKEN", json!({ "output": "the-step/2/3" })).await;
    check("exec <&-; echo '\"it does not read\"'", json!("it does not read")).await;
    check("head -c 100000 /dev/zero | tr '\\0' x >&2; echo 1", json!(1)).await;
}

#[tokio::test]
async fn the_exit_status_decides() {
    let check = async |script: &str, permanent: bool, expected: &str| {
        let error = shell(script).await.expect_err(script);
        assert_eq!((error.is_permanent(), error.message()), (permanent, expected), "{script}");
    };
    check("echo no such order >&2; exit 65", true, "the command exited with status 65: no such order").await;
    check("exit 64", true, "the command exited with status 64").await;
    check("exit 78", true, "the command exited with status 78").await;
    check("exit 75", false, "the command exited with status 75").await;
    check("echo a >&2; echo b >&2; exit 1", false, "the command exited with status 1: b").await;
    check("kill -9 $$", false, "the command was ended by signal: 9 (SIGKILL)").await;
    check("yes", true, "the command wrote more than 1048576 bytes").await;
}

#[tokio::test]
async fn the_configuration_is_obeyed_or_refused() {
    let output = run_config(json!({
        "command": ["/bin/sh", "-c", "echo \"$PWD $COLOUR\""], "cwd": "/", "env": { "COLOUR": "red" },
    }));
    assert_eq!(output.await.expect("it exits with 0"), json!({ "output": "/ red" }));

    let check = async |config: Value, expected: &str| {
        let error = run_config(config.clone()).await.expect_err("it cannot run");
        assert!(error.is_permanent() && error.message().contains(expected), "{config}: {error:?}");
    };
    check(json!({}), "missing field `command`").await;
    check(json!({ "command": [] }), "the command is empty").await;
    check(json!({ "command": ["x"], "shell": true }), "unknown field `shell`").await;
    check(json!({ "command": ["x"], "timeout_seconds": -1 }), "timeout_seconds -1 is not a time above 0").await;
    check(json!({ "command": ["/no/such/program"] }), "/no/such/program cannot be started").await;
}

#[tokio::test]
async fn a_timeout_ends_the_whole_group() {
    let began = Instant::now();
    let config = json!({ "command": ["/bin/sh", "-c", "sleep 60 & sleep 60"], "timeout_seconds": 0.1 });
    let error = run_config(config).await.expect_err("it is too slow");
    assert_eq!((error.message(), error.is_permanent()), ("the command did not end within 0.1 s", false));
    assert!(began.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn what_the_program_leaves_behind_does_not_hold_up_the_step() {
    let began = Instant::now();
    assert_eq!(shell("sleep 60 & echo 1").await.expect("it exits with 0"), json!(1));
    assert!(began.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn a_cancelled_attempt_ends_its_program() {
    let cancel = CancellationToken::new();
    // The program says that it runs, by its process id, and notices SIGTERM.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let script = format!("trap 'exit 0' TERM; echo $$ > /proc/{}/fd/{}; sleep 60 & wait", std::process::id(), {
        use std::os::fd::AsRawFd as _;
        writer.as_raw_fd()
    });
    let ctx = StepContext::detached(assignment(&json!({ "command": ["/bin/sh", "-c", script] })), cancel.clone());
    let attempt = tokio::task::spawn(async move { run(&ctx).await });
    let pid = tokio::task::spawn_blocking(move || {
        use std::io::BufRead as _;
        let mut line = String::new();
        std::io::BufReader::new(reader).read_line(&mut line).expect("the program says its id");
        line.trim().to_owned()
    })
    .await
    .expect("no panic");
    cancel.cancel();
    let error = attempt.await.expect("no panic").expect_err("it was cancelled");
    assert_eq!(error.message(), "the attempt was cancelled");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    drop(writer);
}
