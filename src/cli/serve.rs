//! `tasker serve`: a server on a database that exists.

use std::process::ExitCode;

use super::{Context, Outcome};
use crate::{
    app::{self, App, Reloader, Schema, Unavailable, preflight},
    config::{Config, Findings},
    telemetry,
};

/// Serves against a Postgres that exists.
///
/// Any number of servers may share one database. The schema is brought up to date first. SIGTERM or Ctrl-C stops
/// it within server.drain_grace_ms: workers are drained, open calls end, nothing is lost.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker serve --database-url postgres://me@db/tasker --listen 0.0.0.0:7077
  DATABASE_URL=postgres://me@db/tasker tasker serve --listen unix:/run/tasker")]
pub(super) struct Args {
    /// The database; else DATABASE_URL or database.url of the configuration
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where to listen: an address with a port, or unix:/path
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Refuse to start on a schema that is not up to date instead of migrating it
    #[arg(long)]
    no_migrate: bool,
    /// End at once when the database is unavailable instead of waiting for it
    #[arg(long)]
    fail_fast: bool,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let flags = [("database.url", args.database_url), ("server.listen", args.listen)];
    let sources = context.sources_with(flags);
    let (config, effective) = Config::load_explained(&sources)?;
    let telemetry = telemetry::init(&config.telemetry.settings())?;
    let store = app::store(&config)?;
    let schema = if args.no_migrate { Schema::Require } else { Schema::Migrate };
    let mut asked_to_stop = std::pin::pin!(app::asked_to_stop());
    let mut reloader = Reloader::new(sources, effective);
    let started = async {
        let mut findings = preflight::examine(&config).await;
        // What is only unavailable is waited for below.
        findings.retain(|finding| args.fail_fast || !preflight::is_unreachable(finding));
        if !findings.is_empty() {
            return Err(Findings(findings).into());
        }
        let unavailable = if args.fail_fast { Unavailable::Fail } else { Unavailable::Wait };
        App::start_when(&config, store, schema, unavailable).await
    };
    let mut app = tokio::select! {
        app = started => app?,
        () = &mut asked_to_stop => return Ok(ExitCode::SUCCESS),
    };
    loop {
        tokio::select! {
            () = &mut asked_to_stop => {
                app.stop().await;
                return Ok(ExitCode::SUCCESS);
            }
            error = app.failed() => return Err(error),
            () = reloader.asked() => reloader.reload(&mut app, &telemetry),
        }
    }
}
