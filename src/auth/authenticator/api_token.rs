//! Tokens that `tasker token create` made: the authenticator `api_token`.
//!
//! ```text
//! token = "tsk_" id "_" secret        id: 32 hexadecimal digits     secret: 64, of 32 random bytes
//! ```
//!
//! The database has the secret's hash only. A token is looked up by its id and the hashes are compared in constant
//! time, so that how long a refusal takes tells nothing of the secret. What is believed is looked at again soon, so that
//! calls and streams end when a token is taken back. Never: keeps a secret. Next: `lookups` bounds what look-ups cost.

use std::{
    fmt,
    net::IpAddr,
    str::FromStr,
    time::{Duration, SystemTime},
};

use futures::{FutureExt as _, future::BoxFuture};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{Authenticator, Credentials, Rejection};
use crate::{
    auth::{Principal, clock},
    store::{Store, api_tokens},
};

mod lookups;

use lookups::Lookups;

/// What all API tokens begin with, so that scanners for leaked secrets find them.
pub const PREFIX: &str = "tsk_";

/// How old the note of the last use may be before it is renewed.
const TOUCH_AFTER: Duration = Duration::from_secs(3_600);

/// The text of an API token, read. It prints without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: Uuid,
    secret: String,
}

/// A text is no API token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnApiToken;

impl ApiToken {
    /// A new token with a secret that nobody has had.
    pub fn generate() -> Self {
        let bytes: [u8; 32] = rand::random();
        let secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: Uuid::now_v7(), secret }
    }

    /// The whole token, to be shown once.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}_{}", self.id.simple(), self.secret)
    }

    /// What is stored of the secret.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// Whether a stored hash is that of this token's secret, in the same time for every hash.
    pub fn is(&self, stored: &[u8]) -> bool {
        self.secret_hash().ct_eq(stored).into()
    }
}

impl FromStr for ApiToken {
    type Err = NotAnApiToken;

    fn from_str(text: &str) -> Result<Self, NotAnApiToken> {
        let (id, secret) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(NotAnApiToken)?;
        let hexadecimal = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if !hexadecimal(id, 32) || !hexadecimal(secret, 64) {
            return Err(NotAnApiToken);
        }
        let id = Uuid::try_parse(id).map_err(|_| NotAnApiToken)?;
        Ok(Self { id, secret: secret.to_owned() })
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiToken({})", self.id)
    }
}

/// Believes API tokens.
#[derive(Debug)]
pub struct ApiTokens {
    store: Store,
    recheck: Duration,
    lookups: Lookups,
}

impl ApiTokens {
    /// Looks tokens up in a store, and again after this long while they are used.
    pub fn new(store: Store, recheck: Duration) -> Self {
        Self { store, recheck, lookups: Lookups::new() }
    }

    /// Whose token this is, as far as it is known without a look-up, else by one that waits for its turn.
    async fn verify(&self, text: &str, address: Option<IpAddr>) -> Result<Principal, Rejection> {
        let presented: ApiToken = text.parse().map_err(|_| Rejection::Malformed)?;
        let fingerprint = Sha256::digest(text.as_bytes()).into();
        if let Some(rejection) = self.lookups.refused(&fingerprint) {
            return Err(rejection);
        }
        let _turn = self.lookups.turn(presented.id, address).await?;
        let found = self.look_up(&presented).await;
        self.lookups.note(fingerprint, presented.id, found.as_ref().err().copied());
        found
    }

    async fn look_up(&self, presented: &ApiToken) -> Result<Principal, Rejection> {
        let stored = api_tokens::find(&self.store, presented.id).await.map_err(|error| {
            tracing::warn!(%error, "API tokens cannot be looked up");
            Rejection::Unavailable
        })?;
        // One that does not exist is compared as well.
        let hash = stored.as_ref().map_or(&[0; 32][..], |stored| &stored.secret_hash);
        let is_same = presented.is(hash);
        let Some(stored) = stored.filter(|_| is_same) else { return Err(Rejection::Invalid) };
        if stored.revoked_at.is_some() {
            return Err(Rejection::Revoked);
        }
        if stored.is_expired {
            return Err(Rejection::Expired);
        }
        let now = clock::now();
        self.note_use(&stored, now).await;
        let mut principal = Principal::new(stored.subject, "api_token");
        principal.grants = stored.grants.iter().filter_map(|grant| grant.parse().ok()).collect();
        principal.roles = stored.roles;
        principal.namespaces = stored.namespaces.map(|names| names.into_iter().collect());
        principal.valid_until = Some((now + self.recheck).min(stored.expires_at.into()));
        Ok(principal)
    }

    /// Notes the use once an hour; whether that succeeds is of no matter for the call.
    async fn note_use(&self, stored: &api_tokens::ApiToken, now: SystemTime) {
        let used = stored.last_used_at.map(SystemTime::from);
        let is_noted = used.is_some_and(|used| now.duration_since(used).is_ok_and(|since| since < TOUCH_AFTER));
        if !is_noted && let Err(error) = api_tokens::touch(&self.store, stored.token_id).await {
            tracing::debug!(%error, "the use of an API token cannot be noted");
        }
    }
}

impl Authenticator for ApiTokens {
    fn name(&self) -> &'static str {
        "api_token"
    }

    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Option<Principal>, Rejection>> {
        async move {
            match credentials.token.as_deref() {
                Some(token) if token.starts_with(PREFIX) => self.verify(token, credentials.address).await.map(Some),
                _ => Ok(None),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_text_and_does_not_print_its_secret() {
        let token = ApiToken::generate();
        let text = token.expose();
        assert_eq!((text.len(), text.parse::<ApiToken>()), (4 + 32 + 1 + 64, Ok(token.clone())));
        assert!(!format!("{token:?}").contains(&token.secret));
        assert_ne!(ApiToken::generate().expose(), text);
    }

    #[test]
    fn hashes_are_compared_and_not_secrets() {
        let token = ApiToken::generate();
        assert!(token.is(&token.secret_hash()));
        assert!(!token.is(token.secret.as_bytes()));
        assert!(!token.is(&[0; 32]));
        assert!(!token.is(&[]));
        assert!(!token.is(&token.secret_hash()[..31]));
        let mut other = token.secret_hash();
        other[31] ^= 1;
        assert!(!token.is(&other));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let good = ApiToken::generate().expose();
        let upper = format!("{PREFIX}{}", good[PREFIX.len()..].to_uppercase());
        let spaced = format!("{good} ");
        let long = format!("{good}0");
        for text in ["", "tsk_", "tsk__", "tsk_a_b", "TSK_a_b", &good[1..], &good[..100], &upper, &spaced, &long] {
            assert_eq!(text.parse::<ApiToken>(), Err(NotAnApiToken), "{text}");
        }
    }
}
