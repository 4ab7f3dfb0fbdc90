//! Signed tokens (JWT): the authenticator `jwt`.
//!
//! Owns: which tokens are believed, and what their claims mean. Each key is pinned to the algorithms that it is for, so
//! that a token cannot choose how it is checked; nothing that a token brings along (`jwk`, `jku`, `x5u`, `x5c`) is
//! looked at. Never: says more of a token whose signature is wrong than that it is not valid. Next: `token` reads the
//! three parts, `keys` checks the signature, `source` keeps the keys current, `claims` reads what is claimed.

pub mod claims;
mod jwks;
mod keys;
pub mod sign;
mod source;
mod strict;
pub mod token;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};

pub use jsonwebtoken::Algorithm;

use super::{Authenticator, Credentials, Rejection};
use crate::auth::{Principal, clock};
use claims::Claims;
use keys::Verdict;
use source::Source;
use token::Token;

/// Which tokens are believed. The section `auth.jwt` explains each.
#[derive(Clone)]
pub struct Settings {
    /// The only algorithms there are.
    pub algorithms: Vec<Algorithm>,
    /// The shared secret of the HS algorithms; empty for none.
    pub secret: String,
    /// A file that holds it.
    pub secret_file: Option<PathBuf>,
    /// PEM files with public keys.
    pub public_key_files: Vec<PathBuf>,
    /// A file with a key set.
    pub jwks_file: Option<PathBuf>,
    /// Where a key set is fetched.
    pub jwks_url: Option<String>,
    /// How often keys are read again.
    pub refresh: Duration,
    /// How often unknown keys may cause that at most.
    pub refresh_min: Duration,
    /// Who may have issued a token; empty for anybody who has a key.
    pub issuers: Vec<String>,
    /// Whom a token may be for; empty for anybody.
    pub audiences: Vec<String>,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// Where the claims are; dots walk into objects.
    pub paths: Paths,
}

/// Where claims are; dots walk into objects.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Who it is.
    pub subject: String,
    /// What is granted.
    pub permissions: String,
    /// The roles.
    pub roles: String,
    /// The only namespaces.
    pub namespaces: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::HS256],
            secret: String::new(),
            secret_file: None,
            public_key_files: Vec::new(),
            jwks_file: None,
            jwks_url: None,
            refresh: Duration::from_secs(300),
            refresh_min: Duration::from_secs(10),
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::from_secs(30),
            paths: Paths::default(),
        }
    }
}

impl Default for Paths {
    fn default() -> Self {
        let [subject, permissions, roles, namespaces] =
            ["sub", "permissions", "roles", "namespaces"].map(str::to_owned);
        Self { subject, permissions, roles, namespaces }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// Believes signed tokens.
#[derive(Debug)]
pub struct Jwt {
    settings: Settings,
    source: Arc<Source>,
}

impl Jwt {
    /// Reads the keys that are in files; those of a URL are fetched with the first token. Every problem is reported.
    pub fn new(settings: Settings) -> Result<Self, Vec<String>> {
        let mut problems = problems(&settings);
        match Source::new(&settings) {
            Ok(source) if problems.is_empty() => return Ok(Self { settings, source: Arc::new(source) }),
            Ok(_) => {}
            Err(more) => problems.extend(more),
        }
        Err(problems)
    }

    async fn verify(&self, text: &str) -> Result<Principal, Rejection> {
        let token = Token::read(text)?;
        if !self.settings.algorithms.contains(&token.algorithm) {
            return Err(Rejection::Invalid);
        }
        let mut keys = self.source.current().await;
        let mut verdict = keys.check(&token);
        if verdict == Verdict::Unknown
            && let Some(fresh) = Source::fresher(&self.source, &keys).await
        {
            keys = fresh;
            verdict = keys.check(&token);
        }
        match verdict {
            Verdict::Good => {}
            Verdict::Unknown if keys.is_unavailable() => return Err(Rejection::Unavailable),
            Verdict::Bad | Verdict::Unknown => return Err(Rejection::Invalid),
        }
        let now = clock::now();
        let claims = Claims::read(token.payload)?;
        let until = claims.check(&self.settings, now)?;
        let mut principal = claims.principal(&self.settings.paths)?;
        // A key that is withdrawn is noticed within the interval, by calls and by streams.
        let looked_at = self.source.rotates().then(|| now + self.settings.refresh);
        principal.valid_until = Some(looked_at.map_or(until, |at| at.min(until)));
        Ok(principal)
    }
}

impl Authenticator for Jwt {
    fn name(&self) -> &'static str {
        "jwt"
    }

    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Option<Principal>, Rejection>> {
        async move {
            match credentials.token.as_deref() {
                Some(token) if token::looks_signed(token) => self.verify(token).await.map(Some),
                _ => Ok(None),
            }
        }
        .boxed()
    }
}

/// What does not fit together, whatever the files hold.
fn problems(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    let mut problem = |is: bool, key: &str, text: &str| {
        if is {
            problems.push(format!("auth.jwt.{key} {text}"));
        }
    };
    let shared = settings.algorithms.iter().any(|algorithm| keys::is_shared(*algorithm));
    let public = settings.algorithms.iter().any(|algorithm| !keys::is_shared(*algorithm));
    let has_secret = !settings.secret.is_empty() || settings.secret_file.is_some();
    let has_public = !settings.public_key_files.is_empty() || settings.jwks_url.is_some();
    problem(settings.algorithms.is_empty(), "algorithms", "is empty: name those that tokens are signed with");
    problem(
        !settings.secret.is_empty() && settings.secret_file.is_some(),
        "secret_file",
        "names the secret, and so does auth.jwt.secret: give one of the two",
    );
    problem(
        shared && !has_secret && settings.jwks_file.is_none(),
        "secret",
        "is needed for HS256, HS384 and HS512: give it, or auth.jwt.secret_file",
    );
    problem(!shared && has_secret, "secret", "is given, but auth.jwt.algorithms names none of HS256, HS384 and HS512");
    problem(
        public && !has_public && settings.jwks_file.is_none(),
        "public_key_files",
        "is needed for the algorithms with public keys: give it, auth.jwt.jwks_file or auth.jwt.jwks_url",
    );
    problem(
        !public && has_public,
        "algorithms",
        "names no algorithm with public keys, but there are keys for such: name it, such as \"RS256\" or \"ES256\"",
    );
    problem(
        settings.jwks_url.is_some() && settings.audiences.is_empty(),
        "audience",
        "is needed with auth.jwt.jwks_url: tokens that the same issuer makes for other services would be let in",
    );
    if let Some(url) = &settings.jwks_url
        && let Err(why) = jwks::address(url)
    {
        problem(true, "jwks_url", why);
    }
    let Paths { subject, permissions, roles, namespaces } = &settings.paths;
    for (key, path) in [
        ("subject_claim", subject),
        ("permissions_claim", permissions),
        ("roles_claim", roles),
        ("namespaces_claim", namespaces),
    ] {
        problem(
            path.is_empty() || path.split('.').any(str::is_empty),
            key,
            "is no path of a claim, such as sub or a.b",
        );
    }
    problems
}
