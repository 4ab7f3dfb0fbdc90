//! How a caller proves who it is.
//!
//! An authenticator is one file that implements [`Authenticator`]; the gate asks each in the configured order until
//! one knows the kind of credentials. Its constructor checks its own configuration and reports every problem.

pub mod api_token;
pub mod jwt;
pub mod mtls;

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

use super::principal::Principal;
use crate::error::{Error, Reason};

/// What a caller showed.
#[derive(Clone, Default)]
pub struct Credentials {
    /// The bearer token, without the word `Bearer`.
    pub token: Option<Arc<str>>,
    /// The client's certificate in DER, verified against the configured authorities by the transport.
    pub certificate: Option<Arc<[u8]>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
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
