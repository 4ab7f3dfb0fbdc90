//! `tasker healthcheck`: asks a server whether it serves, for containers and scripts.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use serde_json::json;
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{Context, Outcome};

/// Asks a server whether it serves.
///
/// Exits with 0 when it does, with 1 when it does not or cannot be reached: what a container's health check or a
/// script that waits wants to know.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tasker healthcheck
  until tasker healthcheck; do sleep 1; done")]
pub(super) struct Args {
    /// How long to wait for the answer
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2_000)]
    timeout_ms: u64,
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    let serving = ask(&context.connection()?.endpoint, Duration::from_millis(args.timeout_ms)).await?;
    context.print_either(&json!({ "serving": serving }), || {
        if serving { "serving".to_owned() } else { "not serving".to_owned() }
    });
    Ok(if serving { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the server says that it serves.
pub(super) async fn ask(server: &str, patience: Duration) -> anyhow::Result<bool> {
    let address = if server.contains("://") || server.starts_with("unix:") {
        server.to_owned()
    } else {
        format!("http://{server}")
    };
    let endpoint = Endpoint::from_shared(address)
        .with_context(|| format!("`{server}` is not an address"))?
        .connect_timeout(patience)
        .timeout(patience);
    let channel = endpoint.connect().await.with_context(|| format!("cannot reach {server}"))?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
    Ok(answer.into_inner().status() == ServingStatus::Serving)
}
