//! Keys, each pinned to the algorithms that it is for.
//!
//! A key's kind is a property of the key: a secret checks HS signatures only, a public key never does, whatever the
//! token's header says.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};

use super::token::Token;

/// A shared secret at least, in bytes.
pub(super) const SECRET_BYTES_MIN: usize = 32;

/// Keys that one token is tried with at most.
const TRIES_MAX: usize = 16;

/// A key and what it may check.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
}

/// What came of checking a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the keys has signed it.
    Good,
    /// The key that it names has not signed it.
    Bad,
    /// It names a key that is not here, or names none and none of ours has signed it.
    Unknown,
}

/// Whether an algorithm has a secret on both sides.
pub(super) const fn is_shared(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

/// The keys that there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    /// From settings and files.
    pub(super) local: Arc<[Key]>,
    /// From the URL; `None` before they were fetched.
    pub(super) fetched: Option<Arc<[Key]>>,
    /// Whether the last attempt to read some of them failed.
    pub(super) failed: bool,
    pub(super) has_url: bool,
    /// Whether they were looked for since the start.
    pub(super) looked: bool,
}

impl Keys {
    /// Whether keys may be missing because the URL does not answer.
    pub(super) const fn is_unavailable(&self) -> bool {
        self.has_url && (self.failed || self.fetched.is_none())
    }

    /// Checks a signature.
    pub(super) fn check(&self, token: &Token<'_>) -> Verdict {
        let all = || {
            let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
            self.local.iter().chain(self.fetched.iter().flat_map(|keys| keys.iter())).filter(fits)
        };
        let signed = |key: &Key| {
            crypto::verify(token.signature, token.message.as_bytes(), &key.key, token.algorithm).unwrap_or(false)
        };
        if token.kid.is_some() {
            let mut named = all().filter(|key| key.kid == token.kid).take(TRIES_MAX).peekable();
            if named.peek().is_some() {
                return if named.any(signed) { Verdict::Good } else { Verdict::Bad };
            }
        }
        // Keys that have no name of their own are for every token.
        let mut candidates = all().filter(|key| key.kid.is_none() || token.kid.is_none()).take(TRIES_MAX);
        if candidates.any(signed) { Verdict::Good } else { Verdict::Unknown }
    }
}

/// The key of a shared secret.
pub(super) fn shared(secret: &[u8], kid: Option<String>, algorithms: &[Algorithm]) -> Result<Key, String> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!("has {} bytes, and must have at least {SECRET_BYTES_MIN}", secret.len()));
    }
    let algorithms = algorithms.iter().copied().filter(|algorithm| is_shared(*algorithm)).collect();
    Ok(Key { kid, algorithms, key: DecodingKey::from_secret(secret) })
}

/// The public keys of a PEM file, with those of the algorithms that each is for.
pub(super) fn pem(text: &str, algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for block in text.split("-----BEGIN ").skip(1) {
        let label = block.split("-----").next().unwrap_or_default();
        if label.contains("PRIVATE") {
            return Err("holds a private key: give its public half, and keep the private one elsewhere".to_owned());
        }
        if !matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY") {
            return Err(format!(
                "holds a {label}: give a PUBLIC KEY (openssl x509 -pubkey makes one of a certificate)"
            ));
        }
        let key = public(format!("-----BEGIN {block}").as_bytes())
            .ok_or_else(|| "holds a public key that cannot be read, or of a kind that is not supported".to_owned())?;
        let algorithms = fitting(&key, algorithms);
        if algorithms.is_empty() {
            return Err(format!("holds a key ({:?}) that none of auth.jwt.algorithms uses", key.family()));
        }
        keys.push(Key { kid: None, algorithms, key });
    }
    if keys.is_empty() { Err("holds no PEM block".to_owned()) } else { Ok(keys) }
}

fn public(pem: &[u8]) -> Option<DecodingKey> {
    let rsa = DecodingKey::from_rsa_pem(pem);
    let key = rsa.or_else(|_| DecodingKey::from_ec_pem(pem)).or_else(|_| DecodingKey::from_ed_pem(pem));
    key.ok()
}

/// Those of the algorithms that a public key is for.
pub(super) fn fitting(key: &DecodingKey, algorithms: &[Algorithm]) -> Vec<Algorithm> {
    let point_bytes = key.try_get_as_bytes().map_or(0, <[u8]>::len);
    let fits = |algorithm: &Algorithm| {
        algorithm.family() == key.family()
            && match algorithm {
                // An uncompressed point: a tag and two coordinates.
                Algorithm::ES256 => point_bytes == 1 + 2 * 32,
                Algorithm::ES384 => point_bytes == 1 + 2 * 48,
                _ => key.family() != AlgorithmFamily::Hmac,
            }
    };
    algorithms.iter().copied().filter(fits).collect()
}
