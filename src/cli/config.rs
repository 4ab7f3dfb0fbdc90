//! `tasker config`: checks the configuration, and shows what holds.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{Context, Outcome, failure::Failure};
use crate::{
    app::preflight,
    config::{Config, Finding, Findings, STARTER},
};

/// Checks the configuration, and shows what holds.
///
/// The configuration is made of the defaults, a file, the environment and flags, in this order; the later wins.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  tasker config init
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
    /// Writes a file to begin with: the keys that are often changed, with comments.
    ///
    /// A file that exists is left alone, and the command fails.
    Init {
        /// The file
        #[arg(value_name = "FILE", default_value = "tasker.toml")]
        file: PathBuf,
    },
    /// Prints the values that hold as TOML, each with where it came from. Secrets are redacted.
    Show,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    match args.action {
        Action::Check { live, database_url } => check(context, live, database_url).await,
        Action::Init { file } => init(context, &file),
        Action::Show => show(context),
    }
}

async fn check(context: &Context, live: bool, database_url: Option<String>) -> Outcome {
    let findings = match context.config_with([("database.url", database_url)]) {
        Ok(config) if live => preflight::examine(&config).await,
        Ok(config) => preflight::certificates(&config),
        Err(Findings(findings)) => findings,
    };
    context.print_either(&json!({ "valid": findings.is_empty(), "findings": findings }), || text(&findings));
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(findings: &[Finding]) -> String {
    if findings.is_empty() { "all is well".to_owned() } else { Findings(findings.to_vec()).to_string() }
}

fn init(context: &Context, file: &Path) -> Outcome {
    let made = fs::OpenOptions::new().write(true).create_new(true).open(file);
    let written = made.and_then(|mut made| made.write_all(STARTER.as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let next = "name another file: tasker config init FILE";
            return Err(Failure::local(format!("{} exists", file.display()), next).into());
        }
        Err(error) => {
            let next = "correct the path or the directory's permissions";
            return Err(Failure::local(format!("cannot write {}: {error}", file.display()), next).into());
        }
    }
    let next = format!("tasker config check --config {}", file.display());
    context.print_either(&json!({ "file": file, "next": next }), || {
        format!("wrote {}\nchange it, then: {next}", file.display())
    });
    Ok(ExitCode::SUCCESS)
}

fn show(context: &Context) -> Outcome {
    let (_, effective) = Config::load_explained(&context.sources)?;
    context.print_either(&json!(effective.entries()), || effective.to_toml());
    Ok(ExitCode::SUCCESS)
}
