//! `tasker profile`: several servers by name.

use std::{fs, path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{
    Context, Outcome,
    failure::Failure,
    output::Out,
    profiles::{self, Profiles},
    style::{Tone, one_line},
    table::{Cell, Table, columns, text},
};

/// Names several servers and chooses among them.
///
/// Profiles stand in ~/.config/tasker/config.toml, or in $XDG_CONFIG_HOME/tasker/config.toml:
///
///   profile = "staging"
///
///   [profiles.staging]
///   endpoint = "https://tasker.staging.example.org"
///   token_file = "/home/ann/.config/tasker/staging.token"
///
/// A profile has an endpoint, and if needed token_file, ca_file, client_cert and client_key. --profile or TASKER_PROFILE
/// names one for a single command. An endpoint that is given by --endpoint or TASKER_ENDPOINT leaves profiles aside, so
/// that the token for one server is never shown to another.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    arg_required_else_help = true,
    after_help = "Examples:
  tasker profile list
  tasker profile use staging
  tasker list --profile production"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Shows the profiles; the one that holds is marked
    List,
    /// Makes a profile the one that holds when no command says another
    Use {
        /// The profile
        name: String,
    },
}

/// Runs the subcommand.
#[expect(clippy::unused_async, reason = "subcommands are async")]
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let done = match args.action {
        Action::List => list(context),
        Action::Use { name } => choose(context, &name),
    };
    Ok(done?)
}

fn file(context: &Context) -> Result<PathBuf, Failure> {
    let next = "set HOME, or XDG_CONFIG_HOME";
    context.home.profiles().ok_or_else(|| Failure::local("there is no directory for profiles", next))
}

fn list(context: &Context) -> Result<ExitCode, Failure> {
    let out = Out::of(context.output);
    let file = file(context)?;
    let profiles = Profiles::read(Some(&file))?;
    let chosen = context.chosen().ok().and_then(|(name, _)| name);
    let used = chosen.as_deref();
    if out.is_json() {
        for (name, profile) in profiles.all() {
            out.record(&json!({ "name": name, "used": used == Some(name), "profile": profile }));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(const { columns([text("PROFILE", 16), text("ENDPOINT", 36), text("TOKEN FILE", 24)]) });
    for (name, profile) in profiles.all() {
        let shown = if used == Some(name) { format!("{name} *") } else { name.to_owned() };
        let token = profile.token_file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        let cell = if used == Some(name) { Cell::toned(Tone::Bold, one_line(&shown)) } else { one_line(&shown).into() };
        table.row([cell, one_line(&profile.endpoint).into(), one_line(&token).into()]);
    }
    match profiles.all().next() {
        Some(_) => out.table(&table),
        None => out.line(&format!("no profiles; write some into {}", file.display())),
    }
    Ok(ExitCode::SUCCESS)
}

fn choose(context: &Context, name: &str) -> Result<ExitCode, Failure> {
    let out = Out::of(context.output);
    let file = file(context)?;
    let (_, profile) = Profiles::read(Some(&file))?.named(name)?;
    let cannot = |error: std::io::Error| {
        Failure::local(format!("cannot write {}: {error}", file.display()), "correct the file's permissions")
    };
    let text = fs::read_to_string(&file).map_err(cannot)?;
    fs::write(&file, profiles::with_profile(&text, name)).map_err(cannot)?;
    match out.is_json() {
        true => out.document(&json!({ "name": name, "endpoint": profile.endpoint })),
        false => out.line(&format!("{name}: {}", profile.endpoint)),
    }
    Ok(ExitCode::SUCCESS)
}
