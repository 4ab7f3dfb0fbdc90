//! `tasker doctor`: looks for what is wrong and says how to fix it.

use std::process::ExitCode;

use serde::Serialize;

use super::{Context, Outcome, input};
use crate::config;

mod database;
mod machine;

/// Looks for what is wrong and says how to fix it.
///
/// Checks the configuration, the database (reachable, version, schema, durability, connections, old snapshots),
/// the clocks, and the server if one answers. Changes nothing. Exits with 1 when something must be fixed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker doctor
  tasker doctor --database-url postgres://me@db/tasker --output json
  tasker doctor --defaults > tasker.toml")]
pub(super) struct Args {
    /// The database; else DATABASE_URL, database.url, or the one that `tasker dev` runs
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Only print the default configuration, which explains every key
    #[arg(long)]
    defaults: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, and something about it is to be known.
    Note,
    /// It must be fixed.
    Bad,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, found: found.into(), fix: None }
    }

    fn note(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Note, found: found.into(), fix: Some(fix.into()) }
    }

    fn bad(check: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Bad, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    if args.defaults {
        context.out().line(config::DEFAULTS.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let findings = examine(context, args.database_url).await;
    let healthy = findings.iter().all(|finding| finding.verdict != Verdict::Bad);
    context.print_either(&serde_json::json!({ "healthy": healthy, "findings": findings }), || text(&findings));
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(context: &Context, database_url: Option<String>) -> Vec<Finding> {
    let mut findings = vec![Finding::good("version", concat!("tasker ", env!("CARGO_PKG_VERSION")))];
    let config = match context.config_with([("database.url", database_url)]) {
        Ok(config) => config,
        Err(config::Findings(wrong)) => {
            findings.extend(wrong.iter().map(|wrong| Finding::bad("configuration", wrong.to_string(), &*wrong.fix)));
            return findings;
        }
    };
    findings.push(machine::configuration(&config));
    findings.extend(database::examine(&config).await);
    findings.push(match context.connection() {
        Ok(profile) => machine::server(&profile.endpoint).await,
        Err(failure) => Finding::bad("server", failure.to_string(), "correct the profile"),
    });
    findings
}

fn text(findings: &[Finding]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        lines.push(format!("{mark}  {:<14} {}", finding.check, finding.found));
        lines.extend(finding.fix.iter().map(|fix| format!("{:22}-> {fix}", "")));
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (bad, notes) = (count(Verdict::Bad), count(Verdict::Note));
    lines.push(String::new());
    lines.push(match (bad, notes) {
        (0, 0) => "all is well".to_owned(),
        (0, notes) => format!("it works; {} to know", input::count(notes, "thing")),
        (bad, _) => format!("{} to fix", input::count(bad, "thing")),
    });
    lines.join("\n")
}
