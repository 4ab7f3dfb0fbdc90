//! Running a program: owns its process group, its pipes and its end.
//!
//! Nothing of an attempt outlives it: whatever is left of the group is killed, also when the attempt is dropped.

use std::{collections::BTreeMap, path::PathBuf, process::ExitStatus, process::Stdio, time::Duration};

use tasker_sdk::{CancelReason, StepError};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

/// The largest output: it has to fit in a result of 1 MiB.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// How much of the end of stderr is kept.
const TAIL_BYTES: usize = 4 << 10;
/// How long a program may take to end after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// How long pipes may stay open after the group is gone; only a process that left the group can hold them.
const PIPE_GRACE: Duration = Duration::from_secs(1);
/// Variables of the worker that are none of the program's business.
const SECRETS: [&str; 3] = ["TASKER_TOKEN", "DATABASE_URL", "TASKER__DATABASE__URL"];

/// What to run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) timeout: Option<Duration>,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    /// The end of stderr.
    pub(super) tail: String,
}

/// Runs a program to its end, its timeout, or the end of the attempt.
pub(super) async fn run(
    program: &Program,
    input: Vec<u8>,
    cancelled: impl Future<Output = CancelReason>,
) -> Result<Ended, StepError> {
    let mut child = spawn(program)?;
    let group = Group::of(&child);
    let stdin = child.stdin.take().expect("stdin is piped");
    let output = child.stdout.take().expect("stdout is piped");
    let errors = child.stderr.take().expect("stderr is piped");
    let mut pipes = std::pin::pin!(async {
        let ((), output, tail) = tokio::join!(feed(stdin, input), read_all(output), read_tail(errors));
        (output, tail)
    });
    let mut read = None;
    let ended = {
        let whole = async {
            tokio::select! {
                status = child.wait() => status,
                pipes = &mut pipes => {
                    read = Some(pipes);
                    child.wait().await
                }
            }
        };
        tokio::select! {
            status = whole => Some(status),
            () = sleep(program.timeout) => None,
            _ = cancelled => return stop(child, group, "Cancelled", "the attempt was cancelled".into()).await,
        }
    };
    let Some(status) = ended else {
        let seconds = program.timeout.unwrap_or_default().as_secs_f64();
        return stop(child, group, "TimeoutError", format!("the command did not end within {seconds} s")).await;
    };
    drop(group);
    let (output, tail) = match read {
        Some(pipes) => pipes,
        None => timeout(PIPE_GRACE, pipes).await.map_err(|_| {
            StepError::retryable("a process that the command left behind holds its output open").class("CommandFailed")
        })?,
    };
    let output = output.ok_or_else(|| {
        StepError::permanent(format!("the command wrote more than {OUTPUT_BYTES_MAX} bytes")).class("OutputTooLarge")
    })?;
    Ok(Ended { status: status?, output, tail })
}

fn spawn(program: &Program) -> Result<Child, StepError> {
    let mut command = Command::new(&program.name);
    command.args(&program.args).envs(&program.env).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for secret in SECRETS.iter().filter(|name| !program.env.contains_key(**name)) {
        command.env_remove(secret);
    }
    if let Some(cwd) = &program.cwd {
        command.current_dir(cwd);
    }
    command.spawn().map_err(|error| {
        let message = format!("{} cannot be started: {error}", program.name);
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => StepError::permanent(message),
            _ => StepError::retryable(message),
        }
        .class("CommandNotStarted")
    })
}

/// Asks the group to end, then ends it.
async fn stop(mut child: Child, group: Group, class: &str, message: String) -> Result<Ended, StepError> {
    group.signal(libc::SIGTERM);
    // Whether it obeyed or not: the group is killed when it goes out of scope.
    let _ = timeout(TERM_GRACE, child.wait()).await;
    drop(group);
    Err(StepError::retryable(message).class(class))
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Writes the input. A program that does not want it is no error.
async fn feed(mut stdin: ChildStdin, input: Vec<u8>) {
    let _ = stdin.write_all(&input).await;
}

/// Reads everything; `None` when it is too much. Then the pipe is closed, which ends most programs.
async fn read_all(mut pipe: impl AsyncRead + Unpin) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match pipe.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Some(bytes),
            Ok(_) if bytes.len() > OUTPUT_BYTES_MAX => return None,
            Ok(_) => {}
        }
    }
}

/// Reads everything and keeps the end.
async fn read_tail(mut pipe: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::with_capacity(2 * TAIL_BYTES);
    while let Ok(1..) = pipe.read_buf(&mut bytes).await {
        if bytes.len() > TAIL_BYTES {
            bytes.drain(..bytes.len() - TAIL_BYTES);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A process group, killed when dropped.
#[derive(Debug)]
struct Group(Option<i32>);

impl Group {
    /// The group that a child leads.
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1))
    }

    fn signal(&self, signal: i32) {
        if let Some(group) = self.0 {
            #[expect(unsafe_code, reason = "kill takes two numbers; the group is our child's own, never 0 or 1")]
            unsafe {
                libc::kill(-group, signal);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
    }
}
