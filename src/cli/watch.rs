//! `tasker watch`: follows a task until it is final.
//!
//! Owns: the loop between the stream and the screen. On a terminal the view is repainted in place, elsewhere
//! every move is a line, and with `--output json` every message is a document. Ctrl-C stops watching and never
//! the task.

mod board;
mod feed;
mod log;
mod obstacles;
mod screen;
#[cfg(test)]
mod tests;
mod view;

use std::{pin::pin, process::ExitCode, time::Duration};

use tasker_sdk::{Client, proto::tasker::v1 as pb};
use tokio::time::{MissedTickBehavior, interval};

pub(crate) use board::Board;
pub(crate) use feed::is_passing;
pub(crate) use view::{duration, steps};

use self::{
    feed::{Feed, News},
    obstacles::{Obstacle, Obstacles},
    screen::Screen,
};
use super::{
    Context, Outcome,
    failure::{self, Failure},
    input,
    output::Out,
    remote::Remote,
    shape,
    target::Reference,
};
use crate::domain::{run::Micros, state::State};

/// A log begins with the moves so far if there are at most so many.
const HISTORY_MAX: i64 = 200;

/// Follows a task until it is final: its steps, attempts, durations and failures
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker watch 01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000
  tasker watch TASK > log.txt           one line a move when it is no terminal
  tasker watch TASK --output json | jq  one document a message

The stream resumes by itself where it broke off when a server goes away and
comes back.

Exit codes: 0 the task is complete or resolved, 1 it ended in error or was
cancelled, 4 the server stayed away, 130 stopped with Ctrl-C; the task goes on.")]
pub(crate) struct Args {
    /// The task
    task: Reference,
    /// How long to wait for a server that has gone away
    #[arg(long, default_value = "60s", value_parser = input::duration, value_name = "DURATION")]
    patience: Duration,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.watch(context)).await
}

impl Args {
    async fn watch(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let client = self.remote.connect(context).await?;
        let task_id = self.task.find(context, &client).await?.task_id();
        follow(&client, out, task_id, self.patience).await
    }
}

/// Follows a task to its end and tells how it ended.
pub(crate) async fn follow(
    client: &Client,
    out: Out,
    task_id: String,
    patience: Duration,
) -> Result<ExitCode, Failure> {
    let mut feed = Feed::new(client.clone(), task_id.clone(), patience);
    let mut printer = NewsPrinter::new(out);
    let mut frames = interval(Duration::from_millis(100));
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut obstacles = Obstacles::new(client.clone());
    let mut stop = pin!(tokio::signal::ctrl_c());
    loop {
        let mut next = pin!(feed.next());
        let news = loop {
            tokio::select! {
                news = &mut next => break news?,
                _ = frames.tick() => printer.frame(),
                found = obstacles.next(printer.board.as_ref()) => printer.keep(found),
                _ = &mut stop => {
                    printer.close();
                    eprintln!("stopped watching; the task goes on: tasker watch {task_id}");
                    return Ok(ExitCode::from(130));
                }
            }
        };
        let first = printer.board.is_none();
        printer.print(&news);
        if let News::Task(task) = &news
            && first
            && printer.is_log()
        {
            history(client, task).await?.iter().for_each(|transition| printer.transition(transition));
        }
        if let News::Task(task) = &news
            && let Some(state) = input::from_proto(task.state)
            && state.is_settled_task()
        {
            printer.finish();
            let well = matches!(state, State::Complete | State::ResolvedManually);
            return Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(failure::UNSUCCESSFUL) });
        }
    }
}

/// The moves before the first snapshot, for a log that tells the whole story; none when they are many.
async fn history(client: &Client, task: &pb::Task) -> Result<Vec<pb::Transition>, Failure> {
    if task.revision > HISTORY_MAX {
        return Ok(Vec::new());
    }
    let page_size = i32::try_from(HISTORY_MAX).expect("a page");
    let mut request = pb::ListTransitionsRequest { task_id: task.task_id.clone(), page_size, ..Default::default() };
    let mut transitions = Vec::new();
    loop {
        let page = client.tasks().list_transitions(request.clone()).await?.into_inner();
        transitions.extend(page.transitions);
        let is_behind = transitions.last().is_none_or(|last| last.sequence < task.revision);
        if page.next_page_token.is_empty() || !is_behind {
            break;
        }
        request.page_token = page.next_page_token;
    }
    transitions.retain(|transition| transition.sequence <= task.revision);
    Ok(transitions)
}

/// Shows the news in the way that suits the reader.
struct NewsPrinter {
    out: Out,
    board: Option<Board>,
    screen: Option<Screen>,
    clock: Clock,
    last_sequence: i64,
}

impl NewsPrinter {
    fn new(out: Out) -> Self {
        let screen = out.is_live().then(|| Screen::new(out));
        Self { out, board: None, screen, clock: Clock::default(), last_sequence: 0 }
    }

    fn is_log(&self) -> bool {
        self.screen.is_none() && !self.out.is_json()
    }

    fn print(&mut self, news: &News) {
        match news {
            News::Task(task) => self.task(task),
            News::Transition(transition) => self.transition(transition),
            News::Disconnected(why) => match &mut self.screen {
                Some(screen) => screen.notice = Some(format!("the server is unavailable, trying again ({why})")),
                None => eprintln!("the server is unavailable, trying again ({why})"),
            },
        }
        if !matches!(news, News::Disconnected(_))
            && let Some(screen) = &mut self.screen
        {
            screen.notice = None;
        }
    }

    fn task(&mut self, task: &pb::Task) {
        let first = self.board.is_none();
        match &mut self.board {
            Some(board) => board.replace(task),
            None => self.board = Some(Board::new(task)),
        }
        if self.out.is_json() {
            self.out.record(&serde_json::json!({ "task": shape::task(task) }));
        } else if self.screen.is_none() && first {
            let board = self.board.as_ref().expect("just set");
            self.out.line(&log::snapshot(board, self.out.paint));
        }
    }

    fn transition(&mut self, transition: &pb::Transition) {
        if let Some(time) = transition.transition_time {
            self.clock.hear(board::micros(time));
        }
        let Some(board) = &mut self.board else { return };
        board.apply(transition);
        if transition.sequence <= self.last_sequence {
            return;
        }
        self.last_sequence = transition.sequence;
        if self.out.is_json() {
            self.out.record(&serde_json::json!({ "transition": shape::transition(transition) }));
        } else if self.screen.is_none() {
            self.out.line(&log::transition(board, transition, self.out.paint));
        }
    }

    /// Takes over what keeps steps. A log tells it once, when it begins.
    fn keep(&mut self, found: Vec<Obstacle>) {
        let Some(board) = &mut self.board else { return };
        for (id, obstacle) in found {
            let line = board.keep(&id, obstacle).map(|row| log::obstacle(row, self.out.paint));
            if let Some(line) = line.filter(|_| self.screen.is_none() && !self.out.is_json()) {
                self.out.line(&line);
            }
        }
    }

    fn frame(&mut self) {
        if let (Some(screen), Some(board)) = (&mut self.screen, &self.board) {
            screen.paint(board, self.clock.now());
        }
    }

    fn close(&mut self) {
        self.frame();
        self.screen = None;
    }

    fn finish(&mut self) {
        self.close();
        if let Some(board) = self.board.as_ref().filter(|_| !self.out.is_json()) {
            self.out.line(&log::end(board, self.clock.now(), self.out.paint));
            for advice in log::advice(board) {
                self.out.line(&advice);
            }
        }
    }
}

/// The time for durations that still run: this machine's, or the server's newest when that is ahead, so that
/// no duration shown is negative.
#[derive(Debug, Default)]
struct Clock {
    newest: Micros,
}

impl Clock {
    fn hear(&mut self, time: Micros) {
        self.newest = self.newest.max(time);
    }

    fn now(&self) -> Micros {
        input::now().timestamp_micros().max(self.newest)
    }
}
