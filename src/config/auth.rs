//! Who may call.

mod jwt;
mod mtls;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{check::Check, values::millis};
use crate::auth::audit::Records;

pub use jwt::Jwt;
pub use mtls::{CertificateSubject, Mtls};

/// The section `auth`.
#[derive(Debug, Clone, Deserialize)]
pub struct Auth {
    /// Who tells whose credentials are shown, asked in this order; nobody is asked anything when there is none.
    pub authenticators: Vec<AuthenticatorKind>,
    /// Who tells what they allow, side by side; everything is denied when there is none.
    pub coordinators: Vec<CoordinatorKind>,
    /// Whether other machines may reach a server that asks nobody anything.
    pub insecure_listen: bool,
    /// Which decisions are written to the log.
    pub audit: Records,
    /// What each role grants.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Files with policies for the coordinator `cedar`.
    pub cedar_files: Vec<PathBuf>,
    /// Which signed tokens are believed.
    pub jwt: Jwt,
    /// How API tokens are believed.
    pub api_token: ApiToken,
    /// What those are granted who show a certificate.
    pub mtls: Mtls,
}

/// The section `auth.api_token`.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiToken {
    /// How often a token that is used is looked up again.
    #[serde(rename = "recheck_ms", deserialize_with = "millis")]
    pub recheck: Duration,
}

/// An authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticatorKind {
    /// Signed tokens.
    Jwt,
    /// Tokens that `tasker token create` made.
    ApiToken,
    /// Client certificates.
    Mtls,
}

/// A coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoordinatorKind {
    /// What the credentials say by themselves.
    Claims,
    /// What the roles grant that they name.
    Roles,
    /// What policies permit.
    Cedar,
    /// Whoever is authenticated may do everything.
    Authenticated,
}

impl Auth {
    pub(super) fn validate(&self, check: &mut Check) {
        self.jwt.validate(self.authenticators.contains(&AuthenticatorKind::Jwt), check);
        self.mtls.validate(check);
        check.millis("auth.api_token.recheck_ms", self.api_token.recheck, 100..=3_600_000);
        let twice = |key: &str, twice: bool, check: &mut Check| {
            check.rule(key, !twice, || "names one of them twice".to_owned());
        };
        let kinds = &self.authenticators;
        twice("auth.authenticators", (1..kinds.len()).any(|no| kinds[..no].contains(&kinds[no])), check);
        let kinds = &self.coordinators;
        twice("auth.coordinators", (1..kinds.len()).any(|no| kinds[..no].contains(&kinds[no])), check);
        let cedar = self.coordinators.contains(&CoordinatorKind::Cedar);
        check.rule("auth.cedar_files", !cedar || !self.cedar_files.is_empty(), || {
            "must name a file, because auth.coordinators names \"cedar\"".to_owned()
        });
        check.rule("auth.coordinators", !self.authenticators.is_empty() || self.coordinators.is_empty(), || {
            "decide about nobody, because auth.authenticators is empty: name \"jwt\", \"api_token\" or \"mtls\" there"
                .to_owned()
        });
        if let Err(bad) = crate::auth::coordinator::Roles::new(&self.roles) {
            for bad in bad {
                check.finding(&format!("auth.roles.{}", bad.role), format!("`{}` {}", bad.grant, bad.why), "");
            }
        }
    }
}
