//! How we are reached.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use serde::Deserialize;

use super::{check::Check, tls::Tls, values::millis};

/// The section `server`.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    /// Where gRPC is served.
    pub listen: Listen,
    /// How long a stop may take.
    #[serde(rename = "drain_grace_ms", deserialize_with = "millis")]
    pub drain_grace: Duration,
    /// After how much silence a connection is probed.
    #[serde(rename = "keepalive_interval_ms", deserialize_with = "millis")]
    pub keepalive_interval: Duration,
    /// How long the answer to a probe may take.
    #[serde(rename = "keepalive_timeout_ms", deserialize_with = "millis")]
    pub keepalive_timeout: Duration,
    /// Streams and calls at once on one connection.
    pub connection_streams_max: u32,
    /// How old a connection gets before its client is asked to connect again; zero for any age.
    #[serde(rename = "connection_age_max_ms", deserialize_with = "millis")]
    pub connection_age: Duration,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one address.
    pub connections_per_address_max: usize,
    /// How long a request with one message may take to arrive.
    #[serde(rename = "request_timeout_ms", deserialize_with = "millis")]
    pub request_timeout: Duration,
    /// Bytes of requests that have not arrived whole, in all.
    pub request_memory_max_bytes: u64,
    /// Servers that share the database.
    pub replicas: u32,
    /// How connections are encrypted.
    pub tls: Tls,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// An address; port 0 picks a free one.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("unix: needs a path".to_owned()),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!("`{text}` is neither an address with a port such as 127.0.0.1:7077 nor unix:/path")
            }),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Listen {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Server {
    /// How old a connection gets before its client is asked to connect again, if there is a limit.
    pub fn connection_age_max(&self) -> Option<Duration> {
        (!self.connection_age.is_zero()).then_some(self.connection_age)
    }

    pub(super) fn validate(&self, check: &mut Check) {
        check.millis("server.drain_grace_ms", self.drain_grace, 0..=600_000);
        check.millis("server.keepalive_interval_ms", self.keepalive_interval, 1_000..=3_600_000);
        check.millis("server.keepalive_timeout_ms", self.keepalive_timeout, 1_000..=3_600_000);
        check.range("server.connection_streams_max", self.connection_streams_max, 1..=1_000_000);
        check.millis("server.connection_age_max_ms", self.connection_age, 0..=604_800_000);
        check.range("server.connections_max", self.connections_max, 1..=1_000_000);
        check.range("server.connections_per_address_max", self.connections_per_address_max, 1..=1_000_000);
        check.millis("server.request_timeout_ms", self.request_timeout, 100..=3_600_000);
        check.range("server.request_memory_max_bytes", self.request_memory_max_bytes, 1 << 20..=1 << 40);
        self.tls.validate(matches!(self.listen, Listen::Tcp(_)), check);
        check.range("server.replicas", self.replicas, 1..=1_000);
    }
}
