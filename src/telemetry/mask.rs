//! Hides values that should not be told.

use std::{borrow::Cow, sync::Arc};

/// Hides the values of keys that contain one of some words, in any case.
#[derive(Debug, Clone)]
pub struct Mask(Arc<Words>);

#[derive(Debug)]
struct Words {
    words: Vec<String>,
    mask: String,
}

impl Mask {
    /// Hides what these words name, behind this text.
    pub fn new(words: &[String], mask: &str) -> Self {
        let words = words.iter().map(|word| word.to_lowercase()).filter(|word| !word.is_empty()).collect();
        Self(Arc::new(Words { words, mask: mask.to_owned() }))
    }

    /// Whether the values of this key are hidden.
    pub fn hides(&self, key: &str) -> bool {
        let key = key.to_lowercase();
        self.0.words.iter().any(|word| key.contains(word.as_str()))
    }

    /// The value, or the mask.
    pub fn value<'a>(&'a self, key: &str, value: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(if self.hides(key) { self.0.mask.as_str() } else { value })
    }

    /// What stands in the place of hidden values.
    pub fn text(&self) -> &str {
        &self.0.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case() {
        let mask = Mask::new(&["passw".to_owned(), "Token".to_owned(), String::new()], "[FILTERED]");
        for hidden in ["password", "PASSWORD", "api_token", "lease_token", "db_passwd"] {
            assert_eq!(mask.value(hidden, "x"), "[FILTERED]", "{hidden}");
        }
        for shown in ["pass", "name", ""] {
            assert_eq!(mask.value(shown, "x"), "x", "{shown}");
        }
    }
}
