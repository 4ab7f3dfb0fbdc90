//! `tasker graph`: shows the dependency graph of a task.
//!
//! Owns: which format is printed, and following the graph until the task is final. What is drawn is a [`Drawing`], the
//! same for every format; each format is a file of its own. Next: `graph/drawing.rs`.

mod drawing;
mod json;
mod layout;
mod markup;
mod outlook;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use std::{pin::pin, process::ExitCode};

use clap::ValueEnum;
use tasker_sdk::proto::tasker::v1 as pb;

use self::drawing::Drawing;
use super::{
    Context, Outcome,
    canvas::Canvas,
    failure::{self, Failure},
    input,
    output::Out,
    remote::Remote,
    style::Paint,
    target::Reference,
};
use crate::domain::state::State;

/// How a graph is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A drawing for the terminal, with what follows from it
    Text,
    /// For Graphviz
    Dot,
    /// For Mermaid, as in Markdown
    Mermaid,
    /// Every section as JSON
    Json,
    /// A picture
    Svg,
}

/// Shows the dependency graph of a task: its states, its critical path, what holds it up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker graph TASK                         a drawing and the critical path
  tasker graph TASK --watch                 again whenever a step moves
  tasker graph TASK --format svg > dag.svg  a picture
  tasker graph TASK --format dot | dot -Tpdf > dag.pdf
  tasker graph TASK --format json | jq .expected_finish

With --watch the exit code is 0 when the task is complete or resolved, 1 when it
ended in error or was cancelled, 130 when stopped with Ctrl-C; the task goes on.")]
pub(crate) struct Args {
    /// The task
    task: Reference,
    /// How to print it; text, or json with --output json, when not given
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Prints it again whenever it has changed, until the task is final
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Runs the subcommand.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    args.remote.run(context, args.show(context)).await
}

impl Args {
    async fn show(&self, context: &Context) -> Result<ExitCode, Failure> {
        let out = Out::of(context.output);
        let format = self.format.unwrap_or(if out.is_json() { Format::Json } else { Format::Text });
        let client = self.remote.connect(context).await?;
        let task_id = self.task.find(context, &client).await?.task_id();
        if self.watch {
            return self.follow(&client, out, format, task_id).await;
        }
        let request = pb::GetTaskGraphRequest { task_id, sections: Vec::new() };
        let pb::GetTaskGraphResponse { graph, generate_time, expected_finish } =
            client.graphs().get_task_graph(request).await?.into_inner();
        let shown = Shown { graph: graph.unwrap_or_default(), generate_time, expected_finish };
        out.raw(&print(&shown, format, out.paint));
        Ok(ExitCode::SUCCESS)
    }

    async fn follow(
        &self,
        client: &tasker_sdk::Client,
        out: Out,
        format: Format,
        task_id: String,
    ) -> Result<ExitCode, Failure> {
        let request = pb::WatchTaskGraphRequest { task_id: task_id.clone(), sections: Vec::new() };
        let mut stream = client.graphs().watch_task_graph(request).await?.into_inner();
        let mut stop = pin!(tokio::signal::ctrl_c());
        let repaint = format == Format::Text && out.is_live();
        let mut canvas = repaint.then(|| Canvas::new(out));
        let (mut state, mut last) = (State::Pending, String::new());
        loop {
            let message = tokio::select! {
                message = stream.message() => message?,
                _ = &mut stop => {
                    drop(canvas);
                    eprintln!("stopped watching; the task goes on: tasker graph {task_id} --watch");
                    return Ok(ExitCode::from(130));
                }
            };
            let Some(pb::WatchTaskGraphResponse { graph, generate_time, expected_finish }) = message else {
                if let Some(canvas) = canvas {
                    canvas.finish(&last);
                }
                let well = matches!(state, State::Complete | State::ResolvedManually);
                return Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(failure::UNSUCCESSFUL) });
            };
            let shown = Shown { graph: graph.unwrap_or_default(), generate_time, expected_finish };
            state = input::from_proto(shown.graph.state).unwrap_or_default();
            if format == Format::Json {
                out.record(&json::graph(&shown));
                continue;
            }
            let text = print(&shown, format, out.paint);
            match &mut canvas {
                Some(canvas) => {
                    canvas.paint(&text.lines().map(str::to_owned).collect::<Vec<_>>());
                    last = text;
                }
                None => out.raw(&text),
            }
        }
    }
}

/// A graph and the moment that it is of.
#[derive(Debug, Clone, Default)]
struct Shown {
    graph: pb::TaskGraph,
    generate_time: Option<prost_types::Timestamp>,
    expected_finish: Option<pb::ExpectedFinish>,
}

/// The graph in a format, with a line end.
fn print(shown: &Shown, format: Format, paint: Paint) -> String {
    let drawing = || Drawing::of(&shown.graph);
    match format {
        Format::Text => text::draw(&drawing(), shown, paint),
        Format::Dot => markup::dot(&drawing()),
        Format::Mermaid => markup::mermaid(&drawing()),
        Format::Json => serde_json::to_string_pretty(&json::graph(shown)).expect("values are JSON") + "\n",
        Format::Svg => svg::draw(&drawing()),
    }
}
