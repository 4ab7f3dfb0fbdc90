//! `tasker config`: checks the configuration, and shows what holds.

use std::process::ExitCode;

use serde_json::json;

use super::{Context, Outcome};
use crate::{
    app::preflight,
    config::{Config, Finding, Findings},
};

/// Checks the configuration, and shows what holds.
///
/// The configuration is made of the defaults, a file, the environment and flags, in this order; the later wins.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  tasker config check --config /etc/tasker.toml
  tasker config check --live --database-url postgres://me@db/tasker
  tasker config show --set writer.lanes=4 --output json"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Names everything that is wrong: key, value, rule, and what to do about it.
    ///
    /// Opens no port and changes nothing. Exits with 1 when something must be fixed.
    Check {
        /// Also ask the databases: reachable, the right ones, connections for all servers
        #[arg(long)]
        live: bool,
        /// The database; else DATABASE_URL or database.url of the configuration
        #[arg(long, value_name = "URL")]
        database_url: Option<String>,
    },
    /// Prints the values that hold as TOML, each with where it came from. Secrets are redacted.
    Show,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    match args.action {
        Action::Check { live, database_url } => check(context, live, database_url).await,
        Action::Show => show(context),
    }
}

async fn check(context: &Context, live: bool, database_url: Option<String>) -> Outcome {
    let findings = match context.config_with([("database.url", database_url)]) {
        Ok(config) if live => preflight::examine(&config).await,
        Ok(_) => Vec::new(),
        Err(Findings(findings)) => findings,
    };
    context.print_either(&json!({ "valid": findings.is_empty(), "findings": findings }), || text(&findings))?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() { "all is well".to_owned() } else { Findings(findings.to_vec()).to_string() }
}

fn show(context: &Context) -> Outcome {
    let (_, effective) = Config::load_explained(&context.sources)?;
    context.print_either(&json!(effective.entries()), || effective.to_toml())?;
    Ok(ExitCode::SUCCESS)
}
