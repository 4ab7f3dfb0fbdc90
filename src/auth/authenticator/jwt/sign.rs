//! Makes tokens for development, signed with a shared secret. Whoever has the secret can make any: in production, tokens
//! come from an identity provider.

use std::time::SystemTime;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::{Paths, keys::SECRET_BYTES_MIN};

/// What a token shall claim.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Who it is.
    pub subject: &'a str,
    /// What is granted.
    pub grants: &'a [String],
    /// The roles.
    pub roles: &'a [String],
    /// The only namespaces; none for any.
    pub namespaces: &'a [String],
    /// Who issues it.
    pub issuer: Option<&'a str>,
    /// Whom it is for.
    pub audience: Option<&'a str>,
    /// From when.
    pub issued_at: SystemTime,
    /// Until when.
    pub expires_at: SystemTime,
    /// Where the claims go.
    pub paths: &'a Paths,
}

/// Signs a token with HS256; the error says what is wrong with the secret.
pub fn sign(secret: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!("the secret has {} bytes, and must have at least {SECRET_BYTES_MIN}", secret.len()));
    }
    let mut claims = Map::new();
    claims.insert("iat".to_owned(), json!(seconds(wanted.issued_at)));
    claims.insert("exp".to_owned(), json!(seconds(wanted.expires_at)));
    for (name, value) in [("iss", wanted.issuer), ("aud", wanted.audience)] {
        claims.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    put(&mut claims, &wanted.paths.subject, json!(wanted.subject));
    let lists = [
        (&wanted.paths.permissions, wanted.grants),
        (&wanted.paths.roles, wanted.roles),
        (&wanted.paths.namespaces, wanted.namespaces),
    ];
    for (path, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        put(&mut claims, path, json!(list));
    }
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|error| error.to_string())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Puts a claim where it is looked for.
fn put(claims: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        Some((first, rest)) if !path.contains("://") => {
            let inner = claims.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
        _ => {
            claims.insert(path.to_owned(), value);
        }
    }
}
