//! The client: owns the connection and its settings, and hands out the typed service clients.
//!
//! ```no_run
//! use tasker_sdk::{Client, proto::tasker::v1::{CreateTaskRequest, HandlerRef, NewTask}};
//!
//! # async fn example() -> tasker_sdk::Result<()> {
//! let client = Client::connect("http://localhost:7077").await?;
//! let handler = HandlerRef { name: "ship_parcel".into(), ..Default::default() };
//! let task = NewTask { handler: Some(handler), context_json: r#"{"parcel_id": 7}"#.into(), ..Default::default() };
//! let created = client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await?.into_inner();
//! println!("{}", created.task.unwrap_or_default().task_id);
//! # Ok(())
//! # }
//! ```

mod credentials;
mod tls;
mod transport;

use std::time::Duration;

use tonic::transport::Endpoint;

pub use credentials::{TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, Token};
pub use tls::{TLS_VARIABLES, TlsFiles};
pub use transport::Transport;

use crate::{
    errors::{Error, Result},
    proto::tasker::{
        v1::{
            analytics_service_client::AnalyticsServiceClient,
            dependency_graph_service_client::DependencyGraphServiceClient, event_service_client::EventServiceClient,
            explain_service_client::ExplainServiceClient, handler_service_client::HandlerServiceClient,
            status_service_client::StatusServiceClient, step_service_client::StepServiceClient,
            task_service_client::TaskServiceClient,
        },
        worker::v1::worker_service_client::WorkerServiceClient,
    },
};

/// A connection to a tasker server. Clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    message_bytes_max: usize,
}

/// How to connect; see [`Client::builder`].
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    endpoint: String,
    token: TokenSource,
    tls: Option<TlsFiles>,
    deadline: Duration,
    connect_timeout: Duration,
    attempts: u32,
    message_bytes_max: usize,
}

#[derive(Debug, Clone)]
enum TokenSource {
    Environment,
    Given(Token),
    None,
}

impl Client {
    /// Connects with the defaults: token and TLS files from the environment if it names any, and 30 s for a call.
    pub async fn connect(endpoint: impl Into<String>) -> Result<Self> {
        Self::builder(endpoint).connect().await
    }

    /// Prepares a connection to `https://host:port`, `http://host:port`, or `host:port` for short, or
    /// `unix:/path/of/a/socket`.
    pub fn builder(endpoint: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            endpoint: endpoint.into(),
            token: TokenSource::Environment,
            tls: None,
            deadline: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            attempts: 5,
            message_bytes_max: 64 << 20,
        }
    }

    /// The token that can change while the client is used.
    pub(crate) fn changing_token(&self) -> Option<Token> {
        self.transport.token().filter(Token::is_from_file)
    }

    /// Tasks: submit, find, follow, change.
    pub fn tasks(&self) -> TaskServiceClient<Transport> {
        TaskServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// Steps: look, intervene.
    pub fn steps(&self) -> StepServiceClient<Transport> {
        StepServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// Handlers: register, look.
    pub fn handlers(&self) -> HandlerServiceClient<Transport> {
        HandlerServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// Analytics: throughput, durations, bottlenecks, health counts.
    pub fn analytics(&self) -> AnalyticsServiceClient<Transport> {
        AnalyticsServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// How the server and its database are.
    pub fn status(&self) -> StatusServiceClient<Transport> {
        StatusServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// Dependency graphs of tasks: critical paths, bottlenecks, the expected finish.
    pub fn graphs(&self) -> DependencyGraphServiceClient<Transport> {
        DependencyGraphServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// Explanations: why a task or a step does not move.
    pub fn explain(&self) -> ExplainServiceClient<Transport> {
        ExplainServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// Events: follow, publish, look up.
    pub fn events(&self) -> EventServiceClient<Transport> {
        EventServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }

    /// The worker protocol; [`crate::Worker`] speaks it for you.
    pub fn workers(&self) -> WorkerServiceClient<Transport> {
        WorkerServiceClient::new(self.transport.clone()).max_decoding_message_size(self.message_bytes_max)
    }
}

impl ClientBuilder {
    /// Sends this bearer token with every call, whatever the environment says.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = TokenSource::Given(token);
        self
    }

    /// Sends no token, whatever the environment says.
    #[must_use]
    pub fn no_token(mut self) -> Self {
        self.token = TokenSource::None;
        self
    }

    /// Sets the authorities and the client certificate of a connection to `https://…`; from `TASKER_CA_FILE`,
    /// `TASKER_CLIENT_CERT` and `TASKER_CLIENT_KEY` unless set.
    #[must_use]
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// Sets how long a unary call may take in all, repeats included; 30 s unless set. A call that sets its own with
    /// `Request::set_timeout` keeps that. Streams have none.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long connecting may take; 5 s unless set.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how often a call is tried in all when the server asks to come back; 5 unless set, 1 for never again.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the largest answer accepted, in bytes; 64 MiB unless set.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Connects, or says why not.
    pub async fn connect(self) -> Result<Client> {
        let endpoint = self.endpoint()?;
        let channel = endpoint.connect().await?;
        self.client(channel)
    }

    /// Prepares a client that connects with its first call, and again whenever the connection is lost.
    ///
    /// Must be called within a tokio runtime.
    pub fn connect_lazy(self) -> Result<Client> {
        let channel = self.endpoint()?.connect_lazy();
        self.client(channel)
    }

    fn client(self, channel: tonic::transport::Channel) -> Result<Client> {
        let token = match self.token {
            TokenSource::Environment => Token::from_env()?,
            TokenSource::Given(token) => Some(token),
            TokenSource::None => None,
        };
        let policy = transport::Policy { token, deadline: self.deadline, attempts: self.attempts };
        Ok(Client { transport: Transport::new(channel, policy), message_bytes_max: self.message_bytes_max })
    }

    fn endpoint(&self) -> Result<Endpoint> {
        let text = self.endpoint.trim();
        let uri = match text.strip_prefix("unix:") {
            Some(path) => format!("unix://{}", path.trim_start_matches("//")),
            None if text.contains("://") => text.to_owned(),
            None => format!("http://{text}"),
        };
        let wrong = |why: &str| Error::Setup(format!("`{text}` is not an endpoint like http://localhost:7077: {why}"));
        if !["https://", "http://", "unix://"].iter().any(|scheme| uri.starts_with(scheme)) {
            return Err(wrong("the scheme must be https, http or unix"));
        }
        let is_encrypted = uri.starts_with("https://");
        let files = self.tls.clone().unwrap_or_else(TlsFiles::from_env);
        if uri.starts_with("http://") && files != TlsFiles::default() {
            let why = "files for TLS are given, and this endpoint would be spoken to in clear: use https://";
            return Err(Error::Setup(format!("`{text}`: {why}")));
        }
        let mut endpoint = Endpoint::from_shared(uri).map_err(|error| wrong(&error.to_string()))?;
        if is_encrypted {
            endpoint = endpoint.tls_config(files.config()?).map_err(|error| {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                Error::Setup(format!("the TLS files cannot be used: {cause}"))
            })?;
        }
        // The windows let a megabyte payload through without waiting for an update; who reads a long message is woken
        // once for each frame of it.
        Ok(endpoint
            .user_agent(crate::SDK)
            .map_err(|error| wrong(&error.to_string()))?
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(8 << 20)
            .max_frame_size(256 << 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_tls_are_never_ignored() {
        let check = |text: &str, fine: bool| {
            let files = TlsFiles { ca_file: Some("/nowhere".into()), ..TlsFiles::default() };
            let message = Client::builder(text).tls(files).endpoint().err().map(|error| error.to_string());
            assert_eq!(message.is_none_or(|message| !message.contains("in clear")), fine, "{text}");
        };
        check("http://localhost:7077", false);
        check("localhost:7077", false);
        check("https://localhost:7077", true);
        check("unix:/run/tasker.sock", true);
    }

    #[test]
    fn endpoints() {
        let check = |text: &str, fine: bool| assert_eq!(Client::builder(text).endpoint().is_ok(), fine, "{text}");
        check("http://localhost:7077", true);
        check("https://localhost:7077", true);
        check("localhost:7077", true);
        check(" 10.0.0.1:9190 ", true);
        check("unix:/run/tasker.sock", true);
        check("unix:///run/tasker.sock", true);
        check("ftp://localhost", false);
        check("http://", false);
        check("", false);
    }
}
