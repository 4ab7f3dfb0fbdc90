//! `tasker bench insight`: what reads cost.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use crate::{
    bench::insight::{self, Options},
    cli::{Context, Outcome},
};

/// Measures reads with little and much to do, on top of a long history and of none
///
/// Starts a private Postgres with two databases and a server process for each, seeds them, and asks both in turn. Takes
/// about twelve minutes, and some 5 GB of disk for a million finished tasks. A bar holds when the 99th percentile is
/// within it, and when with the history neither median nor 99th percentile is more than 1.5 times what it is without.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker bench insight
  tasker bench insight --finished 100000 --active 50 --active 5000
  tasker bench insight --output json > insight.json

Use an optimised binary: cargo build --release.")]
pub(super) struct Args {
    /// Finished tasks of the database with a history
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(1_000..=1_000_000_000))]
    finished: i64,
    /// Active tasks, stage by stage; may be repeated
    #[arg(long, default_values_t = [50, 500, 5_000, 50_000], value_parser = clap::value_parser!(i64).range(10..))]
    active: Vec<i64>,
    /// Handlers
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(30..=10_000))]
    handlers: u32,
    /// How long one kind of call is measured, in seconds
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Where the private database is put; it is removed afterwards when this is not given
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let mut active = args.active.clone();
    active.sort_unstable();
    let handlers = usize::try_from(args.handlers)?;
    let run = async |directory| {
        let patience = Duration::from_secs(args.seconds);
        let options = Options { directory, finished: args.finished, handlers, active, patience };
        insight::run(&options, &|words| eprintln!("bench: {words}")).await
    };
    let Some(figures) = super::measure(args.directory, run).await? else { return Ok(ExitCode::from(130)) };
    context.print_either(&figures, || insight::table(&figures));
    Ok(ExitCode::SUCCESS)
}
