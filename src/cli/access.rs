//! `tasker access`: which permission each method needs.

use std::process::ExitCode;

use serde_json::json;

use super::{
    Context, Outcome,
    table::{Table, columns, text},
};
use crate::auth::{
    catalog::{self, Access},
    coordinator::cedar,
};

/// Shows which permission each method needs.
///
/// The list comes from the protos: a method that declares nothing does not build. Give permissions to roles in the
/// section auth.roles of the configuration, to tokens in their claims or with `tasker token create --grant`, or write
/// policies in Cedar.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker access
  tasker access --permissions
  tasker access --cedar-schema > tasker.cedarschema")]
pub(super) struct Args {
    /// Only the permissions, each once
    #[arg(long, conflicts_with = "cedar_schema")]
    permissions: bool,
    /// What Cedar policies can speak of, as a Cedar schema
    #[arg(long)]
    cedar_schema: bool,
}

/// Runs the subcommand.
#[expect(clippy::unused_async, reason = "subcommands are async")]
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    if args.cedar_schema {
        context.out().line(cedar::schema().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if args.permissions {
        let mut names: Vec<String> = catalog::permissions().map(|permission| permission.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        context.print_either(&json!({ "permissions": names }), || names.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<(&str, String, bool)> = catalog::rows()
        .map(|row| match row.access {
            Access::Requires { permission, or_creator: owner } => (row.path, permission.to_string(), owner),
            Access::Anyone => (row.path, String::new(), false),
        })
        .collect();
    let document: Vec<_> = rows
        .iter()
        .map(|(method, permission, owner)| {
            json!({ "method": method, "permission": permission, "or_creator": owner, "anyone": permission.is_empty() })
        })
        .collect();
    context.print_either(&json!({ "methods": document }), || {
        let mut table = Table::new(const { columns([text("METHOD", 48), text("PERMISSION", 30)]) });
        for (method, permission, owner) in &rows {
            let needs = match (permission.as_str(), owner) {
                ("", _) => "none: anyone".to_owned(),
                (permission, true) => format!("{permission}, or to have created the task"),
                (permission, false) => permission.to_owned(),
            };
            table.row([(*method).into(), needs.into()]);
        }
        context.out().drawn(&table).trim_end().to_owned()
    });
    Ok(ExitCode::SUCCESS)
}
