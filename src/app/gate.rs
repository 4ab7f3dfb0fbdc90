//! Builds the gate that every call goes through.
//!
//! A new authenticator or coordinator is a file under `auth`, a kind in the configuration, and a line here.

use anyhow::{anyhow, bail};

use crate::{
    auth::{
        Authenticator, Coordinator, Gate,
        audit::Audit,
        authenticator::{api_token::ApiTokens, jwt::Jwt},
        coordinator::{AnyOf, Authenticated, Cedar, Claims, Roles},
    },
    config::{AuthenticatorKind, Config, CoordinatorKind},
    store::Store,
    telemetry::Metrics,
};

/// The gate, with what can be replaced in it while it stands.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// The gate.
    pub(super) gate: Gate,
    roles: Option<Roles>,
    cedar: Option<Cedar>,
}

/// Builds the gate; the error names everything that is wrong.
pub(super) fn build(config: &Config, store: &Store, metrics: &Metrics) -> anyhow::Result<Access> {
    let settings = &config.auth;
    if settings.authenticators.is_empty() {
        open(config)?;
        return Ok(Access { gate: Gate::open(), roles: None, cedar: None });
    }
    let mut problems = Vec::new();
    let mut authenticators: Vec<Box<dyn Authenticator>> = Vec::new();
    for kind in &settings.authenticators {
        match authenticator(*kind, config, store) {
            Ok(authenticator) => authenticators.push(authenticator),
            Err(more) => problems.extend(more),
        }
    }
    let (mut roles, mut cedar) = (None, None);
    let mut coordinators: Vec<Box<dyn Coordinator>> = Vec::new();
    for kind in &settings.coordinators {
        match kind {
            CoordinatorKind::Claims => coordinators.push(Box::new(Claims)),
            CoordinatorKind::Authenticated => coordinators.push(Box::new(Authenticated)),
            CoordinatorKind::Roles => match Roles::new(&settings.roles) {
                Ok(made) => coordinators.push(Box::new(roles.insert(made).clone())),
                Err(bad) => problems.extend(bad.iter().map(ToString::to_string)),
            },
            CoordinatorKind::Cedar => match policies(config).and_then(|text| Cedar::new(&text)) {
                Ok(made) => coordinators.push(Box::new(cedar.insert(made).clone())),
                Err(more) => problems.extend(more.iter().map(|problem| format!("auth.cedar_files: {problem}"))),
            },
        }
    }
    if !problems.is_empty() {
        return Err(anyhow!("nobody could be let in or kept out\n  {}", problems.join("\n  ")));
    }
    if coordinators.is_empty() {
        tracing::warn!("auth.coordinators is empty: every call that needs a permission is denied");
    }
    let audit = Audit { records: settings.audit, metrics: metrics.clone() };
    Ok(Access { gate: Gate::guarded(authenticators, AnyOf(coordinators), audit), roles, cedar })
}

impl Access {
    /// Takes over roles and policies from a configuration that was read again; nothing of it when anything is wrong.
    pub(super) fn reload(&self, config: &Config) -> Result<(), Vec<String>> {
        let policies = match &self.cedar {
            Some(_) => Some(policies(config)?),
            None => None,
        };
        if let (Some(cedar), Some(policies)) = (&self.cedar, &policies) {
            cedar.replace(policies)?;
        }
        if let Some(roles) = &self.roles {
            // The configuration has been checked: it has no bad grants.
            roles.replace(&config.auth.roles).map_err(|bad| bad.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        }
        self.gate.forget();
        Ok(())
    }
}

/// Nobody is asked: only this machine may reach such a server, unless somebody says otherwise.
fn open(config: &Config) -> anyhow::Result<()> {
    if config.server.listen.is_local() {
        tracing::warn!("the server is open: whoever reaches {} may do everything", config.server.listen);
        return Ok(());
    }
    if config.auth.insecure_listen {
        tracing::warn!(
            "the server is OPEN to other machines: whoever reaches {} may do everything",
            config.server.listen
        );
        return Ok(());
    }
    bail!(
        "other machines could reach {} and nobody would be asked who they are\n  name authenticators in \
         auth.authenticators (see docs/SECURITY.md), or listen on 127.0.0.1, or say that the network is guarded with \
         --set auth.insecure_listen=true",
        config.server.listen
    )
}

fn authenticator(
    kind: AuthenticatorKind,
    config: &Config,
    store: &Store,
) -> Result<Box<dyn Authenticator>, Vec<String>> {
    match kind {
        AuthenticatorKind::Jwt => Ok(Box::new(Jwt::new(config.auth.jwt.settings())?)),
        AuthenticatorKind::ApiToken => Ok(Box::new(ApiTokens::new(store.clone(), config.auth.api_token.recheck))),
        AuthenticatorKind::Mtls => Ok(Box::new(config.auth.mtls.authenticator()?)),
    }
}

/// The text of all policy files; every one that cannot be read is reported.
fn policies(config: &Config) -> Result<String, Vec<String>> {
    let (mut text, mut problems) = (String::new(), Vec::new());
    for path in &config.auth.cedar_files {
        match std::fs::read_to_string(path) {
            Ok(more) => text.extend([more.as_str(), "\n"]),
            Err(error) => problems.push(format!("{}: {error}", path.display())),
        }
    }
    if problems.is_empty() { Ok(text) } else { Err(problems) }
}
