//! Which signed tokens are believed.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{
    auth::authenticator::jwt::{self, Algorithm, Paths, Settings},
    config::{
        Secret,
        check::Check,
        values::{millis, optional_path, optional_text},
    },
};

/// The section `auth.jwt`.
#[derive(Debug, Clone, Deserialize)]
pub struct Jwt {
    /// The only algorithms there are.
    pub algorithms: Vec<Algorithm>,
    /// The shared secret of the HS algorithms; empty for none.
    pub secret: Secret,
    /// A file that holds it.
    #[serde(deserialize_with = "optional_path")]
    pub secret_file: Option<PathBuf>,
    /// PEM files with public keys.
    pub public_key_files: Vec<PathBuf>,
    /// A file with a key set.
    #[serde(deserialize_with = "optional_path")]
    pub jwks_file: Option<PathBuf>,
    /// Where a key set is fetched.
    #[serde(deserialize_with = "optional_text")]
    pub jwks_url: Option<String>,
    /// How often keys are read again.
    #[serde(rename = "jwks_refresh_ms", deserialize_with = "millis")]
    pub jwks_refresh: Duration,
    /// How often unknown keys may cause that at most.
    #[serde(rename = "jwks_min_interval_ms", deserialize_with = "millis")]
    pub jwks_min_interval: Duration,
    /// Who may have issued a token.
    pub issuer: Vec<String>,
    /// Whom a token may be for.
    pub audience: Vec<String>,
    /// How far clocks may be apart.
    #[serde(rename = "leeway_ms", deserialize_with = "millis")]
    pub leeway: Duration,
    /// Where the subject is claimed.
    pub subject_claim: String,
    /// Where grants are claimed.
    pub permissions_claim: String,
    /// Where roles are claimed.
    pub roles_claim: String,
    /// Where the only namespaces are claimed.
    pub namespaces_claim: String,
}

impl Jwt {
    /// What the authenticator needs to know.
    pub fn settings(&self) -> Settings {
        Settings {
            algorithms: self.algorithms.clone(),
            secret: self.secret.expose().to_owned(),
            secret_file: self.secret_file.clone(),
            public_key_files: self.public_key_files.clone(),
            jwks_file: self.jwks_file.clone(),
            jwks_url: self.jwks_url.clone(),
            refresh: self.jwks_refresh,
            refresh_min: self.jwks_min_interval,
            issuers: self.issuer.clone(),
            audiences: self.audience.clone(),
            leeway: self.leeway,
            paths: Paths {
                subject: self.subject_claim.clone(),
                permissions: self.permissions_claim.clone(),
                roles: self.roles_claim.clone(),
                namespaces: self.namespaces_claim.clone(),
            },
        }
    }

    /// Checks the section, and the keys it names if it is used.
    pub(super) fn validate(&self, is_used: bool, check: &mut Check) {
        check.millis("auth.jwt.jwks_refresh_ms", self.jwks_refresh, 1_000..=86_400_000);
        check.millis("auth.jwt.jwks_min_interval_ms", self.jwks_min_interval, 1_000..=3_600_000);
        check.rule("auth.jwt.jwks_min_interval_ms", self.jwks_min_interval <= self.jwks_refresh, || {
            "must be at most auth.jwt.jwks_refresh_ms".to_owned()
        });
        check.millis("auth.jwt.leeway_ms", self.leeway, 0..=300_000);
        if !is_used {
            return;
        }
        for problem in jwt::Jwt::new(self.settings()).err().unwrap_or_default() {
            let (key, text) = problem.split_once(' ').unwrap_or(("auth.jwt", &problem));
            check.finding(key, text, "");
        }
    }
}
