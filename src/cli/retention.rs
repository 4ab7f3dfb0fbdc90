//! `tasker retention`: how far the removal of old tasks has come, and doing it now.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Context, Outcome};
use crate::{
    app,
    engine::retention::Work,
    store::{Store, ready, retention as rows},
    supervisor::spawn_short,
};

/// Looks after the removal of finished tasks that are old enough.
///
/// Servers do it by themselves, one at a time, as [retention] of the configuration says. These commands work on the
/// database, with the rules of the configuration that they are given.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker retention status
  tasker retention run --dry-run --set retention.max_age_hours=720
  tasker retention run --share 1.0

In the configuration:
  [retention]
  max_age_hours = 720
  [retention.rules]
  billing = 8760
  \"billing.invoice\" = \"never\"
  shop = \"48, failed 720\"")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
    /// The database; else DATABASE_URL or database.url of the configuration
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Tells how far it has come
    Status,
    /// Goes through all tasks once
    Run {
        /// Only count what would be removed
        #[arg(long)]
        dry_run: bool,
        /// The share of time that it works; 1.0 does not rest
        #[arg(long, default_value_t = 1.0)]
        share: f64,
    },
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let config = context.config_with([("database.url", args.database_url)])?;
    let store = app::store(&config)?;
    let outcome = match args.what {
        What::Status => status(context, &store).await,
        What::Run { dry_run, share } => {
            let mut settings = config.retention.settings(config.events.keep);
            settings.shares = (share.clamp(0.001, 1.0), share.clamp(0.001, 1.0));
            if settings.rules.keep_all() {
                bail!("everything is kept for ever: set retention.max_age_hours, or a rule in retention.rules");
            }
            let stop = CancellationToken::new();
            let work =
                Work { store: &store, server: Uuid::from_u128(rand::random()), settings: &settings, stop: &stop };
            if dry_run { rehearse(context, &store, &work).await } else { once(context, &store, &work).await }
        }
    };
    store.close().await;
    outcome
}

async fn status(context: &Context, store: &Store) -> Outcome {
    let progress = rows::progress(store.pool()).await.context("cannot read how far it has come")?;
    let document = json!({
        "running_on": progress.holder, "rounds": progress.rounds, "removed": progress.removed,
        "archived": progress.archived, "removed_in_this_round": progress.round_removed,
        "last_removed_time": progress.worked_at, "next_round_in_seconds": (progress.due_in_ms / 1_000.0).max(0.0),
    });
    context.print_either(&document, || {
        let who =
            progress.holder.map_or("no server does it at present".to_owned(), |id| format!("server {id} does it"));
        let due = if progress.due_in_ms > 0.0 {
            format!("the next round begins in {:.0} s", progress.due_in_ms / 1_000.0)
        } else {
            "a round goes on, or begins with the next look of a server".to_owned()
        };
        format!(
            "{who}; {due}\n{} rounds ended; {} tasks removed in all, {} of them archived, {} in this round",
            progress.rounds, progress.removed, progress.archived, progress.round_removed
        )
    });
    Ok(ExitCode::SUCCESS)
}

async fn rehearse(context: &Context, store: &Store, work: &Work<'_>) -> Outcome {
    let now = ready::clock(store.pool()).await?;
    let counts = work.rehearse(now).await?;
    let total: i64 = counts.iter().map(|(.., count)| count).sum();
    let lines = counts.iter().map(|(handler, state, count)| {
        json!({ "namespace": handler.namespace, "handler": handler.name, "state": state.label(), "tasks": count })
    });
    let document = json!({ "would_remove": total, "by_handler": lines.collect::<Vec<_>>() });
    context.print_either(&document, || {
        let each = counts.iter().map(|(handler, state, count)| {
            format!("{count:>10}  {}.{}  {}", handler.namespace, handler.name, state.label())
        });
        let mut text = each.collect::<Vec<_>>().join("\n");
        text.push_str(&format!("\n{total:>10}  tasks would be removed"));
        text.trim_start_matches('\n').to_owned()
    });
    Ok(ExitCode::SUCCESS)
}

async fn once(context: &Context, store: &Store, work: &Work<'_>) -> Outcome {
    if work.take().await?.is_none() {
        bail!("a server is at it; `tasker retention status` tells how far it has come");
    }
    let stopping = work.stop.clone();
    spawn_short("stop at a signal", async move {
        app::asked_to_stop().await;
        stopping.cancel();
    });
    let now = ready::clock(store.pool()).await?;
    let round = work.round(Uuid::nil(), now).await;
    work.give_up().await?;
    let round = round?;
    let document = json!({ "looked_at": round.looked_at, "removed": round.removed, "whole": round.is_whole });
    context.print_either(&document, || {
        let end = if round.is_whole { "" } else { "; stopped before the end" };
        format!("looked at {} tasks, removed {}{end}", round.looked_at, round.removed)
    });
    Ok(if round.is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
