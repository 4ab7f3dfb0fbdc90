//! `tasker migrate`: brings a database's schema up to date.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

use super::{Context, Outcome};
use crate::{app, store::migrate};

/// Brings a database's schema up to date.
///
/// Safe at any time and from any number of places at once: migrations run under a lock, each once, and the
/// servers of the previous release keep working while they do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker migrate --database-url postgres://me@db/tasker
  DATABASE_URL=postgres://me@db/tasker tasker migrate --dry-run --output json")]
pub(super) struct Args {
    /// The database; else DATABASE_URL or database.url of the configuration
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let config = context.config_with([("database.url", args.database_url)])?;
    let store = app::store(&config)?;
    if args.dry_run {
        let missing = migrate::missing(&store).await.context("cannot read which migrations have run")?;
        context.print_either(&json!({ "missing": missing }), || match missing.len() {
            0 => "up to date".to_owned(),
            _ => missing.iter().map(|version| format!("would run {version}")).collect::<Vec<_>>().join("\n"),
        });
        return Ok(ExitCode::SUCCESS);
    }
    let report = migrate::run(&store).await.context("the migrations did not all run")?;
    let applied: Vec<_> =
        report.applied.iter().map(|(version, name)| json!({ "version": version, "description": name })).collect();
    context.print_either(&json!({ "before": report.before, "applied": applied }), || {
        if report.applied.is_empty() {
            return format!("up to date, {} migrations had run before", report.before);
        }
        let lines = report.applied.iter().map(|(version, name)| format!("ran {version} {name}"));
        lines.collect::<Vec<_>>().join("\n")
    });
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
