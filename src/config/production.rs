//! Rules that hold in production only, where what is convenient elsewhere is a risk.

use std::time::Duration;

use serde::Deserialize;

use super::{Config, LogFormat, Secret, check::Check};
use crate::store::databases;

/// What the service is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// To try things.
    Development,
    /// For others, who rely on it.
    Production,
}

/// Workers need this long at least to hand in what they have just finished.
const DRAIN_GRACE_MIN: Duration = Duration::from_secs(1);

pub(super) fn validate(config: &Config, check: &mut Check) {
    if config.environment != Environment::Production {
        return;
    }
    check.demand(
        "database.url",
        !config.database.url.is_empty() || !config.database.store.is_empty(),
        "must be given in production",
        "name the database here, with DATABASE_URL, or as database.store",
    );
    encrypted("database.url", &config.database.url, check);
    for (name, database) in &config.databases {
        encrypted(&format!("databases.{name}.url"), &database.url, check);
    }
    check.demand(
        "auth.authenticators",
        !config.auth.authenticators.is_empty(),
        "must name somebody in production: nobody would be asked who calls",
        "name \"jwt\", \"api_token\" or \"mtls\"",
    );
    check.demand(
        "telemetry.log_format",
        config.telemetry.log_format != LogFormat::Pretty,
        "must be for machines in production",
        "choose \"json\"",
    );
    check.demand(
        "server.drain_grace_ms",
        config.server.drain_grace >= DRAIN_GRACE_MIN,
        "must be at least 1000 in production, so that workers can hand in what they have",
        "choose 1000 or more",
    );
    let lease = config.sessions.lease_ttl;
    for (key, timeout) in [
        ("database.acquire_timeout_ms", config.database.acquire_timeout),
        ("writer.connect_timeout_ms", config.writer.connect_timeout),
    ] {
        check.demand(
            key,
            timeout < lease,
            "must be less than sessions.lease_ttl_ms in production: workers would lose their leases meanwhile",
            "lower it, or raise sessions.lease_ttl_ms",
        );
    }
}

/// What leaves the machine must be encrypted.
fn encrypted(key: &str, url: &Secret, check: &mut Check) {
    let safe = url.is_empty() || databases::address(url.expose()).map_or(true, |address| databases::is_safe(&address));
    let fix = "add ?sslmode=verify-full, or at least ?sslmode=require";
    check.demand(key, safe, "must be encrypted in production: its host is another machine", fix);
}
