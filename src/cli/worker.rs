//! `tasker worker`: the built-in worker, for steps that are an HTTP request or a command.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tasker_sdk::{Client, Token};
use tokio_util::sync::CancellationToken;

use super::{Context, Outcome, remote::TlsFlags};
use crate::{
    telemetry,
    worker::{self, Kind, Options, Serve},
};

/// Runs steps that are an HTTP request or a command.
///
/// Step templates with handler_class `http` make the request that their handler_config describes: url, method, params,
/// headers, timeout. Those with handler_class `command` run the program that it names: command (a list), env, cwd,
/// timeout_seconds; the program gets JSON on stdin and leaves JSON on stdout, exit 75 asks for another try, exit 64, 65
/// and 78 end the step.
///
/// Commands are off unless --allow-commands is given: with it, whoever may register handlers on the server decides
/// which programs run on this machine, with the rights of this process.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker worker --slots 64
  tasker worker --allow-commands --namespace billing --namespace default
  tasker worker --serve PaymentStep=http --server http://tasker.internal:7077

SIGTERM and SIGINT let running steps finish; a second one ends the worker at
once.")]
pub(super) struct Args {
    /// How many steps run at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    slots: u32,
    /// A namespace whose steps it runs; may be repeated
    #[arg(long = "namespace", value_name = "NAME", default_value = "default")]
    namespaces: Vec<String>,
    /// A further step handler, and what runs it: http or command; may be repeated
    #[arg(long, value_name = "HANDLER_CLASS=KIND")]
    serve: Vec<Serve>,
    /// Run commands, which whoever may register handlers names
    #[arg(long)]
    allow_commands: bool,
    /// The worker's name; host and process without it
    #[arg(long, value_name = "NAME")]
    worker_id: Option<String>,
    /// The file with the bearer token, read again when it changes; TASKER_TOKEN_FILE or TASKER_TOKEN without it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsFlags,
    /// How long running steps may take to finish when the worker ends
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    drain_grace: u64,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let _telemetry = telemetry::init(&context.config()?.telemetry.settings())?;
    if let Some(serve) = args.serve.iter().find(|serve| serve.kind == Kind::Command && !args.allow_commands) {
        anyhow::bail!(
            "{} would run commands, which are off\n  --allow-commands turns them on: then whoever may register handlers \
             decides which programs run here",
            serve.handler_class
        );
    }
    let profile = context.connection()?;
    let mut client = Client::builder(&profile.endpoint).tls(args.tls.files(&profile));
    if let Some(file) = args.token_file.as_ref().or(profile.token_file.as_ref()) {
        client = client.token(Token::from_file(file)?);
    }
    let options = Options {
        namespaces: args.namespaces,
        slots: args.slots,
        worker_id: args.worker_id,
        serve: args.serve,
        allow_commands: args.allow_commands,
        drain_grace: Duration::from_secs(args.drain_grace),
        signals: true,
    };
    let offered: Vec<String> = options.offered().into_iter().map(|serve| serve.handler_class).collect();
    tracing::info!(server = profile.endpoint, slots = options.slots, "running steps of {}", offered.join(", "));
    if !options.allow_commands {
        tracing::info!("commands are off; --allow-commands turns them on");
    }
    worker::run(client.connect_lazy()?, options, CancellationToken::new())
        .await
        .with_context(|| format!("the worker cannot work for {}", profile.endpoint))?;
    Ok(ExitCode::SUCCESS)
}
