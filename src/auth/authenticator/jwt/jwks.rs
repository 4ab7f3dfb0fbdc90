//! Key sets (JWKS): from a file, or fetched, bounded in size and time.

use std::{str::FromStr as _, time::Duration};

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, KeyOperations, PublicKeyUse},
};
use reqwest::{Client, Url, redirect::Policy};
use serde::Deserialize;
use serde_json::Value;

use super::keys::{Key, fitting, shared};

/// Keys of a set that are looked at.
const KEYS_MAX: usize = 256;
/// A fetched key set at most.
const BYTES_MAX: usize = 1 << 20;
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const FETCH_WITHIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// Whether a set may hold shared secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// It is ours alone.
    Allowed,
    /// Others can read it as well as we.
    Refused,
}

/// Reads a key set. Keys that are of no use here are left out.
pub(super) fn read(text: &[u8], algorithms: &[Algorithm], secrets: Secrets) -> Result<Vec<Key>, String> {
    let set: Set = serde_json::from_slice(text).map_err(|error| format!("is no key set: {error}"))?;
    if set.keys.len() > KEYS_MAX {
        return Err(format!("has {} keys, more than {KEYS_MAX}", set.keys.len()));
    }
    Ok(set.keys.into_iter().filter_map(|key| usable(key, algorithms, secrets)).collect())
}

/// A key of a set, pinned to the algorithm that it names or, if it names none, to those that fit its kind.
fn usable(key: Value, algorithms: &[Algorithm], secrets: Secrets) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let common = &jwk.common;
    if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    if common.key_operations.as_ref().is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
        return None;
    }
    let named = match common.key_algorithm {
        Some(named) => vec![Algorithm::from_str(&named.to_string()).ok()?],
        None => algorithms.to_vec(),
    };
    let wanted: Vec<Algorithm> = named.into_iter().filter(|algorithm| algorithms.contains(algorithm)).collect();
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    if key.family() == AlgorithmFamily::Hmac {
        let AlgorithmParameters::OctetKey(_) = &jwk.algorithm else { return None };
        let key = shared(key.try_get_as_bytes().ok()?, common.key_id.clone(), &wanted).ok()?;
        return (secrets == Secrets::Allowed && !key.algorithms.is_empty()).then_some(key);
    }
    let algorithms = fitting(&key, &wanted);
    (!algorithms.is_empty()).then(|| Key { kid: common.key_id.clone(), algorithms, key })
}

/// The address of a key set: what others could change on the way is not believed.
pub(super) fn address(url: &str) -> Result<Url, &'static str> {
    let url = Url::parse(url).map_err(|_| "is no URL, such as https://issuer.example/keys")?;
    let local = url.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if local => Ok(url),
        "http" => Err("must begin with https://: whoever is on the way could put other keys in"),
        _ => Err("must begin with https://"),
    }
}

/// Fetches a key set.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
    url: Url,
}

impl Fetcher {
    pub(super) fn new(url: Url) -> Result<Self, String> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(FETCH_WITHIN)
            .redirect(Policy::none())
            .user_agent(concat!("tasker/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| format!("cannot be fetched by this process: {error}"))?;
        Ok(Self { client, url })
    }

    pub(super) async fn fetch(&self, algorithms: &[Algorithm]) -> Result<Vec<Key>, String> {
        let mut response =
            self.client.get(self.url.clone()).send().await.map_err(|error| format!("does not answer: {error}"))?;
        if !response.status().is_success() {
            return Err(format!("answers {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| format!("breaks off: {error}"))? {
            if body.len() + chunk.len() > BYTES_MAX {
                return Err(format!("answers more than {BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let keys = read(&body, algorithms, Secrets::Refused)?;
        if keys.is_empty() { Err("has no key that auth.jwt.algorithms uses".to_owned()) } else { Ok(keys) }
    }
}
