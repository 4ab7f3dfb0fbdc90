//! The command step handler: owns how a step is told to a program and how the program's end is read.
//!
//! The program gets JSON on stdin and leaves JSON on stdout. Exit 0 is success; 75 asks for another try; 64, 65 and 78
//! are permanent; anything else is worth another try. Whoever may register handlers names the program, so the worker
//! offers this only when it was told to. Next: `process` runs it.

mod process;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use tasker_sdk::{StepContext, StepError};

use process::{Ended, Program};

/// `handler_config` of a command step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The program and its arguments; no shell is between.
    command: Vec<String>,
    /// Variables to set, beside those of the worker.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The working directory; the worker's when not given.
    cwd: Option<PathBuf>,
    /// How long it may run; as long as the step's own timeout allows when not given.
    timeout_seconds: Option<f64>,
}

/// What the program reads.
#[derive(Debug, Serialize)]
struct Input<'a> {
    inputs: &'a RawValue,
    dependencies: &'a BTreeMap<String, Box<RawValue>>,
    step: Step<'a>,
    attempt: i32,
    lease_token: i64,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    task_id: &'a str,
    step_id: &'a str,
    name: &'a str,
    step_handler: &'a str,
    namespace: &'a str,
    handler: &'a str,
    version: &'a str,
    retry_limit: i32,
    correlation_id: &'a str,
}

/// Runs an attempt.
pub(super) async fn run(ctx: &StepContext) -> Result<Box<RawValue>, StepError> {
    let config: Config = ctx.handler_config().map_err(|error| wrong(error.message()))?;
    let program = program(ctx, config)?;
    let input = input(ctx).await?;
    let ended = process::run(&program, input, ctx.cancelled()).await?;
    outcome(ended)
}

fn program(ctx: &StepContext, config: Config) -> Result<Program, StepError> {
    let mut argv = config.command.into_iter();
    let name = argv.next().filter(|name| !name.is_empty()).ok_or_else(|| wrong("the command is empty"))?;
    let timeout = match config.timeout_seconds {
        None => None,
        Some(seconds) => Some(
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|timeout| !timeout.is_zero())
                .ok_or_else(|| wrong(format!("timeout_seconds {seconds} is not a time above 0")))?,
        ),
    };
    let mut env = config.env;
    for (name, value) in [
        ("TASKER_TASK_ID", ctx.task_id().to_owned()),
        ("TASKER_STEP_ID", ctx.step_id().to_owned()),
        ("TASKER_ATTEMPT", ctx.attempt().to_string()),
        ("TASKER_LEASE_TOKEN", ctx.lease_token().to_string()),
    ] {
        env.insert(name.to_owned(), value);
    }
    Ok(Program { name, args: argv.collect(), env, cwd: config.cwd, timeout })
}

async fn input(ctx: &StepContext) -> Result<Vec<u8>, StepError> {
    let (assignment, handler) = (ctx.assignment(), ctx.handler());
    let input = Input {
        inputs: serde_json::from_str(ctx.inputs_json())?,
        dependencies: &ctx.dependencies().await?,
        step: Step {
            task_id: &assignment.task_id,
            step_id: &assignment.step_id,
            name: &assignment.step_name,
            step_handler: &assignment.step_handler,
            namespace: &handler.namespace,
            handler: &handler.name,
            version: &handler.version,
            retry_limit: assignment.retry_limit,
            correlation_id: &assignment.correlation_id,
        },
        attempt: assignment.attempt,
        lease_token: assignment.lease_token,
    };
    Ok(serde_json::to_vec(&input)?)
}

/// What the end of the program means.
fn outcome(ended: Ended) -> Result<Box<RawValue>, StepError> {
    let Ended { status, output, tail } = ended;
    let Some(code) = status.code() else {
        return Err(failure(StepError::retryable(format!("the command was ended by {status}{}", after(&tail))), &tail));
    };
    let message = || format!("the command exited with status {code}{}", after(&tail));
    let error = match code {
        0 => return result(&output),
        64 | 65 | 78 => StepError::permanent(message()),
        _ => StepError::retryable(message()),
    };
    Err(failure(error.code(format!("EXIT_{code}")), &tail))
}

fn failure(error: StepError, tail: &str) -> StepError {
    error.class("CommandFailed").backtrace(tail)
}

/// The last line of stderr, for the message; the backtrace has more.
fn after(tail: &str) -> String {
    let last = tail.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(String::new, |line| format!(": {}", line.trim()))
}

/// JSON as it is, so that numbers stay exact; anything else as text.
fn result(output: &[u8]) -> Result<Box<RawValue>, StepError> {
    let text = String::from_utf8_lossy(output);
    let text = text.trim();
    if text.is_empty() {
        return Ok(to_raw_value(&json!({}))?);
    }
    match serde_json::from_str(text) {
        Ok(json) => Ok(json),
        Err(_) => Ok(to_raw_value(&json!({ "output": text.replace('\0', "\u{fffd}") }))?),
    }
}

fn wrong(message: impl Into<String>) -> StepError {
    StepError::permanent(message).class("ArgumentError")
}
