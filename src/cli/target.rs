//! The object of a subcommand: a task or a step.
//!
//! Owns: reading `TASK`, `STEP` and `TASK/NAME`, where a task is its id, the beginning of its id, or `@last`, and finding
//! what they mean. An id says by itself whether it is a task's or a step's.

use std::str::FromStr;

use tasker_sdk::{Client, proto::tasker::v1 as pb};

use super::{Context, failure::Failure, input::from_proto, last, shape};
use crate::domain::{
    ids::{PREFIX_DIGITS_MIN, StepId, TaskId},
    near,
};

/// The digits of an id.
const ID_DIGITS: usize = 32;
/// How many tasks with the same beginning are told.
const CANDIDATES_MAX: usize = 10;

/// A task or a step as somebody names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A step by its id.
    Step(StepId),
    /// A task.
    Task(TaskReference),
    /// A step by its name.
    Named(TaskReference, String),
}

/// A task as somebody names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskReference {
    /// By its id.
    Id(TaskId),
    /// By the beginning of its id.
    Prefix(String),
    /// The last one that this user submitted to the server.
    Last,
}

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

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(step) = text.parse() {
            return Ok(Self::Step(step));
        }
        match text.split_once('/') {
            None => task(text).map(Self::Task),
            Some((_, "")) => Err(wrong(text)),
            Some((before, name)) => Ok(Self::Named(task(before)?, name.to_owned())),
        }
    }
}

/// Reads a task alone.
pub(crate) fn task(text: &str) -> Result<TaskReference, String> {
    if text == "@last" {
        return Ok(TaskReference::Last);
    }
    if let Ok(id) = text.parse() {
        return Ok(TaskReference::Id(id));
    }
    let digits = text.replace('-', "").to_lowercase();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong(text));
    }
    match digits.len() {
        PREFIX_DIGITS_MIN..ID_DIGITS => Ok(TaskReference::Prefix(digits)),
        ..PREFIX_DIGITS_MIN => {
            Err(format!("{text:?} is too short; the beginning of a task id has at least {PREFIX_DIGITS_MIN} digits"))
        }
        _ => Err(wrong(text)),
    }
}

fn wrong(text: &str) -> String {
    format!(
        "{text:?} is neither a task, a step id, nor TASK/STEP-NAME; a task is its id, the beginning of it, or @last"
    )
}

impl TaskReference {
    /// The id of the task; the beginning of one is looked up.
    pub(crate) async fn find(&self, context: &Context, client: &Client) -> Result<TaskId, Failure> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Prefix(prefix) => by_prefix(client, prefix).await,
            Self::Last => last_of(context),
        }
    }
}

impl Reference {
    /// The task or step that is meant.
    pub(crate) async fn find(&self, context: &Context, client: &Client) -> Result<Target, Failure> {
        Ok(match self {
            Self::Step(step) => Target::Step(*step),
            Self::Task(task) => Target::Task(task.find(context, client).await?),
            Self::Named(task, name) => Target::Named(task.find(context, client).await?, name.clone()),
        })
    }
}

/// The task that this user submitted last to the server.
fn last_of(context: &Context) -> Result<TaskId, Failure> {
    let endpoint = context.connection()?.endpoint;
    let found = context.home.last().and_then(|file| last::read(&file, &endpoint));
    found.ok_or_else(|| {
        Failure::local(
            format!("no task was submitted to {endpoint} from this account yet"),
            "`tasker list` shows the tasks",
        )
    })
}

/// The one task whose id begins so.
async fn by_prefix(client: &Client, prefix: &str) -> Result<TaskId, Failure> {
    let filter = pb::TaskFilter { task_id_prefix: prefix.to_owned(), ..pb::TaskFilter::default() };
    let page_size = i32::try_from(CANDIDATES_MAX + 1).expect("a few");
    let request = pb::ListTasksRequest { filter: Some(filter), page_size, ..pb::ListTasksRequest::default() };
    let found = client.tasks().list_tasks(request).await?.into_inner().tasks;
    match found.as_slice() {
        [] => Err(Failure::local(format!("no task id begins with {prefix}"), "`tasker list` shows the tasks")),
        [task] => task.task_id.parse().map_err(|_| Failure::Garbled("the server answered no task id".to_owned())),
        several => {
            let more = if several.len() > CANDIDATES_MAX { "more than " } else { "" };
            let count = several.len().min(CANDIDATES_MAX);
            Err(Failure::Findings {
                message: format!("{more}{count} task ids begin with {prefix}"),
                findings: several.iter().take(CANDIDATES_MAX).map(candidate).collect(),
                next: "write more of the id".to_owned(),
            })
        }
    }
}

fn candidate(task: &pb::Task) -> String {
    let state = from_proto(task.state).unwrap_or_default().label();
    let asked = shape::time(task.request_time).unwrap_or_default();
    format!("{}  {}  {state}  {asked}", task.task_id, shape::full_name(task.handler.as_ref()))
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
            let near = near::hint(name, names.iter().map(String::as_str));
            let more = if names.len() > 12 { ", …" } else { "" };
            names.truncate(12);
            return Err(Failure::local(
                format!("task {task_id} has no step {name:?}{near}"),
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
        let found = text.parse::<Reference>().map_or_else(|error| error, |target| format!("{target:?}"));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_id_says_what_it_is() {
        let task = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
        check(task, &format!("Task(Id({task}))"));
        check("01932c07-6b1f-7d0e-9d0a-5f2c1d3e0003", &format!("Step({task}#2)"));
        check(&format!("{task}/fetch"), &format!("Named(Id({task}), \"fetch\")"));
        check(&format!("{task}/"), &wrong(&format!("{task}/")));
        check("nonsense", &wrong("nonsense"));
        check("", &wrong(""));
    }

    #[test]
    fn the_beginning_of_an_id_and_the_last_task_are_enough() {
        check("01932C07-6b1f", "Task(Prefix(\"01932c076b1f\"))");
        check("01932c07/fetch", "Named(Prefix(\"01932c07\"), \"fetch\")");
        check("@last", "Task(Last)");
        check("@last/fetch", "Named(Last, \"fetch\")");
        check("01932c0", "\"01932c0\" is too short; the beginning of a task id has at least 8 digits");
        check("01932c076b1f7d0e9d0a5f2c1d3e00000", &wrong("01932c076b1f7d0e9d0a5f2c1d3e00000"));
    }
}
