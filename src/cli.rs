//! The command line: one file a subcommand.
//!
//! Owns: what all subcommands share (the global flags, output, errors and exit codes). Never: does the work; a
//! subcommand calls the library or the service. To add one: write `cli/name.rs` with `Args` and
//! `run(&Context, Args)`, declare it with `mod`, and give it a line in `commands!` below; what `Args` says about itself
//! is its help.
//! A subcommand that talks to a server takes its credentials as `remote::Remote` and fails with
//! `failure::Failure`, which knows the exit code.

use std::{fmt::Display, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use tokio::runtime::Builder;

use crate::config::{self as configuration, Findings, Sources};

mod access;
mod analytics;
mod apply;
mod bench;
mod cancel;
mod completions;
mod config;
mod dev;
mod doctor;
mod events;
mod explain;
mod failure;
mod get;
mod graph;
mod handlers;
mod healthcheck;
mod input;
mod list;
mod manual;
mod migrate;
mod output;
mod pause;
mod remote;
mod resolve;
mod resume;
mod retention;
mod retry;
mod serve;
mod shape;
mod style;
mod submit;
mod table;
mod target;
mod token;
mod watch;
mod worker;

/// What a subcommand ends with.
pub type Outcome = anyhow::Result<ExitCode>;

macro_rules! commands {
    ($($(#[$meta:meta])* $name:ident($module:ident),)*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$meta])* $name(Box<$module::Args>),)*
        }

        impl Command {
            async fn run(self, context: &Context) -> Outcome {
                match self {
                    $(Self::$name(args) => Box::pin($module::run(context, *args)).await,)*
                }
            }
        }
    };
}

commands! {
    Bench(bench),
    Dev(dev),
    Apply(apply),
    Handlers(handlers),
    Submit(submit),
    Watch(watch),
    Get(get),
    Graph(graph),
    List(list),
    Cancel(cancel),
    Retry(retry),
    Resolve(resolve),
    Analytics(analytics),
    Explain(explain),
    Pause(pause),
    Resume(resume),
    Events(events),
    Serve(serve),
    Migrate(migrate),
    Access(access),
    Token(token),
    Doctor(doctor),
    Retention(retention),
    Config(config),
    Healthcheck(healthcheck),
    Worker(worker),
    Completions(completions),
}

/// Tasker runs workflows: DAGs of steps, submitted over gRPC, run by workers in any language, kept in Postgres.
#[derive(Debug, Parser)]
#[command(
    name = "tasker",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = format!("Every command explains itself: tasker help COMMAND\n\n{}", failure::EXIT_CODES)
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// How results are printed
    #[arg(long, short, global = true, value_enum, default_value = "text", env = "TASKER_OUTPUT")]
    output: Output,
    /// The server that client commands talk to: https://HOST:PORT, http://HOST:PORT, HOST:PORT or unix:/PATH
    #[arg(
        long = "endpoint",
        visible_alias = "server",
        global = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:7077",
        env = "TASKER_ENDPOINT"
    )]
    server: String,
    /// The configuration file; without it, tasker.toml is read when there is one
    #[arg(long, global = true, value_name = "FILE", env = "TASKER_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one key of the configuration, such as writer.lanes=4; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("needs the form KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// One JSON document, or one a line where results keep coming
    Json,
}

/// What every subcommand is given.
#[derive(Debug)]
pub struct Context {
    /// How to print results.
    pub output: Output,
    /// The server that client commands talk to.
    pub server: String,
    sources: Sources,
}

impl Context {
    /// The configuration.
    pub fn config(&self) -> Result<configuration::Config, Findings> {
        configuration::Config::load(&self.sources)
    }

    /// The configuration with a subcommand's own flags laid over it, for instance `("server.listen", "…")`.
    pub fn config_with<'a>(
        &self,
        flags: impl IntoIterator<Item = (&'a str, Option<String>)>,
    ) -> Result<configuration::Config, Findings> {
        configuration::Config::load(&self.sources_with(flags))
    }

    /// The same, as what a configuration is made of.
    pub fn sources_with<'a>(&self, flags: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Sources {
        let given = flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let mut sources = self.sources.clone();
        sources.flags.extend(given);
        sources
    }

    /// Prints a line. A reader that has gone away is no error.
    pub fn print(&self, line: impl Display) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    /// Prints a document: JSON if that was asked for, else the text.
    pub fn print_either(&self, json: &impl serde::Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        match self.output {
            Output::Json => self.print(serde_json::to_string_pretty(json)?),
            Output::Text => self.print(text()),
        }
        Ok(())
    }
}

/// Parses the arguments, runs the subcommand, and says how it went.
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    let sources = Sources {
        file: global.config,
        look_for_file: true,
        environment: configuration::environment(),
        flags: global.set,
    };
    let context = Context { output: global.output, server: global.server, sources };
    let mut runtime = match &command {
        // A second thread would take turns with those of the server that is measured.
        Command::Bench(args) if args.asks_one_by_one() => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().expect("the runtime starts");
    match runtime.block_on(command.run(&context)) {
        Ok(code) => code,
        Err(error) => {
            complain(&context, &error);
            ExitCode::FAILURE
        }
    }
}

fn complain(context: &Context, error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    let _ = match context.output {
        Output::Json => writeln!(stderr, "{}", serde_json::json!({ "error": error.to_string(), "causes": causes })),
        Output::Text => {
            let causes = causes.iter().map(|cause| format!("\n  because {cause}")).collect::<String>();
            writeln!(stderr, "error: {error}{causes}")
        }
    };
}

/// The command line as clap knows it, for completions.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
