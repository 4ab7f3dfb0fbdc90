//! `tasker dev`: everything on this machine, with nothing to configure.

use std::{path::Path, process::ExitCode, time::Duration};

use serde_json::json;
use tasker_sdk::{Client, Token};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Context, Outcome, token::sign};
use crate::{
    app::{self, App, Schema},
    config::Config,
    embedded::Server,
    store::Store,
    supervisor::spawn_short,
    telemetry, worker,
};

/// Tries everything on this machine, with nothing to configure.
///
/// Starts a private Postgres (durable, on a socket that only this account can open), brings its schema up to
/// date, serves, and runs the built-in worker for steps that are an HTTP request. Everything is kept in one
/// directory and is there again at the next start.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker dev
  tasker dev --data-dir /var/tmp/tasker --listen 127.0.0.1:7078
  tasker dev --allow-commands --slots 64
  tasker dev --auth
  tasker dev --set embedded.parameters.shared_buffers=512MB")]
pub(super) struct Args {
    /// Where the data is kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where to listen: an address with a port, or unix:/path
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Let the built-in worker run commands; whoever reaches the server names them
    #[arg(long, conflicts_with = "no_worker")]
    allow_commands: bool,
    /// How many steps the built-in worker runs at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    slots: u32,
    /// Do not run the built-in worker
    #[arg(long)]
    no_worker: bool,
    /// Ask who calls: tokens are made with `tasker token sign` and `tasker token create`
    #[arg(long)]
    auth: bool,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let flags = [("embedded.directory", args.data_dir.clone()), ("server.listen", args.listen.clone())];
    // With --auth somebody is asked, as is said once the directory with the secret is known.
    let asked_later = [("auth.insecure_listen", args.auth.then(|| "true".to_owned()))];
    let mut config = context.config_with(flags.clone().into_iter().chain(asked_later))?;
    if args.auth {
        let secret = sign::development_secret(&config.embedded.directory)?;
        config = context.config_with(flags.into_iter().chain(guarded(&secret)))?;
    }
    let _telemetry = telemetry::init(&config.telemetry.settings())?;
    let mut postgres = Server::start(&config.embedded.settings()).await?;
    let store = Store::new(postgres.options(), &config.database.pool_settings());
    let mut app = match App::start(&config, store, Schema::Migrate).await {
        Ok(app) => app,
        Err(error) => {
            postgres.stop().await;
            return Err(error);
        }
    };
    let worker = if args.no_worker { None } else { Some(Helper::start(&args, &config, app.endpoint())?) };
    // Before anybody is told that it runs, and may want it to stop.
    let asked_to_stop = app::asked_to_stop();
    greet(context, &config, &args, &app, &postgres);
    let ended = tokio::select! {
        () = asked_to_stop => Ok(ExitCode::SUCCESS),
        error = app.failed() => Err(error),
        words = postgres.exited() => Err(anyhow::anyhow!("the private Postgres ended: {words}")),
    };
    if let Some(worker) = worker {
        worker.stop().await;
    }
    app.stop().await;
    postgres.stop().await;
    ended
}

/// What `--auth` sets: tokens signed with the secret of the directory, and API tokens.
fn guarded(secret: &Path) -> [(&'static str, Option<String>); 5] {
    [
        ("auth.authenticators", "jwt,api_token".to_owned()),
        ("auth.coordinators", "claims,roles".to_owned()),
        ("auth.jwt.algorithms", "[\"HS256\"]".to_owned()),
        ("auth.jwt.secret", String::new()),
        ("auth.jwt.secret_file", secret.display().to_string()),
    ]
    .map(|(key, value)| (key, Some(value)))
}

/// The built-in worker, in this process but a client like any other.
struct Helper {
    drain: CancellationToken,
    running: JoinHandle<Option<()>>,
    grace: Duration,
}

impl Helper {
    fn start(args: &Args, config: &Config, endpoint: &str) -> anyhow::Result<Self> {
        let builder = Client::builder(endpoint);
        let builder = match &config.auth.jwt.secret_file {
            Some(secret) if args.auth => {
                builder.token(Token::new(&sign::for_built_in_worker(secret, &config.auth.jwt.settings())?)?)
            }
            _ => builder.no_token(),
        };
        let client = builder.connect_lazy()?;
        let grace = config.server.drain_grace;
        let options = worker::Options {
            slots: args.slots,
            worker_id: Some(format!("tasker-dev-{}", std::process::id())),
            allow_commands: args.allow_commands,
            drain_grace: grace,
            ..worker::Options::default()
        };
        let drain = CancellationToken::new();
        let running = spawn_short("built-in worker", {
            let drain = drain.clone();
            async move {
                if let Err(error) = worker::run(client, options, drain).await {
                    tracing::error!(%error, "the built-in worker ended");
                }
            }
        });
        Ok(Self { drain, running, grace })
    }

    /// Lets it finish what it runs, within the grace.
    async fn stop(self) {
        self.drain.cancel();
        let abort = self.running.abort_handle();
        if tokio::time::timeout(self.grace, self.running).await.is_err() {
            abort.abort();
        }
    }
}

fn greet(context: &Context, config: &Config, args: &Args, app: &App, postgres: &Server) {
    let psql = format!(
        "{}/psql -h {} -U postgres {}",
        postgres.binaries().display(),
        postgres.socket_directory().display(),
        config.embedded.settings().database,
    );
    let worker = match (args.no_worker, args.allow_commands) {
        (true, _) => "none",
        (_, true) => "http, command",
        (_, false) => "http (--allow-commands adds commands)",
    };
    let document = json!({
        "endpoint": app.endpoint(),
        "data_directory": postgres.directory(),
        "psql": psql,
        "pid": std::process::id(),
    });
    context.print_either(&document, || {
        let endpoint = app.endpoint();
        let is_default = config.server.listen == Config::default().server.listen;
        let flag = if is_default { String::new() } else { format!(" --endpoint {endpoint}") };
        let token = match args.auth {
            true => {
                let directory = config.embedded.directory.display();
                format!("export TASKER_TOKEN=$(tasker token sign --subject me --role admin --data-dir {directory})\n  ")
            }
            false => String::new(),
        };
        format!(
            "tasker {version} is ready\n\n  \
             listens on   {endpoint}\n  \
             data         {data}\n  \
             worker       {worker}\n  \
             look inside  {psql}\n\n\
             Try, from another terminal:\n  {token}\
             tasker list{flag}\n  \
             tasker doctor{flag}\n  \
             grpcurl -plaintext {target} list\n  \
             grpcurl -plaintext {target} tasker.v1.TaskService/ListTasks\n\n\
             Ctrl-C stops it; the data stays.",
            version = env!("CARGO_PKG_VERSION"),
            data = postgres.directory().display(),
            target = endpoint.trim_start_matches("http://"),
        )
    });
}
