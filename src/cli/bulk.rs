//! Doing the same to tasks that are named, or that meet conditions: `--where`.
//!
//! Owns: finding them, showing how many there are, asking, and telling of each. The tasks are found before the first one
//! is changed. Running the command again goes on with the rest, because those that are done no longer meet the conditions.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use tasker_sdk::{Client, proto::tasker::v1 as pb};
use tonic::Code;

use super::{
    Context,
    failure::{self, Failure},
    input::{self, count},
    list,
    manual::{self, Changed},
    output::Out,
    selection::Selection,
    target::{Reference, Target},
};

/// How many tasks a dry run shows.
const SHOWN: usize = 20;
/// The most tasks in one page, a limit of the service.
const PAGE: usize = 1_000;

/// What is done, and to tasks in which states when the conditions name none.
#[derive(Debug)]
pub(crate) struct Verb {
    /// The verb, as in `cancel`.
    pub(crate) name: &'static str,
    /// The states.
    pub(crate) states: &'static [pb::State],
}

/// The objects of a command that changes tasks.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Chosen {
    /// Tasks, steps, or TASK/STEP-NAME; a task is its id, the beginning of it, or @last
    #[arg(value_name = "TASK|STEP", required_unless_present = "selection", conflicts_with = "selection")]
    targets: Vec<Reference>,
    /// Every task that meets all conditions, as in 'handler=ship state=error age>1h'
    #[arg(long = "where", id = "selection", value_name = "CONDITIONS")]
    selection: Option<Selection>,
    /// With --where: only show how many there are, and the first of them
    #[arg(long, requires = "selection")]
    dry_run: bool,
    /// With --where: do not ask
    #[arg(long, short, requires = "selection")]
    yes: bool,
    /// With --where: at most so many tasks, the oldest first
    #[arg(long, value_name = "N", requires = "selection", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// The tasks that meet the conditions.
struct Found {
    tasks: Vec<pb::Task>,
    more: bool,
}

impl Chosen {
    /// Does it to each of them.
    pub(crate) async fn act(
        &self,
        context: &Context,
        client: &Client,
        verb: &Verb,
        act: impl AsyncFn(&Target) -> Result<Changed, Failure>,
    ) -> Result<ExitCode, Failure> {
        let Some(selection) = self.selection.clone() else {
            return manual::each(context, client, &self.targets, act).await;
        };
        let out = context.out();
        let filter = selection.or_states(verb.states).filter(input::now());
        let found = find(client, filter, usize::try_from(self.limit).unwrap_or(usize::MAX)).await?;
        if self.dry_run || found.tasks.is_empty() {
            tell(out, verb, &found);
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes && !ask(verb, &found)? {
            return Ok(ExitCode::from(failure::UNSUCCESSFUL));
        }
        all(out, &found, act).await
    }
}

/// Finds the tasks, the oldest first.
async fn find(client: &Client, filter: pb::TaskFilter, limit: usize) -> Result<Found, Failure> {
    let mut request = pb::ListTasksRequest {
        filter: Some(filter),
        order: pb::TaskOrder::CreateTimeAsc.into(),
        view: pb::TaskView::Basic.into(),
        ..pb::ListTasksRequest::default()
    };
    let mut tasks = Vec::new();
    loop {
        request.page_size = i32::try_from(PAGE.min(limit - tasks.len())).expect("a page");
        let page = client.tasks().list_tasks(request.clone()).await?.into_inner();
        tasks.extend(page.tasks);
        let more = !page.next_page_token.is_empty();
        if !more || tasks.len() >= limit {
            tasks.truncate(limit);
            return Ok(Found { tasks, more });
        }
        request.page_token = page.next_page_token;
    }
}

impl Found {
    /// `1 task`, `37 tasks`, or `the oldest 1000 tasks`.
    fn words(&self) -> String {
        let counted = count(self.tasks.len(), "task");
        if self.more { format!("the oldest {counted}") } else { counted }
    }
}

fn tell(out: Out, verb: &Verb, found: &Found) {
    if out.is_json() {
        let ids: Vec<&str> = found.tasks.iter().map(|task| task.task_id.as_str()).collect();
        return out.document(&serde_json::json!({ "would_change": ids.len(), "more": found.more, "task_ids": ids }));
    }
    if found.tasks.is_empty() {
        return out.line("no tasks");
    }
    let shown = &found.tasks[..found.tasks.len().min(SHOWN)];
    out.table(&list::table(shown, input::now()));
    if found.tasks.len() > shown.len() {
        out.line(&format!("… {} more", found.tasks.len() - shown.len()));
    }
    let rest = if found.more { "; there are more" } else { "" };
    out.line(&format!("would {} {}{rest}", verb.name, found.words()));
}

/// Asks the person at the terminal.
fn ask(verb: &Verb, found: &Found) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::local(
            format!("nobody can be asked whether to {} {}", verb.name, found.words()),
            "give --yes, or --dry-run to see them",
        ));
    }
    eprint!("{} {}? [y/N] ", verb.name, found.words());
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let cannot = |error| Failure::local(format!("cannot read the standard input: {error}"), "give --yes");
    io::stdin().read_line(&mut answer).map_err(cannot)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Does it to every task, and tells of each. A server that has gone away ends it.
async fn all(
    out: Out,
    found: &Found,
    act: impl AsyncFn(&Target) -> Result<Changed, Failure>,
) -> Result<ExitCode, Failure> {
    let (mut done, mut refused) = (0, 0);
    for task in &found.tasks {
        let id = task.task_id.parse().map_err(|_| Failure::Garbled("the server answered no task id".to_owned()))?;
        match act(&Target::Task(id)).await {
            Ok(changed) => {
                changed.tell_briefly(out);
                done += 1;
            }
            Err(failure) if is_away(&failure) => {
                eprintln!("stopped after {done} of {}; run it again for the rest", count(found.tasks.len(), "task"));
                return Err(failure);
            }
            Err(failure) => {
                eprintln!("{}", task.task_id);
                failure.print(out.format);
                refused += 1;
            }
        }
    }
    if !out.is_json() {
        let rest = if found.more { "; there are more, run it again for the rest" } else { "" };
        out.line(&format!("{}: {done} done, {refused} refused{rest}", count(found.tasks.len(), "task")));
    }
    Ok(if refused > 0 { ExitCode::from(failure::UNSUCCESSFUL) } else { ExitCode::SUCCESS })
}

/// Whether no server answers, so that the next task would fail alike.
fn is_away(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable { .. } => true,
        Failure::Refused(status) => matches!(status.code(), Code::Unavailable | Code::Unauthenticated),
        _ => false,
    }
}
