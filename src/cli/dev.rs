//! `tasker dev`: everything on this machine, with nothing to configure.

use std::process::ExitCode;

use serde_json::json;

use super::{Context, Outcome};
use crate::{
    app::{self, App, Schema},
    config::Config,
    embedded::Server,
    store::Store,
    telemetry,
};

/// Tries everything on this machine, with nothing to configure.
///
/// Starts a private Postgres (durable, on a socket that only this account can open), brings its schema up to
/// date, and serves. Everything is kept in one directory and is there again at the next start.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker dev
  tasker dev --data-dir /var/tmp/tasker --listen 127.0.0.1:7078
  tasker dev --set embedded.parameters.shared_buffers=512MB")]
pub(super) struct Args {
    /// Where the data is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where to listen: an address with a port, or unix:/path
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let config = context.config_with([("embedded.directory", args.data_dir), ("server.listen", args.listen)])?;
    let _telemetry = telemetry::init(&config.telemetry)?;
    let mut postgres = Server::start(&config.embedded.settings()).await?;
    let store = Store::new(postgres.options(), &config.database.pool_settings());
    let mut app = match App::start(&config, store, Schema::Migrate).await {
        Ok(app) => app,
        Err(error) => {
            postgres.stop().await;
            return Err(error);
        }
    };
    greet(context, &config, &app, &postgres)?;
    let ended = tokio::select! {
        () = app::asked_to_stop() => Ok(ExitCode::SUCCESS),
        error = app.failed() => Err(error),
        words = postgres.exited() => Err(anyhow::anyhow!("the private Postgres ended: {words}")),
    };
    app.stop().await;
    postgres.stop().await;
    ended
}

fn greet(context: &Context, config: &Config, app: &App, postgres: &Server) -> anyhow::Result<()> {
    let psql = format!(
        "{}/psql -h {} -U postgres tasker",
        postgres.binaries().display(),
        postgres.socket_directory().display()
    );
    let document = json!({
        "endpoint": app.endpoint(),
        "data_directory": postgres.directory(),
        "psql": psql,
        "pid": std::process::id(),
    });
    context.print_either(&document, || {
        let target = app.endpoint().trim_start_matches("http://");
        format!(
            "tasker {version} is ready\n\n  \
             listens on   {endpoint}\n  \
             data         {data}\n  \
             look inside  {psql}\n\n\
             Try, from another terminal:\n  \
             grpcurl -plaintext {target} list\n  \
             grpcurl -plaintext {target} tasker.v1.HandlerService/ListHandlers\n  \
             grpcurl -plaintext {target} tasker.v1.TaskService/ListTasks\n  \
             tasker list{server}\n\n\
             Ctrl-C stops it; the data stays.",
            version = env!("CARGO_PKG_VERSION"),
            endpoint = app.endpoint(),
            data = postgres.directory().display(),
            server = if config.server.listen == Config::default().server.listen {
                String::new()
            } else {
                format!(" --server {}", app.endpoint())
            },
        )
    })
}
