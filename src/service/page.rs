//! Pages of lists.
//!
//! Owns: page sizes, and page tokens: opaque to callers, and bound to the request they came from, so that a
//! token used with other filters is refused instead of giving a page of something else. A token carries no
//! authority; it only says where to go on. Next: `store`, whose lists start after a cursor.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::error::{Error, Reason, Result, Violation};

/// Rows of a page when the caller does not say.
pub const SIZE_DEFAULT: i64 = 100;

/// Rows of a page at most; larger wishes get this many. A page of 1,000 tasks is about 1 MiB.
pub const SIZE_MAX: i64 = 1_000;

/// The longest token that is looked at. Ours are a few hundred bytes.
const TOKEN_BYTES_MAX: usize = 8_192;

/// The size of the page for what the request's `page_size` says.
pub fn size(requested: i32) -> Result<i64, Violation> {
    match i64::from(requested) {
        0 => Ok(SIZE_DEFAULT),
        1.. => Ok(i64::from(requested).min(SIZE_MAX)),
        _ => Err(Violation { field: "page_size".to_owned(), description: "must not be negative".to_owned() }),
    }
}

/// The request that a token belongs to: the method and everything that decides which rows it lists in which
/// order. The page size is not part of it, it may change from page to page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<C> {
    /// The request.
    r: String,
    /// The cursor.
    c: C,
}

impl Binding {
    /// The binding to a request, for instance `&("ListHandlers", namespace)`.
    pub fn to(request: &impl Serialize) -> Self {
        let request = serde_json::to_vec(request).expect("filters are plain values");
        let hash = Sha256::digest(request);
        Self(hex(&hash[..8]))
    }

    /// The token with which the page after `cursor` is asked for.
    pub fn seal(&self, cursor: &impl Serialize) -> String {
        let body = Body { r: self.0.clone(), c: cursor };
        hex(&serde_json::to_vec(&body).expect("cursors are plain values"))
    }

    /// The cursor of a token; `None` for the empty token of the first page.
    pub fn open<C: DeserializeOwned>(&self, token: &str) -> Result<Option<C>> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = |why| Err(Error::new(Reason::PageTokenInvalid, why));
        let body = unhex(token).and_then(|bytes| serde_json::from_slice::<Body<serde_json::Value>>(&bytes).ok());
        let Some(body) = body else { return refused("the page token is malformed") };
        if body.r != self.0 {
            return refused("the page token belongs to another request");
        }
        match serde_json::from_value(body.c) {
            Ok(cursor) => Ok(Some(cursor)),
            Err(_) => refused("the page token is malformed"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > TOKEN_BYTES_MAX || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cursor = (String, i64);

    fn refusal(token: &str) -> String {
        let error = Binding::to(&("ListTasks", "default")).open::<Cursor>(token).unwrap_err();
        assert_eq!(error.reason(), Reason::PageTokenInvalid);
        error.message().to_owned()
    }

    #[test]
    fn a_token_opens_with_its_own_request() {
        let binding = Binding::to(&("ListTasks", "default"));
        let cursor: Cursor = ("größe \"7\"".to_owned(), i64::MIN);
        let token = binding.seal(&cursor);
        assert_eq!(binding.open(&token).unwrap(), Some(cursor));
        assert_eq!(binding.open::<Cursor>("").unwrap(), None);
    }

    #[test]
    fn a_token_of_another_request_is_refused() {
        for other in [("ListTasks", "billing"), ("ListSteps", "default")] {
            let token = Binding::to(&other).seal(&("a", 1));
            assert_eq!(refusal(&token), "the page token belongs to another request");
        }
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let sealed = Binding::to(&("ListTasks", "default")).seal(&("a", 1));
        let wrong_cursor = Binding::to(&("ListTasks", "default")).seal(&"only text");
        let long = "00".repeat(TOKEN_BYTES_MAX);
        for token in ["x", "zz", "7b7d", "ä", "+7+7", &sealed[2..], &sealed[..sealed.len() - 2], &wrong_cursor, &long]
        {
            assert_eq!(refusal(token), "the page token is malformed", "{token}");
        }
    }

    #[test]
    fn sizes_have_a_default_and_a_most() {
        assert_eq!(size(0), Ok(100));
        assert_eq!(size(1), Ok(1));
        assert_eq!(size(1_000), Ok(1_000));
        assert_eq!(size(1_001), Ok(1_000));
        assert_eq!(size(-1).unwrap_err().field, "page_size");
    }
}
