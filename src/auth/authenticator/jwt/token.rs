//! The three parts of a signed token, before anything of them is believed.

use std::str::FromStr as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::{Rejection, strict::Strict};

/// A key's name at most, in bytes.
const KID_BYTES_MAX: usize = 256;

/// A token whose form is right and whose header can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// What is signed: header and payload as they stand.
    pub message: &'a str,
    /// The payload, still encoded.
    pub payload: &'a str,
    /// The signature, still encoded.
    pub signature: &'a str,
    /// How the token says that it is signed.
    pub algorithm: Algorithm,
    /// The key that the token says it is signed with.
    pub kid: Option<String>,
}

/// Whether a text has the form of a signed token: three parts with a dot between.
pub fn looks_signed(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2 && text.starts_with(|first| first != '.')
}

impl<'a> Token<'a> {
    /// Reads the form and the header.
    pub fn read(text: &'a str) -> Result<Self, Rejection> {
        let (message, signature) = text.rsplit_once('.').ok_or(Rejection::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Rejection::Malformed)?;
        let Value::Object(header) = object(header)? else { return Err(Rejection::Malformed) };
        // Whoever signs such a token demands that we understand something that we do not.
        if header.contains_key("crit") {
            return Err(Rejection::Invalid);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Rejection::Malformed)?;
        let algorithm = Algorithm::from_str(algorithm).map_err(|_| Rejection::Invalid)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_BYTES_MAX => Some(kid.clone()),
            Some(_) => return Err(Rejection::Invalid),
        };
        Ok(Self { message, payload, signature, algorithm, kid })
    }
}

/// Decodes a part that is JSON; no name in it may stand twice.
pub(super) fn object(part: &str) -> Result<Value, Rejection> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::Malformed)?;
    serde_json::from_slice(&bytes).map(|Strict(value)| value).map_err(|_| Rejection::Malformed)
}
