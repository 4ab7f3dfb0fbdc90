//! `tasker bench seed`: a history and work in progress.

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;

use crate::{
    app,
    bench::seed::{Amounts, seed},
    cli::{Context, Outcome},
    embedded::{Server, Settings},
    store::{Store, migrate, pool},
};

/// Makes tasks that look as if they had run, in sets: a million finished ones in minutes
///
/// Finished tasks are complete and were created within the last 30 days; active ones wait for a worker, run, wait for
/// their parents or for their next attempt, or have failed. Both are of handlers of four steps in several namespaces,
/// which are registered too. Nobody serves their step handlers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker bench seed --finished 1000000 --active 5000 \\
    --database-url postgres://me@localhost/scratch
  tasker bench seed --finished 10000 --directory /tmp/seeded
  tasker dev --data-dir /tmp/seeded")]
pub(super) struct Args {
    /// Finished tasks
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(0..=1_000_000_000))]
    finished: i64,
    /// Active tasks
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(0..=100_000_000))]
    active: i64,
    /// Handlers that the tasks are of; the first ones have the most
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    handlers: u32,
    /// The database; the configured one when not given
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// A private database in this directory instead, which stays
    #[arg(long, value_name = "DIR", conflicts_with = "database_url")]
    directory: Option<PathBuf>,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let amounts = Amounts { finished: args.finished, active: args.active, handlers: usize::try_from(args.handlers)? };
    if amounts.finished + amounts.active == 0 {
        bail!("there is nothing to make: give --finished or --active");
    }
    let (store, postgres) = match &args.directory {
        Some(directory) => {
            let postgres = Server::start(&Settings::new(directory).parameter("max_wal_size", "8GB")).await?;
            (Store::new(postgres.options(), &pool::Settings::default()), Some(postgres))
        }
        None => {
            let config = context.config_with([("database.url", args.database_url.clone())])?;
            (app::store(&config)?, None)
        }
    };
    migrate::run(&store).await?;
    let seeded = seed(&store, amounts, &|words| eprintln!("seed: {words}")).await;
    store.close().await;
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    let seeded = seeded?;
    context.print_either(&seeded, || {
        format!(
            "{} finished and {} active tasks of {} handlers in {:.0} s",
            seeded.finished, seeded.active, seeded.handlers, seeded.seconds
        )
    });
    Ok(ExitCode::SUCCESS)
}
