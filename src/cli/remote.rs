//! The server that a subcommand talks to.
//!
//! Owns: the flags that every client subcommand shares, and the way from an SDK error to a [`Failure`]. The
//! connection itself, credentials and repeats are the SDK's.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use tasker_sdk::{Client, TlsFiles, client::Token};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Context, Outcome, failure::Failure, help, input, probe, profiles::Profile};

/// The largest answer that is accepted: a task of 10,000 steps with ordinary payloads.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Who asks, and how patient.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::COMMON)]
pub(crate) struct Remote {
    /// A bearer token
    #[arg(long, env = "TASKER_TOKEN", hide_env_values = true, hide_short_help = true)]
    pub(crate) token: Option<String>,
    /// A file that holds the bearer token, read again when it changes; goes before --token
    #[arg(long, env = "TASKER_TOKEN_FILE", value_name = "FILE", hide_short_help = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// How long one call may take, repeats included
    #[arg(long, default_value = "30s", value_parser = input::duration, value_name = "DURATION", hide_short_help = true)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
}

/// Whom to believe over https, and what to show.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = help::COMMON)]
pub(crate) struct TlsFlags {
    /// The authorities that the server's certificate may come from, in PEM, instead of the system's
    #[arg(long, env = "TASKER_CA_FILE", value_name = "FILE", hide_short_help = true)]
    ca_file: Option<PathBuf>,
    /// The certificate to show, in PEM
    #[arg(long, env = "TASKER_CLIENT_CERT", value_name = "FILE", requires = "client_key", hide_short_help = true)]
    client_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, env = "TASKER_CLIENT_KEY", value_name = "FILE", requires = "client_cert", hide_short_help = true)]
    client_key: Option<PathBuf>,
}

impl TlsFlags {
    /// As the SDK wants them; what was not given is the profile's.
    pub(crate) fn files(&self, profile: &Profile) -> TlsFiles {
        let Self { ca_file, client_cert, client_key } = self.clone();
        let shown = if client_cert.is_some() {
            (client_cert, client_key)
        } else {
            (profile.client_cert.clone(), profile.client_key.clone())
        };
        TlsFiles { ca_file: ca_file.or_else(|| profile.ca_file.clone()), client_cert: shown.0, client_key: shown.1 }
    }
}

impl Remote {
    /// Connects, within five seconds.
    pub(crate) async fn connect(&self, context: &Context) -> Result<Client, Failure> {
        let profile = context.connection()?;
        let builder = Client::builder(&profile.endpoint).tls(self.tls.files(&profile)).deadline(self.timeout);
        let builder = builder.message_bytes_max(ANSWER_BYTES_MAX);
        let builder = match self.bearer(&profile)? {
            Some(token) => builder.token(token),
            None => builder.no_token(),
        };
        match builder.connect().await {
            Ok(client) => Ok(client),
            Err(tasker_sdk::Error::Transport { message, .. }) => Err(unreachable(&profile.endpoint, &message).await),
            Err(other) => Err(Failure::local(other.to_string(), "check --endpoint, TASKER_ENDPOINT and the profile")),
        }
    }

    fn bearer(&self, profile: &Profile) -> Result<Option<Token>, Failure> {
        let given = self.token.as_ref().filter(|token| !token.is_empty());
        let token = match (&self.token_file, given, &profile.token_file) {
            (Some(path), ..) | (None, None, Some(path)) => Token::from_file(path),
            (None, Some(token), _) => Token::new(token),
            (None, None, None) => return Ok(None),
        };
        let next = "check --token, --token-file, TASKER_TOKEN, TASKER_TOKEN_FILE and the profile";
        token.map(Some).map_err(|error| Failure::local(error.to_string(), next))
    }

    /// Runs a subcommand; an answer that no tasker server gave is told as such.
    pub(crate) async fn run(
        &self,
        context: &Context,
        work: impl Future<Output = Result<ExitCode, Failure>>,
    ) -> Outcome {
        match work.await {
            Ok(code) => Ok(code),
            Err(failure) => Err(blame_nobody(context, failure).await.into()),
        }
    }
}

/// An answer that no tasker server gave means that there is none.
async fn blame_nobody(context: &Context, failure: Failure) -> Failure {
    match (failure, context.connection()) {
        (Failure::Refused(status), Ok(profile)) if is_transport(&status) => {
            unreachable(&profile.endpoint, status.message()).await
        }
        (other, _) => other,
    }
}

/// Nobody there, with the mistake in the endpoint if there is one, else the deepest of the causes.
async fn unreachable(endpoint: &str, causes: &str) -> Failure {
    let deepest = || causes.rsplit("error: ").next().unwrap_or(causes).to_owned();
    let cause = probe::mistake(endpoint).await.unwrap_or_else(deepest);
    Failure::Unreachable { endpoint: endpoint.to_owned(), cause }
}

/// Whether the connection failed, rather than that a server answered.
fn is_transport(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
        && status.get_error_details().error_info().is_none()
        && std::error::Error::source(status).is_some()
}
