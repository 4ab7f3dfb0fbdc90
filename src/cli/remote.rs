//! The server that a subcommand talks to.
//!
//! Owns: the flags that every client subcommand shares, and the way from an SDK error to a [`Failure`]. The
//! connection itself, credentials and repeats are the SDK's.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use tasker_sdk::{Client, TlsFiles, client::Token};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Context, Outcome, failure::Failure, input};

/// The largest answer that is accepted: a task of 10,000 steps with ordinary payloads.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Who asks, and how patient.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Remote {
    /// A bearer token
    #[arg(long, env = "TASKER_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// A file that holds the bearer token, read again when it changes; goes before --token
    #[arg(long, env = "TASKER_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How long one call may take, repeats included
    #[arg(long, default_value = "30s", value_parser = input::duration, value_name = "DURATION")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
}

/// Whom to believe over https, and what to show.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct TlsFlags {
    /// The authorities that the server's certificate may come from, in PEM, instead of the system's
    #[arg(long, env = "TASKER_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate to show, in PEM
    #[arg(long, env = "TASKER_CLIENT_CERT", value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, env = "TASKER_CLIENT_KEY", value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

impl TlsFlags {
    /// As the SDK wants them.
    pub(crate) fn files(&self) -> TlsFiles {
        let Self { ca_file, client_cert, client_key } = self.clone();
        TlsFiles { ca_file, client_cert, client_key }
    }
}

impl Remote {
    /// Connects, within five seconds.
    pub(crate) async fn connect(&self, context: &Context) -> Result<Client, Failure> {
        let builder = Client::builder(&context.server).tls(self.tls.files()).deadline(self.timeout);
        let builder = builder.message_bytes_max(ANSWER_BYTES_MAX);
        let builder = match self.bearer()? {
            Some(token) => builder.token(token),
            None => builder.no_token(),
        };
        builder.connect().await.map_err(|error| match error {
            tasker_sdk::Error::Transport { message, .. } => unreachable(context, &message),
            other => Failure::local(other.to_string(), "check --endpoint and TASKER_ENDPOINT"),
        })
    }

    fn bearer(&self) -> Result<Option<Token>, Failure> {
        let given = self.token.as_ref().filter(|token| !token.is_empty());
        let token = match (&self.token_file, given) {
            (Some(path), _) => Token::from_file(path),
            (None, Some(token)) => Token::new(token),
            (None, None) => return Ok(None),
        };
        let next = "check --token, --token-file, TASKER_TOKEN and TASKER_TOKEN_FILE";
        token.map(Some).map_err(|error| Failure::local(error.to_string(), next))
    }

    /// Runs a subcommand: a failure is printed and becomes the exit code.
    pub(crate) async fn run(
        &self,
        context: &Context,
        work: impl Future<Output = Result<ExitCode, Failure>>,
    ) -> Outcome {
        Ok(work.await.unwrap_or_else(|failure| {
            let failure = blame_nobody(context, failure);
            failure.print(context.output);
            failure.code()
        }))
    }
}

/// An answer that no tasker server gave means that there is none.
fn blame_nobody(context: &Context, failure: Failure) -> Failure {
    match failure {
        Failure::Refused(status) if is_transport(&status) => unreachable(context, status.message()),
        other => other,
    }
}

/// Nobody there, with the deepest of the causes.
fn unreachable(context: &Context, causes: &str) -> Failure {
    let cause = causes.rsplit("error: ").next().unwrap_or(causes).to_owned();
    Failure::Unreachable { endpoint: context.server.clone(), cause }
}

/// Whether the connection failed, rather than that a server answered.
fn is_transport(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled)
        && status.get_error_details().error_info().is_none()
        && std::error::Error::source(status).is_some()
}
