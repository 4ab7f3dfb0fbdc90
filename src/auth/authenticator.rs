//! How a caller proves who it is.
//!
//! An authenticator is one file that implements [`Authenticator`]; the gate asks each in the configured order until
//! one knows the kind of credentials. Its constructor checks its own configuration and reports every problem.

pub mod api_token;
pub mod jwt;
pub mod mtls;

use std::{fmt, net::IpAddr, sync::Arc};

use futures::future::BoxFuture;
use http::{HeaderMap, header::AUTHORIZATION};

use super::principal::Principal;
use crate::error::{Error, Reason};

/// What a caller showed.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The bearer token, without the word `Bearer`.
    pub token: Option<Arc<str>>,
    /// The client's certificate in DER, verified against the configured authorities by the transport.
    pub certificate: Option<Arc<[u8]>>,
    /// The address that they came from; `None` on a socket of this machine.
    pub address: Option<IpAddr>,
}

impl Credentials {
    /// What stands in a request's headers: one `authorization: Bearer TOKEN` at most.
    pub fn of_headers(headers: &HeaderMap) -> Result<Self, Rejection> {
        let mut headers = headers.get_all(AUTHORIZATION).iter();
        let header = headers.next();
        if headers.next().is_some() {
            return Err(Rejection::Ambiguous);
        }
        let token = header.map(|header| {
            let text = header.to_str().map_err(|_| Rejection::Malformed)?;
            bearer(text).map(Arc::from).ok_or(Rejection::Malformed)
        });
        Ok(Self { token: token.transpose()?, ..Self::default() })
    }
}

/// The token of a header's value. The scheme may be written in any case; there is exactly one token.
fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
        .then_some(token)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
            .field("address", &self.address)
            .field("certificate", &self.certificate.as_ref().map(|certificate| certificate.len()))
            .finish()
    }
}

/// Why credentials are not accepted, in terms that a caller may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// There are none.
    Missing,
    /// They are not of a form that anybody here knows.
    Malformed,
    /// There is more than one authorization header.
    Ambiguous,
    /// They are larger than they may be.
    TooLarge,
    /// They were good once.
    Expired,
    /// They are not good yet.
    NotYetValid,
    /// They are meant for somebody else.
    WrongAudience,
    /// They were made by somebody else.
    WrongIssuer,
    /// They were taken back.
    Revoked,
    /// A stream's fresh credentials are those of another subject.
    OtherSubject,
    /// Anything else that is wrong with them: signature, key, algorithm, claims. Callers are told no more.
    Invalid,
    /// Nobody can tell now: the keys or the store are unavailable. Coming back is worth while.
    Unavailable,
}

impl Rejection {
    /// The stable name, as sent in the metadata and counted.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Ambiguous => "ambiguous",
            Self::TooLarge => "too_large",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::WrongIssuer => "wrong_issuer",
            Self::Revoked => "revoked",
            Self::OtherSubject => "other_subject",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Missing => "credentials are required: send `authorization: Bearer TOKEN`",
            Self::Malformed => "the credentials are malformed: send `authorization: Bearer TOKEN`",
            Self::Ambiguous => "there is more than one authorization header",
            Self::TooLarge => "the token is too large",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::WrongAudience => "the token is meant for another audience",
            Self::WrongIssuer => "the token is from another issuer",
            Self::Revoked => "the token was revoked",
            Self::OtherSubject => "the fresh token belongs to another subject",
            Self::Invalid => "the credentials are not valid",
            Self::Unavailable => "credentials cannot be checked at the moment",
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let reason = match rejection {
            Rejection::Unavailable => Reason::AuthenticatorUnavailable,
            _ => Reason::Unauthenticated,
        };
        Self::new(reason, rejection.message()).with("problem", rejection.label())
    }
}

/// Tells whose credentials are shown.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Its name in the configuration, in audit records and metrics.
    fn name(&self) -> &'static str;

    /// Whose credentials these are; `None` when they are of a kind that it does not know, so that the next one is
    /// asked. What it vouches for is remembered by the gate until `valid_until`.
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Option<Principal>, Rejection>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[&str], expected: Result<Option<&str>, Rejection>) {
        let mut given = HeaderMap::new();
        for header in headers {
            given.append(AUTHORIZATION, header.parse().unwrap());
        }
        let seen = Credentials::of_headers(&given).map(|credentials| credentials.token);
        assert_eq!(seen.as_ref().map(Option::as_deref), expected.as_ref().map(|token| *token), "{headers:?}");
    }

    #[test]
    fn there_is_one_token_or_none() {
        check(&[], Ok(None));
        check(&["Bearer a.b.c"], Ok(Some("a.b.c")));
        check(&["bearer a.b.c"], Ok(Some("a.b.c")));
        check(&["Bearer  a.b.c "], Ok(Some("a.b.c")));
        check(&["Bearer a", "Bearer a"], Err(Rejection::Ambiguous));
        for odd in ["", "Bearer", "Bearer ", "Basic YTpi", "a.b.c", "Bearer a b", "Bearer a\tb", "Bearer,a"] {
            check(&[odd], Err(Rejection::Malformed));
        }
    }
}
