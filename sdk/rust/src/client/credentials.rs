//! Bearer tokens: owns where one comes from, reads a file again when it changes, and keeps tokens out of logs.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use http::HeaderValue;

use crate::errors::{Error, Result};

/// The environment variable that a token is read from.
pub const TOKEN_VARIABLE: &str = "TASKER_TOKEN";

/// The environment variable that names a file with a token; it goes before the other.
pub const TOKEN_FILE_VARIABLE: &str = "TASKER_TOKEN_FILE";

/// How often a file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A bearer token; it prints as `[redacted]`. One from a file follows the file.
#[derive(Clone)]
pub struct Token(Source);

#[derive(Clone)]
enum Source {
    Fixed(HeaderValue),
    File(Arc<File>),
}

struct File {
    path: PathBuf,
    seen: Mutex<Seen>,
}

struct Seen {
    value: HeaderValue,
    stamp: Option<Stamp>,
    looked_at: Instant,
}

/// What changes when a file does.
type Stamp = (SystemTime, u64);

impl Token {
    /// Takes a token as it is.
    pub fn new(token: &str) -> Result<Self> {
        header(token).map(Source::Fixed).map(Self)
    }

    /// Reads a token from a file; surrounding space is ignored. When the file changes, calls from then on carry what it
    /// holds, and a worker refreshes its session with it. While it cannot be read, the last token stays.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let stamp = stamp(&path);
        let seen = Mutex::new(Seen { value: read(&path)?, stamp, looked_at: Instant::now() });
        Ok(Self(Source::File(Arc::new(File { path, seen }))))
    }

    /// Reads a token from the file that the environment variable `TASKER_TOKEN_FILE` names, else from `TASKER_TOKEN`;
    /// `None` when neither is set.
    pub fn from_env() -> Result<Option<Self>> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(path) = set(TOKEN_FILE_VARIABLE) {
            return Self::from_file(PathBuf::from(path)).map(Some);
        }
        set(TOKEN_VARIABLE)
            .map(|value| {
                let text = value.to_str().ok_or_else(|| Error::Setup(format!("{TOKEN_VARIABLE} is not text")))?;
                Self::new(text)
            })
            .transpose()
    }

    /// Whether it can change.
    pub(crate) const fn is_from_file(&self) -> bool {
        matches!(self.0, Source::File(_))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        match &self.0 {
            Source::Fixed(value) => value.clone(),
            Source::File(file) => file.current(),
        }
    }

    /// The token itself, as it is now.
    pub(crate) fn text(&self) -> String {
        let header = self.header();
        header.to_str().unwrap_or_default().trim_start_matches("Bearer ").to_owned()
    }
}

impl File {
    fn current(&self) -> HeaderValue {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked_at.elapsed() >= LOOK_EVERY {
            seen.looked_at = Instant::now();
            let stamp = stamp(&self.path);
            if stamp.is_some() && stamp != seen.stamp {
                match read(&self.path) {
                    Ok(value) => {
                        seen.value = value;
                        seen.stamp = stamp;
                    }
                    Err(error) => tracing::warn!(%error, "the token file has changed and cannot be used"),
                }
            }
        }
        seen.value.clone()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<HeaderValue> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::Setup(format!("the token file {} cannot be read: {error}", path.display())))?;
    header(&text)
}

fn header(token: &str) -> Result<HeaderValue> {
    let token = token.trim();
    if token.is_empty() {
        return Err(Error::Setup("the token is empty".into()));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Error::Setup("the token has characters that a header cannot carry".into()))?;
    value.set_sensitive(true);
    Ok(value)
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

    #[test]
    fn a_token_follows_its_file() {
        let path = std::env::temp_dir().join(format!("tasker-token-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, "first\n").expect("it is written");
        let token = Token::from_file(&path).expect("fine");
        assert_eq!(token.text(), "first");
        let look_again = |token: &Token| {
            let Source::File(file) = &token.0 else { panic!("it is from a file") };
            file.seen.lock().expect("fine").looked_at -= LOOK_EVERY;
            token.text()
        };
        std::fs::write(&path, "the second").expect("it is written");
        assert_eq!(look_again(&token), "the second");
        std::fs::write(&path, " ").expect("it is written");
        assert_eq!(look_again(&token), "the second");
        std::fs::remove_file(&path).expect("it is removed");
        assert_eq!(look_again(&token), "the second");
        assert!(Token::from_file(&path).is_err());
    }
}
