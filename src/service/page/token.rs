//! Page tokens.
//!
//! Owns: their form. A token is base64url text of four bytes that stand for the request, four bytes of a checksum
//! over all of it, and the cursor in binary: about forty characters for a list of tasks. A token with another
//! request, or one that is cut or altered, is refused instead of giving a page of something else. A token carries no
//! authority; it only says where the list goes on.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    error::{Error, Reason, Result},
    store::pages,
};

/// The longest token that is looked at. The longest that is made names an event and has less than 400 characters.
const TOKEN_CHARS_MAX: usize = 4_096;

/// The bytes that stand for the request, and as many of the checksum.
const MARK_BYTES: usize = 4;

/// The request that a token belongs to: the method and everything that decides which rows it lists in which
/// order. The page size is not part of it, it may change from page to page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding([u8; MARK_BYTES]);

impl Binding {
    /// The binding to a request, for instance `&("ListHandlers", namespace)`.
    pub fn to(request: &impl Serialize) -> Self {
        let request = serde_json::to_vec(request).expect("filters are plain values");
        Self(mark(&[&request]))
    }

    /// The token with which the page after `cursor` is asked for.
    pub fn seal(&self, cursor: &impl Cursor) -> String {
        let mut place = Vec::new();
        cursor.write(&mut place);
        let sealed = [&self.0[..], &mark(&[&self.0, &place]), &place].concat();
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The cursor of a token; `None` for the empty token of the first page.
    pub fn open<C: Cursor>(&self, token: &str) -> Result<Option<C>> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused = |why| Err(Error::new(Reason::PageTokenInvalid, why));
        let Some((request, place)) = unsealed(token) else { return refused("the page token is malformed") };
        if request != self.0 {
            return refused("the page token belongs to another request");
        }
        let mut rest = place.as_slice();
        match C::read(&mut rest).filter(|_| rest.is_empty()) {
            Some(cursor) => Ok(Some(cursor)),
            None => refused("the page token is malformed"),
        }
    }
}

/// The request's mark and the cursor of a token that is whole.
fn unsealed(token: &str) -> Option<([u8; MARK_BYTES], Vec<u8>)> {
    if token.len() > TOKEN_CHARS_MAX {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (request, rest) = sealed.split_first_chunk::<MARK_BYTES>()?;
    let (checksum, place) = rest.split_first_chunk::<MARK_BYTES>()?;
    (*checksum == mark(&[request, place])).then(|| (*request, place.to_vec()))
}

/// The first bytes of the hash of the parts.
fn mark(parts: &[&[u8]]) -> [u8; MARK_BYTES] {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    std::array::from_fn(|place| hash[place])
}

/// The place in a list after which a page begins, as bytes.
pub trait Cursor: Sized {
    /// Appends the bytes.
    fn write(&self, to: &mut Vec<u8>);
    /// Takes the bytes off the front; `None` when they are no cursor of this kind.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// Takes so many bytes off the front.
fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*taken)
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Cursor for $number {
            fn write(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_be_bytes());
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                take(from).map(Self::from_be_bytes)
            }
        }
    )*};
}

numbers!(i64, i32, u16, u32, u64);

impl Cursor for String {
    fn write(&self, to: &mut Vec<u8>) {
        // Names have a limit far below; a longer text would be cut, and its token refused.
        u16::try_from(self.len()).unwrap_or(u16::MAX).write(to);
        to.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::from(u16::read(from)?);
        let (text, rest) = from.split_at_checked(length)?;
        *from = rest;
        Self::from_utf8(text.to_vec()).ok()
    }
}

impl Cursor for Uuid {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        take(from).map(Self::from_bytes)
    }
}

impl<A: Cursor, B: Cursor> Cursor for (A, B) {
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

impl Cursor for pages::Cursor {
    fn write(&self, to: &mut Vec<u8>) {
        self.task.write(to);
        self.requested_at.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self { task: Uuid::read(from)?, requested_at: i64::read(from)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Place = (String, i64);

    fn refusal(token: &str) -> String {
        let error = Binding::to(&("ListTasks", "default")).open::<Place>(token).unwrap_err();
        assert_eq!(error.reason(), Reason::PageTokenInvalid);
        error.message().to_owned()
    }

    #[test]
    fn a_token_opens_with_its_own_request() {
        let binding = Binding::to(&("ListTasks", "default"));
        let cursor: Place = ("größe \"7\"".to_owned(), i64::MIN);
        let token = binding.seal(&cursor);
        assert_eq!(binding.open(&token).unwrap(), Some(cursor));
        assert_eq!(binding.open::<Place>("").unwrap(), None);
    }

    #[test]
    fn the_token_of_a_list_of_tasks_is_short_and_needs_no_quotes() {
        let binding = Binding::to(&("ListTasks", "default"));
        let cursor = pages::Cursor { task: Uuid::from_u128(u128::MAX), requested_at: i64::MAX };
        let token = binding.seal(&cursor);
        assert_eq!(token.len(), 43);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{token}");
        assert_eq!(binding.open(&token).unwrap(), Some(cursor));
    }

    #[test]
    fn a_token_of_another_request_is_refused() {
        for other in [("ListTasks", "billing"), ("ListSteps", "default")] {
            let token = Binding::to(&other).seal(&("a".to_owned(), 1_i64));
            assert_eq!(refusal(&token), "the page token belongs to another request");
        }
    }

    #[test]
    fn a_token_that_is_cut_or_altered_is_refused() {
        let binding = Binding::to(&("ListTasks", "default"));
        let sealed = binding.seal(&("a".to_owned(), 1_i64));
        let wrong_cursor = binding.seal(&"only text".to_owned());
        let too_much = binding.seal(&(("a".to_owned(), 1_i64), 0_u16));
        let long = "A".repeat(TOKEN_CHARS_MAX + 1);
        let mut tokens: Vec<String> =
            ["x", "zz", "ä", "+7+7", &wrong_cursor, &too_much, &long].map(str::to_owned).into();
        for place in 0..sealed.len() {
            let other = if sealed.as_bytes()[place] == b'A' { "B" } else { "A" };
            tokens.push(format!("{}{other}{}", &sealed[..place], &sealed[place + 1..]));
            tokens.extend((place > 0).then(|| sealed[..place].to_owned()));
        }
        for token in tokens {
            assert_eq!(refusal(&token), "the page token is malformed", "{token}");
        }
    }
}
