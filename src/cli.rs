//! The command line: one file a subcommand.
//!
//! Owns: what all subcommands share (the global flags, output, errors and exit codes). Never: does the work; a
//! subcommand calls the library or the service. To add one: write `cli/name.rs` with `Args` and
//! `run(&Context, Args)`, declare it with `mod`, and give it a line in one of the groups of `commands!` below; what
//! `Args` says about itself is its help, and ends with examples.
//! A subcommand that talks to a server takes its credentials as `remote::Remote` and fails with
//! `failure::Failure`, which knows the exit code.

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use tokio::runtime::Builder;

use self::{
    failure::Failure,
    home::Home,
    output::Out,
    profiles::{Profile, Profiles, Said},
};
use crate::config::{self as configuration, Findings, Sources};

mod access;
mod analytics;
mod apply;
mod bench;
mod bulk;
mod cancel;
mod canvas;
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
mod help;
mod home;
mod input;
mod json;
mod last;
mod list;
mod manual;
mod migrate;
mod output;
mod pause;
mod probe;
mod profile;
mod profiles;
mod queues;
mod remote;
mod resolve;
mod resubmit;
mod resume;
mod retention;
mod retry;
mod selection;
mod serve;
mod shape;
mod style;
mod submit;
mod table;
mod target;
mod terminal;
mod token;
mod update;
mod watch;
mod worker;
mod workers;

/// What a subcommand ends with.
pub type Outcome = anyhow::Result<ExitCode>;

macro_rules! commands {
    ($($title:literal: { $($(#[$meta:meta])* $name:ident($module:ident),)* })*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($($(#[$meta])* $name(Box<$module::Args>),)*)*
        }

        impl Command {
            async fn run(self, context: &Context) -> Outcome {
                match self {
                    $($(Self::$name(args) => Box::pin($module::run(context, *args)).await,)*)*
                }
            }
        }

        /// The commands in the groups in which help lists them.
        const GROUPS: &[help::Group] = &[$(($title, &[$(stringify!($module),)*]),)*];
    };
}

commands! {
    "Run a server": {
        Dev(dev),
        Serve(serve),
        Worker(worker),
        Migrate(migrate),
        Config(config),
    }
    "Handlers": {
        Apply(apply),
        Handlers(handlers),
        Pause(pause),
        Resume(resume),
    }
    "Tasks": {
        Submit(submit),
        Resubmit(resubmit),
        Watch(watch),
        Get(get),
        List(list),
        Cancel(cancel),
        Retry(retry),
        Resolve(resolve),
        Update(update),
    }
    "Understand": {
        Explain(explain),
        Queues(queues),
        Workers(workers),
        Graph(graph),
        Analytics(analytics),
        Events(events),
    }
    "Operate": {
        Doctor(doctor),
        Healthcheck(healthcheck),
        Retention(retention),
        Token(token),
        Access(access),
        Bench(bench),
    }
    "This command": {
        Profile(profile),
        Completions(completions),
    }
}

/// Tasker runs workflows: DAGs of steps, submitted over gRPC, run by workers in any language, kept in Postgres.
#[derive(Debug, Parser)]
#[command(
    name = "tasker",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = help::COLUMNS,
    after_help = format!("Every command explains itself: tasker help COMMAND\n\n{}", failure::EXIT_CODES)
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = help::COMMON)]
struct Global {
    /// How results are printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value = "text",
        env = "TASKER_OUTPUT",
        hide_short_help = true,
        hide_possible_values = true
    )]
    output: Output,
    /// The server: https://HOST:PORT, http://HOST:PORT, HOST:PORT or unix:/PATH; else TASKER_ENDPOINT, else that of the
    /// profile, else http://127.0.0.1:7077
    #[arg(long, visible_alias = "server", global = true, value_name = "URL", hide_short_help = true)]
    endpoint: Option<String>,
    /// A server by the name that the profiles give it; else TASKER_PROFILE, else the one of `tasker profile use`
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    profile: Option<String>,
    /// The configuration file of a server; without it, tasker.toml is read when there is one
    #[arg(long, global = true, value_name = "FILE", env = "TASKER_CONFIG", hide_short_help = true)]
    config: Option<PathBuf>,
    /// Sets one key of the configuration of a server, such as writer.lanes=4; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value, hide_short_help = true)]
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
    home: Home,
    said: Said,
    sources: Sources,
}

impl Context {
    fn new(global: Global) -> Self {
        let Global { output, endpoint, profile, config, set } = global;
        let environment = configuration::environment();
        let variable = |wanted: &str| {
            let found = environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        let said = Said {
            profile_flag: profile,
            endpoint_flag: endpoint,
            endpoint_variable: variable("TASKER_ENDPOINT"),
            profile_variable: variable("TASKER_PROFILE"),
        };
        let home = Home::of(&environment);
        let sources = Sources { file: config, look_for_file: true, environment, flags: set };
        Self { output, home, said, sources }
    }

    /// The server that client commands talk to, and what to show it.
    fn connection(&self) -> Result<Profile, Failure> {
        self.chosen().map(|(_, profile)| profile)
    }

    /// The same with the name of the profile, if one holds.
    fn chosen(&self) -> Result<(Option<String>, Profile), Failure> {
        Profiles::read(self.home.profiles().as_deref())?.choose(&self.said)
    }

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

    /// Remembers the task as the last one that was submitted, for `@last`.
    fn remember(&self, task_id: &str) -> Result<(), Failure> {
        if let Some(file) = self.home.last() {
            last::write(&file, &self.connection()?.endpoint, task_id);
        }
        Ok(())
    }

    /// The standard output.
    fn out(&self) -> Out {
        Out::of(self.output)
    }

    /// Prints a document: JSON if that was asked for, else the text.
    fn print_either(&self, json: &impl serde::Serialize, text: impl FnOnce() -> String) {
        let out = self.out();
        match self.output {
            Output::Json => out.document(json),
            Output::Text => out.line(&text()),
        }
    }
}

/// Parses the arguments, runs the subcommand, and says how it went.
pub fn main() -> ExitCode {
    let parsed = Cli::from_arg_matches(&command().get_matches());
    let Cli { global, command } = parsed.unwrap_or_else(|error| error.exit());
    let context = Context::new(global);
    let mut runtime = match &command {
        // A second thread would take turns with those of the server that is measured.
        Command::Bench(args) if args.asks_one_by_one() => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().expect("the runtime starts");
    runtime.block_on(command.run(&context)).unwrap_or_else(|error| {
        let failure = Failure::from(error);
        failure.print(context.output);
        failure.code()
    })
}

/// The command line as clap knows it, also for completions.
pub fn command() -> clap::Command {
    help::grouped(Cli::command(), GROUPS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
