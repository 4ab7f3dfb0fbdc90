//! Makes tokens for development, signed with a shared secret or a private key. Whoever has it can make any: in
//! production, tokens come from an identity provider.

use std::time::SystemTime;

use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::{
    Paths,
    keys::{SECRET_BYTES_MIN, is_shared},
};

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

/// A key that signs, with the algorithm that it is for.
#[derive(Clone)]
pub struct Key {
    algorithm: Algorithm,
    kid: Option<String>,
    key: EncodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Key {
    /// A shared secret, for one of the HS algorithms; the error says what is wrong with it.
    pub fn secret(algorithm: Algorithm, secret: &str) -> Result<Self, String> {
        if !is_shared(algorithm) {
            return Err(format!("{algorithm:?} signs with a private key, not with a secret"));
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(format!("the secret has {} bytes, and must have at least {SECRET_BYTES_MIN}", secret.len()));
        }
        Ok(Self { algorithm, kid: None, key: EncodingKey::from_secret(secret.as_bytes()) })
    }

    /// A private key in PEM, for one of the other algorithms; the error says what is wrong with it.
    pub fn private(algorithm: Algorithm, pem: &[u8]) -> Result<Self, String> {
        let key = match algorithm.family() {
            AlgorithmFamily::Hmac => return Err(format!("{algorithm:?} signs with a secret, not with a private key")),
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem),
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem),
            AlgorithmFamily::Ed => EncodingKey::from_ed_pem(pem),
        };
        let key = key.map_err(|_| format!("the file holds no private key in PEM that fits {algorithm:?}"))?;
        Ok(Self { algorithm, kid: None, key })
    }

    /// The same with a name, which tells the server which of its keys checks the token.
    #[must_use]
    pub fn named(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }
}

/// Signs a token; the error says why the key cannot.
pub fn sign(key: &Key, wanted: &Wanted<'_>) -> Result<String, String> {
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
    let header = Header { kid: key.kid.clone(), ..Header::new(key.algorithm) };
    let cannot = |error| format!("the key does not sign with {:?}: {error}", key.algorithm);
    encode(&header, &claims, &key.key).map_err(cannot)
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

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::*;

    fn wanted(paths: &Paths) -> Wanted<'_> {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
        Wanted {
            subject: "me",
            grants: &[],
            roles: &[],
            namespaces: &[],
            issuer: None,
            audience: None,
            issued_at: now,
            expires_at: now,
            paths,
        }
    }

    #[test]
    fn tokens_of_every_kind_of_key_are_good() {
        let kinds = [
            (Algorithm::RS256, &rcgen::PKCS_RSA_SHA256),
            (Algorithm::PS512, &rcgen::PKCS_RSA_SHA256),
            (Algorithm::ES256, &rcgen::PKCS_ECDSA_P256_SHA256),
            (Algorithm::ES384, &rcgen::PKCS_ECDSA_P384_SHA384),
            (Algorithm::EdDSA, &rcgen::PKCS_ED25519),
        ];
        let paths = Paths::default();
        for (algorithm, kind) in kinds {
            let pair = rcgen::KeyPair::generate_for(kind).unwrap();
            let key = Key::private(algorithm, pair.serialize_pem().as_bytes()).unwrap().named(Some("k1".to_owned()));
            let token = sign(&key, &wanted(&paths)).unwrap();
            let public = pair.public_key_pem();
            let public = match algorithm.family() {
                AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(public.as_bytes()),
                AlgorithmFamily::Ec => DecodingKey::from_ec_pem(public.as_bytes()),
                _ => DecodingKey::from_ed_pem(public.as_bytes()),
            };
            let read = decode::<Value>(&token, &public.unwrap(), &Validation::new(algorithm)).unwrap();
            assert_eq!(
                (read.claims["sub"].as_str(), read.header.kid.as_deref()),
                (Some("me"), Some("k1")),
                "{algorithm:?}"
            );
        }
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        let refused = |key: Result<Key, String>| key.unwrap_err();
        let private = |algorithm, pem: &str| refused(Key::private(algorithm, pem.as_bytes()));
        assert_eq!(private(Algorithm::RS256, &pair), "the file holds no private key in PEM that fits RS256");
        assert_eq!(private(Algorithm::EdDSA, "nothing"), "the file holds no private key in PEM that fits EdDSA");
        assert_eq!(private(Algorithm::HS256, &pair), "HS256 signs with a secret, not with a private key");
        let secret = "a secret that is long enough for HS";
        assert_eq!(refused(Key::secret(Algorithm::ES256, secret)), "ES256 signs with a private key, not with a secret");
        assert_eq!(
            refused(Key::secret(Algorithm::HS256, "short")),
            "the secret has 5 bytes, and must have at least 32"
        );
        let wrong_curve = Key::private(Algorithm::ES384, pair.as_bytes()).unwrap();
        let error = sign(&wrong_curve, &wanted(&Paths::default())).unwrap_err();
        assert!(error.starts_with("the key does not sign with ES384: "), "{error}");
    }
}
