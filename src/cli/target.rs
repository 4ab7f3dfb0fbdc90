//! What a subcommand acts on: a task or a step.
//!
//! Owns: reading `TASK`, `STEP` and `TASK/NAME`. An id says by itself whether it is a task's or a step's.

use std::str::FromStr;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::failure::Failure;
use crate::domain::ids::{StepId, TaskId};

/// A task or a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A task.
    Task(TaskId),
    /// A step by its id.
    Step(StepId),
    /// A step by its name.
    Named(TaskId, String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither a task id, a step id, nor TASK/STEP-NAME");
        if let Some((task, name)) = text.split_once('/') {
            let task = task.parse().map_err(|_| wrong())?;
            return if name.is_empty() { Err(wrong()) } else { Ok(Self::Named(task, name.to_owned())) };
        }
        let task = text.parse().map(Self::Task);
        task.or_else(|_| text.parse().map(Self::Step)).map_err(|_| wrong())
    }
}

impl Target {
    /// The task, or the task of the step.
    pub(crate) fn task_id(&self) -> String {
        match self {
            Self::Task(task) | Self::Named(task, _) => task.to_string(),
            Self::Step(step) => step.task.to_string(),
        }
    }

    /// The id of the step; a name is looked up. `None` for a task.
    pub(crate) async fn step_id(&self, client: &Client) -> Result<Option<String>, Failure> {
        match self {
            Self::Task(_) => Ok(None),
            Self::Step(step) => Ok(Some(step.to_string())),
            Self::Named(task, name) => find(client, &task.to_string(), name).await.map(Some),
        }
    }
}

/// Looks a step up by its name.
async fn find(client: &Client, task_id: &str, name: &str) -> Result<String, Failure> {
    let mut request = pb::ListStepsRequest { task_id: task_id.to_owned(), page_size: 1_000, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = client.steps().list_steps(request.clone()).await?.into_inner();
        if let Some(step) = page.steps.iter().find(|step| step.name == name) {
            return Ok(step.step_id.clone());
        }
        names.extend(page.steps.into_iter().map(|step| step.name));
        if page.next_page_token.is_empty() {
            let more = if names.len() > 12 { ", …" } else { "" };
            names.truncate(12);
            return Err(Failure::local(
                format!("task {task_id} has no step {name:?}"),
                format!("its steps are {}{more}", names.join(", ")),
            ));
        }
        request.page_token = page.next_page_token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = text.parse::<Target>().map_or_else(|error| error, |target| format!("{target:?}"));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_id_says_what_it_is() {
        let task = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
        check(task, "Task(01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000)");
        check("01932c07-6b1f-7d0e-9d0a-5f2c1d3e0003", "Step(01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000#2)");
        check(&format!("{task}/fetch"), "Named(01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000, \"fetch\")");
        check(&format!("{task}/"), &format!("\"{task}/\" is neither a task id, a step id, nor TASK/STEP-NAME"));
        check("nonsense", "\"nonsense\" is neither a task id, a step id, nor TASK/STEP-NAME");
    }
}
