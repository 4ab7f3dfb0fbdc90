//! `tasker bench`: what the service does per second on this machine.

use std::{path::PathBuf, process::ExitCode};

use clap::{Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::{Context, Outcome};
use crate::bench::{self, Options, Side};

mod insight;
mod seed;

/// Measures the service on this machine, beside what the same Postgres does bare.
///
/// Starts a private Postgres, a server process and a worker process, and submits tasks from this process; all of
/// it shares the machine, so only ratios from one run mean anything. Takes about two minutes and ends by itself.
///
///   ceiling     the bare loop in SQL: claim 100, settle 100 and audit 100, a commit each; no service
///   throughput  no-op steps from submission to the durable final state: linear, diamond, fan, 64 KiB payloads
///   hop         the time from one step to the next in a chain, beside one commit and one empty call
///   auth        throughput with tokens that are verified against without, turn and turn about (only when named)
///   health      how long probes take: at rest, beside a full load, while Postgres hangs (only when named)
///   purge       throughput while a million old tasks are removed, beside without
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  tasker bench
  tasker bench throughput --tasks 100000 --slots 1000
  tasker bench --output json > figures.json
  tasker bench hop --database-url postgres://me@localhost/scratch
  tasker bench insight

Use an optimised binary: cargo build --release."
)]
pub(super) struct Args {
    /// What to measure; everything when nothing is named
    #[arg(value_enum, value_name = "WHAT")]
    what: Vec<What>,
    /// Tasks of the linear throughput scenario
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    tasks: u32,
    /// Only the linear shape of throughput
    #[arg(long)]
    linear_only: bool,
    /// Compares throughput with this key of the configuration against without it; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value)]
    compare: Vec<(String, String)>,
    /// Old tasks of the purge
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    old_tasks: u32,
    /// Slots of the worker
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    slots: u32,
    /// Calls that submit at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    callers: u32,
    /// A database to use instead of a private one; the bench adds to it
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where the private database is put; it is removed afterwards
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    inner: Option<Inner>,
}

impl Args {
    /// Whether there is one caller, who waits for each answer before the next question.
    pub(super) const fn asks_one_by_one(&self) -> bool {
        matches!(self.inner, Some(Inner::Insight(_)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The bare loop in SQL
    Ceiling,
    /// Steps per second
    Throughput,
    /// The time from one step to the next
    Hop,
    /// Throughput with authentication against without; only when named
    Auth,
    /// How long answers about health take, also when the database hangs; only when named
    Health,
    /// Throughput beside a purge of old tasks; only when it is named
    Purge,
}

#[derive(Debug, Subcommand)]
enum Inner {
    Seed(seed::Args),
    Insight(insight::Args),
    /// The worker that the bench starts for itself
    #[command(hide = true)]
    Worker {
        /// Slots
        #[arg(long)]
        slots: u32,
    },
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    match args.inner {
        Some(Inner::Worker { slots }) => {
            bench::worker(&context.connection()?.endpoint, slots).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Inner::Seed(args)) => return seed::run(context, args).await,
        Some(Inner::Insight(args)) => return insight::run(context, args).await,
        None => {}
    }
    let mut pairs: Vec<(String, Side, Side)> =
        args.compare.iter().map(|key| compared(std::slice::from_ref(key), None)).collect();
    if args.what.contains(&What::Auth) {
        pairs.push(guarded()?);
    }
    let (old_tasks, tasks) = (usize::try_from(args.old_tasks)?, usize::try_from(args.tasks)?);
    let callers = usize::try_from(args.callers)?;
    let wants = |what| (args.what.is_empty() && pairs.is_empty()) || args.what.contains(&what);
    let options = |directory| Options {
        database_url: args.database_url.clone(),
        directory,
        ceiling: wants(What::Ceiling),
        throughput: wants(What::Throughput),
        shapes: !args.linear_only,
        hop: wants(What::Hop),
        pairs: pairs.clone(),
        health: args.what.contains(&What::Health),
        purge: args.what.contains(&What::Purge),
        old_tasks,
        tasks,
        slots: args.slots,
        callers,
        set: [("telemetry.log_level".to_owned(), "warn".to_owned())]
            .into_iter()
            .chain(context.sources.flags.iter().cloned())
            .collect(),
    };
    let run = async |directory| bench::run(&options(directory), |words| eprintln!("bench: {words}")).await;
    let Some(figures) = measure(args.directory.clone(), run).await? else { return Ok(ExitCode::from(130)) };
    context.print_either(&figures, || bench::table(&figures));
    Ok(ExitCode::SUCCESS)
}

/// Measures in a directory, or in a temporary one that is removed afterwards. `None` when somebody stopped it: what it
/// had started is ended then.
async fn measure<F>(
    named: Option<PathBuf>,
    run: impl AsyncFnOnce(PathBuf) -> anyhow::Result<F>,
) -> anyhow::Result<Option<F>> {
    let temporary = named.is_none();
    let directory = named.unwrap_or_else(temporary_directory);
    let mut terminate = signal(SignalKind::terminate())?;
    let figures = tokio::select! {
        figures = run(directory.clone()) => figures.map(Some),
        _ = tokio::signal::ctrl_c() => Ok(None),
        _ = terminate.recv() => Ok(None),
    };
    if let Ok(None) = figures {
        eprintln!("bench: stopped");
    }
    if temporary {
        let _gone = std::fs::remove_dir_all(&directory);
    }
    figures
}

/// A server with these keys beside one without.
fn compared(keys: &[(String, String)], token: Option<String>) -> (String, Side, Side) {
    let quiet = ("telemetry.log_level".to_owned(), "warn".to_owned());
    let without = Side { set: vec![quiet.clone()], token: None };
    let with = Side { set: keys.iter().cloned().chain([quiet]).collect(), token };
    let name = keys.first().map_or_else(String::new, |(key, value)| format!("{key}={value}"));
    (name, without, with)
}

/// A server that verifies signed tokens and decides by their claims beside an open one.
fn guarded() -> anyhow::Result<(String, Side, Side)> {
    const SECRET: &str = "the bench's own secret, of no use to anybody";
    let claims = serde_json::json!({ "sub": "bench", "exp": 4_102_444_800_i64, "permissions": ["*"] });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)?;
    let keys =
        [("auth.authenticators", "[\"jwt\"]"), ("auth.coordinators", "[\"claims\"]"), ("auth.jwt.secret", SECRET)];
    let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let (_, without, with) = compared(&keys, Some(token));
    Ok(("auth".to_owned(), without, with))
}

/// Where a private database is put when nobody says.
fn temporary_directory() -> PathBuf {
    std::env::temp_dir().join(format!("tasker-bench-{}", std::process::id()))
}
