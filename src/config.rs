//! The configuration: one struct per concern, all read once, at the start.
//!
//! Owns: the defaults (`config/default.toml`, compiled in), the order file → environment → flags, and the
//! checks, which report every finding. Nobody else reads the environment; each module receives its own struct.
//! Next: `load` merges the sources, `check` gathers findings, one file a section.

use std::path::PathBuf;

use crate::{lifecycle::writer, store::lifecycle::Log};

mod analytics;
mod auth;
mod backoff;
mod cache;
mod check;
mod database;
mod dependency_graph;
mod effective;
mod embedded;
mod engine;
mod events;
mod http;
pub mod keys;
mod limits;
mod load;
mod production;
mod retention;
mod secret;
mod server;
mod telemetry;
mod tls;
mod values;

pub use analytics::Analytics;
pub use auth::{ApiToken, Auth, AuthenticatorKind, CertificateSubject, CoordinatorKind, Jwt, Mtls};
pub use cache::{Cache, CacheBackend};
pub use check::{Finding, Findings};
pub use database::{Database, Databases, NamedDatabase, Pooler};
pub use effective::{Effective, Entry};
pub use embedded::Embedded;
pub use engine::{Dispatch, Sessions, Supervision, Sweeper, Writer};
pub use events::{Events, Nats};
pub use http::{Health, Http};
pub use limits::{Identity, IdentityStrategy, Limits};
pub use load::{Sources, environment};
pub use production::Environment;
pub use retention::Retention;
pub use secret::Secret;
pub use server::{Listen, Server};
pub use telemetry::Telemetry;
pub use tls::{ClientAuth, Tls};

pub use crate::telemetry::LogFormat;

/// The defaults, as text that explains every key.
pub const DEFAULTS: &str = include_str!("config/default.toml");

/// A file to begin with: the keys that are often changed, as comments with their defaults.
pub const STARTER: &str = include_str!("config/starter.toml");

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the service is run for.
    pub environment: Environment,
    /// How we are reached.
    pub server: Server,
    /// Probes and metrics over HTTP.
    pub http: Http,
    /// How health is looked at.
    pub health: Health,
    /// Who may call.
    pub auth: Auth,
    /// How Postgres is reached.
    pub database: Database,
    /// Further databases by name.
    pub databases: Databases,
    /// The private Postgres of `tasker dev`.
    pub embedded: Embedded,
    /// The batching writer.
    pub writer: Writer,
    /// Workers' sessions.
    pub sessions: Sessions,
    /// The search for what is overdue.
    pub sweeper: Sweeper,
    /// The search for work.
    pub dispatch: Dispatch,
    /// How loops that fail are started again.
    pub supervision: Supervision,
    /// Waits between attempts.
    pub backoff: crate::domain::backoff::Policy,
    /// How dependency graphs are judged.
    pub dependency_graph: crate::domain::graph::Policy,
    /// What is remembered of that.
    pub cache: Cache,
    /// Sizes.
    pub limits: Limits,
    /// When two requests are one task.
    pub identity: Identity,
    /// What analytics may cost.
    pub analytics: Analytics,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Events.
    pub events: Events,
    /// How long finished tasks are kept.
    pub retention: Retention,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Merges the sources and checks the result. The error names every finding.
    pub fn load(sources: &Sources) -> Result<Self, Findings> {
        Self::load_explained(sources).map(|(config, _)| config)
    }

    /// The same, with where each value came from.
    pub fn load_explained(sources: &Sources) -> Result<(Self, Effective), Findings> {
        let (config, merged) = load::load(sources)?;
        let effective = Effective::new(&merged);
        Ok((config, effective))
    }

    /// The replica that answers lists and analytics, if there is one.
    pub fn reads(&self) -> Option<&NamedDatabase> {
        self.databases.get(&self.database.reads)
    }

    /// The direct way to the store, if there is one of its own.
    pub fn listen(&self) -> Option<&NamedDatabase> {
        self.databases.get(&self.database.listen)
    }

    /// What the engine needs to know.
    pub fn engine(&self) -> crate::engine::Settings {
        crate::engine::Settings {
            writer: writer::Settings {
                lanes: self.writer.lanes,
                batch_items_max: self.writer.batch_items_max,
                queue_items_max: self.writer.queue_items_max,
                queue_bytes_max: self.writer.queue_bytes_max,
                run_cache_bytes_max: self.writer.run_cache_bytes_max,
                assignment_bytes_max: self.limits.assignment_bytes,
                connect_timeout: self.writer.connect_timeout,
                backoff: self.backoff.clone(),
                log: if self.events.enabled { Log::On } else { Log::Off },
            },
            lease_ttl: self.sessions.lease_ttl,
            heartbeat_interval: self.sessions.heartbeat,
            slots_max: self.sessions.slots_max,
            sweep_interval: self.sweeper.interval,
            reconcile_interval: self.sweeper.reconcile_interval,
            dispatch_batch_max: self.dispatch.batch_max,
            poll_interval: self.dispatch.poll_interval,
            hints: self.dispatch.hints,
            supervision: self.supervision.settings(),
            metrics: crate::telemetry::Metrics::disabled(),
            events: self.events.stream(),
            nats: self.events.publisher(),
            retention: self.retention.settings(self.events.keep),
        }
    }

    /// Every listener has an address of its own, and other machines are asked who they are.
    fn listeners(&self, check: &mut check::Check) {
        check.demand(
            "server.listen",
            self.server.listen.is_local() || !self.auth.authenticators.is_empty() || self.auth.insecure_listen,
            "can be reached by other machines, and nobody would be asked who calls",
            "name authenticators in auth.authenticators (docs/SECURITY.md), or listen on 127.0.0.1, or say that the \
             network is guarded with auth.insecure_listen = true",
        );
        if let (Listen::Tcp(calls), Some((probes, true))) = (&self.server.listen, self.http.address()) {
            let is_any = calls.ip().is_unspecified() || probes.ip().is_unspecified();
            let same = calls.port() != 0 && calls.port() == probes.port() && (is_any || calls.ip() == probes.ip());
            let problem = "is the port of server.listen, where gRPC is served";
            check.demand("http.listen", !same, problem, "choose another port");
        }
    }

    /// Checks ranges and relations between keys.
    fn validate(&self, check: &mut check::Check) {
        self.server.validate(check);
        self.http.validate(check);
        self.health.validate(check);
        self.auth.validate(check);
        let asks = self.server.tls.client_auth != ClientAuth::None;
        check.demand(
            "auth.authenticators",
            asks || !self.auth.authenticators.contains(&AuthenticatorKind::Mtls),
            "names \"mtls\", but clients are not asked for certificates",
            "set server.tls.client_auth to \"optional\" or \"required\"",
        );
        self.listeners(check);
        self.database.validate(&self.databases, self.dispatch.hints, check);
        self.embedded.validate(check);
        self.writer.validate(check);
        self.sessions.validate(check);
        self.sweeper.validate(check);
        self.dispatch.validate(check);
        self.supervision.validate(check);
        backoff::validate(&self.backoff, check);
        dependency_graph::validate(&self.dependency_graph, check);
        self.cache.validate(check);
        self.limits.validate(check);
        self.analytics.validate(check);
        self.telemetry.validate(check);
        self.events.validate(check);
        self.retention.validate(check);
        check.rule("sweeper.interval_ms", self.sweeper.interval <= self.sessions.lease_ttl, || {
            format!("must be at most sessions.lease_ttl_ms, which is {}", self.sessions.lease_ttl.as_millis())
        });
        production::validate(self, check);
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::load(&Sources::default()).expect("the compiled-in defaults are valid")
    }
}

#[cfg(test)]
mod tests;
