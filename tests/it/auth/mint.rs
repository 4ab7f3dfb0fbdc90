//! Makes tokens, good ones and others.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tasker::auth::{
    Authenticator, Credentials, Rejection,
    authenticator::jwt::{Jwt, Settings},
    clock,
};

/// A secret of the least length.
pub const SECRET: &str = "a secret of thirty-two bytes - 0";

/// What signs tokens.
#[derive(Clone)]
pub struct Signer {
    pub algorithm: Algorithm,
    pub key: EncodingKey,
    /// The public half; empty for a secret.
    pub public_pem: String,
    pub public_der: Vec<u8>,
}

impl Signer {
    pub fn shared(secret: &[u8], algorithm: Algorithm) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self { algorithm, key, public_pem: String::new(), public_der: Vec::new() }
    }

    /// A pair of keys for an algorithm.
    pub fn pair(algorithm: Algorithm) -> Self {
        let kind = match algorithm {
            Algorithm::ES256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::ES384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Algorithm::EdDSA => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_RSA_SHA256,
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        let pem = pair.serialize_pem();
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let public_pem = pair.public_key_pem();
        let public_der = base64::engine::general_purpose::STANDARD
            .decode(public_pem.lines().filter(|line| !line.starts_with('-')).collect::<String>())
            .unwrap();
        Self { algorithm, key: key.unwrap(), public_pem, public_der }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({}), claims)
    }

    /// A token with more in its header.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let mut full = json!({ "alg": self.algorithm, "typ": "JWT" });
        full.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        self.sign_text(&full.to_string(), &claims.to_string())
    }

    /// A token of these very texts.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encoded(header), encoded(payload));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// Its public half as a member of a key set.
    pub fn jwk(&self, kid: &str) -> Value {
        if self.algorithm == Algorithm::EdDSA {
            // The key is the end of its envelope.
            let x = URL_SAFE_NO_PAD.encode(&self.public_der[self.public_der.len() - 32..]);
            return json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x, "kid": kid });
        }
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    }
}

pub fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Seconds since 1970, from now.
pub fn at(seconds: i64) -> i64 {
    i64::try_from(clock::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap() + seconds
}

/// Claims of somebody for a while.
pub fn claims(subject: &str) -> Value {
    json!({ "sub": subject, "exp": at(600) })
}

/// Claims with something changed; null takes a claim away.
pub fn claims_with(changes: &Value) -> Value {
    let mut claims = claims("alice");
    for (name, value) in changes.as_object().unwrap() {
        let all = claims.as_object_mut().unwrap();
        match value {
            Value::Null => all.remove(name),
            value => all.insert(name.clone(), value.clone()),
        };
    }
    claims
}

pub fn shared() -> Signer {
    Signer::shared(SECRET.as_bytes(), Algorithm::HS256)
}

pub fn settings() -> Settings {
    Settings { secret: SECRET.to_owned(), leeway: Duration::from_secs(30), ..Settings::default() }
}

pub fn credentials(token: &str) -> Credentials {
    Credentials { token: Some(token.into()), ..Credentials::default() }
}

/// Whose token it is; `None` when it is of another kind.
pub async fn who(jwt: &Jwt, token: &str) -> Result<Option<String>, Rejection> {
    let principal = jwt.authenticate(&credentials(token)).await?;
    Ok(principal.map(|principal| principal.subject.to_string()))
}
