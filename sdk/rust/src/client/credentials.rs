//! Bearer tokens: owns where one comes from and keeps it out of logs.

use std::{fmt, path::Path};

use http::HeaderValue;

use crate::errors::{Error, Result};

/// The environment variable that a token is read from.
pub const TOKEN_VARIABLE: &str = "TASKER_TOKEN";

/// A bearer token; it prints as `[redacted]`.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Takes a token as it is.
    pub fn new(token: &str) -> Result<Self> {
        let token = token.trim();
        if token.is_empty() {
            return Err(Error::Setup("the token is empty".into()));
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Error::Setup("the token has characters that a header cannot carry".into()))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// Reads a token from a file; surrounding space is ignored.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Setup(format!("the token file {} cannot be read: {error}", path.display())))?;
        Self::new(&text)
    }

    /// Reads a token from the environment variable `TASKER_TOKEN`; `None` when it is not set.
    pub fn from_env() -> Result<Option<Self>> {
        match std::env::var_os(TOKEN_VARIABLE) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => value
                .to_str()
                .ok_or_else(|| Error::Setup(format!("{TOKEN_VARIABLE} is not text")))
                .and_then(Self::new)
                .map(Some),
        }
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_checked_and_never_printed() {
        let token = Token::new(" secret\n").expect("fine");
        assert_eq!(token.header().to_str().ok(), Some("Bearer secret"));
        assert_eq!(format!("{token:?} {:?}", token.header()), "Token([redacted]) Sensitive");
        assert!(Token::new(" ").is_err());
        assert!(Token::new("a\nb").is_err());
    }
}
