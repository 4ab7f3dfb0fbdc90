//! What a payload may be: JSON text that Postgres can keep.

/// Why a text is no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is larger than the limit.
    #[error("has {bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It is not JSON.
    #[error("is not JSON: {0}")]
    NotJson(String),
    /// It holds the character NUL, which Postgres does not keep in jsonb.
    #[error("holds the character \\u0000, which cannot be stored")]
    Nul,
}

/// Checks that a text is JSON, not larger than the limit, and free of NUL.
pub fn check(text: &str, bytes_max: usize) -> Result<(), Refusal> {
    if text.len() > bytes_max {
        return Err(Refusal::TooLarge { bytes: text.len(), bytes_max });
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(Refusal::NotJson(error.to_string()));
    }
    if has_nul(text) { Err(Refusal::Nul) } else { Ok(()) }
}

/// Whether JSON text holds an escaped NUL; a raw one is not JSON.
fn has_nul(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        let backslashes = text.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        backslashes % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_storable_json_passes() {
        assert_eq!(check(r#"{"a": [1, "\\u0000"]}"#, 100), Ok(()));
        assert_eq!(check(r#"{"a": "\u0000"}"#, 100), Err(Refusal::Nul));
        assert_eq!(check(r#"{"a": "\\\u0000"}"#, 100), Err(Refusal::Nul));
        assert_eq!(check("12345", 5), Ok(()));
        assert_eq!(check("123456", 5), Err(Refusal::TooLarge { bytes: 6, bytes_max: 5 }));
        assert!(matches!(check("{", 100), Err(Refusal::NotJson(_))));
        assert!(matches!(check("{} {}", 100), Err(Refusal::NotJson(_))));
    }
}
