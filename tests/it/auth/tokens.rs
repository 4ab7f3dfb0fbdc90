//! Tokens that somebody made to get in.

use std::time::Duration;

use serde_json::{Value, json};
use tasker::auth::{
    Authenticator as _, Grant, Rejection, Target,
    authenticator::jwt::{Algorithm, Jwt, Settings},
    clock,
};

use super::mint::{SECRET, Signer, at, claims, claims_with, credentials, encoded, settings, shared, who};

async fn check(token: &str, expected: Result<Option<&str>, Rejection>) {
    let jwt = Jwt::new(Settings {
        issuers: vec!["https://issuer.example".to_owned()],
        audiences: vec!["tasker".to_owned(), "tasker-eu".to_owned()],
        ..settings()
    });
    assert_eq!(
        who(&jwt.unwrap(), token).await.as_ref().map(Option::as_deref),
        expected.as_ref().map(|who| *who),
        "{token}"
    );
}

/// A token with an issuer and an audience that are right, and these changes.
fn changed(changes: &Value) -> String {
    let mut all = json!({ "iss": "https://issuer.example", "aud": "tasker" });
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    shared().sign(&claims_with(&all))
}

#[tokio::test]
async fn claims_are_checked() {
    let refused = async |changes: Value, why| check(&changed(&changes), Err(why)).await;
    let let_in = async |changes: Value| check(&changed(&changes), Ok(Some("alice"))).await;
    let_in(json!({})).await;
    // Time: within the leeway of 30 s either way, whole or not.
    let_in(json!({ "exp": at(-20) })).await;
    let_in(json!({ "exp": at(60) as f64 + 0.5 })).await;
    let_in(json!({ "nbf": at(20), "iat": at(20) })).await;
    refused(json!({ "exp": at(-31) }), Rejection::Expired).await;
    refused(json!({ "exp": 0 }), Rejection::Expired).await;
    refused(json!({ "exp": -1 }), Rejection::Expired).await;
    refused(json!({ "exp": -1e11 }), Rejection::Expired).await;
    refused(json!({ "exp": null }), Rejection::Invalid).await;
    refused(json!({ "exp": u64::MAX }), Rejection::Invalid).await;
    refused(json!({ "exp": i64::MIN }), Rejection::Invalid).await;
    refused(json!({ "exp": 1e300 }), Rejection::Invalid).await;
    refused(json!({ "exp": at(600).to_string() }), Rejection::Invalid).await;
    refused(json!({ "exp": [at(600)] }), Rejection::Invalid).await;
    refused(json!({ "nbf": at(60) }), Rejection::NotYetValid).await;
    refused(json!({ "iat": at(60) }), Rejection::NotYetValid).await;
    refused(json!({ "nbf": "soon" }), Rejection::Invalid).await;
    refused(json!({ "iat": true }), Rejection::Invalid).await;
    // Issuer and audience.
    let_in(json!({ "aud": ["others", "tasker-eu"] })).await;
    refused(json!({ "iss": "https://issuer.example/" }), Rejection::WrongIssuer).await;
    refused(json!({ "iss": ["https://issuer.example"] }), Rejection::WrongIssuer).await;
    refused(json!({ "iss": null }), Rejection::WrongIssuer).await;
    refused(json!({ "aud": "Tasker" }), Rejection::WrongAudience).await;
    refused(json!({ "aud": [] }), Rejection::WrongAudience).await;
    refused(json!({ "aud": { "tasker": 1 } }), Rejection::WrongAudience).await;
    refused(json!({ "aud": null }), Rejection::WrongAudience).await;
    // Who it is.
    check(&changed(&json!({ "sub": 4711 })), Ok(Some("4711"))).await;
    refused(json!({ "sub": null }), Rejection::Invalid).await;
    refused(json!({ "sub": "" }), Rejection::Invalid).await;
    refused(json!({ "sub": 1.5 }), Rejection::Invalid).await;
    refused(json!({ "sub": { "name": "alice" } }), Rejection::Invalid).await;
    refused(json!({ "sub": "alice\nroot" }), Rejection::Invalid).await;
    refused(json!({ "sub": "a".repeat(256) }), Rejection::Invalid).await;
}

#[tokio::test]
async fn other_forms_are_no_tokens_or_malformed() {
    let good = changed(&json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let of = |header: &str, payload: &str, signature: &str| format!("{header}.{payload}.{signature}");
    // Another authenticator may know these.
    for other in ["", "tsk_abc_def", "a.b", "a.b.c.d", "a.b.c.d.e", "..", ".a.b"] {
        check(other, Ok(None)).await;
    }
    for odd in ["a.b.c", "!.b.c", &of("", parts[1], parts[2])[1..].replace("..", "."), "e30.e30.e30"] {
        let expected = if odd.matches('.').count() == 2 { Err(Rejection::Malformed) } else { Ok(None) };
        check(odd, expected).await;
    }
    check(&of(parts[0], parts[1], ""), Err(Rejection::Invalid)).await;
    check(&of(parts[0], parts[1], &format!("{}A", parts[2])), Err(Rejection::Invalid)).await;
    check(&of(parts[0], parts[1], &format!("{}=", parts[2])), Err(Rejection::Invalid)).await;
    check(&of(&format!("{}=", parts[0]), parts[1], parts[2]), Err(Rejection::Malformed)).await;
    check(&of(parts[0], &encoded(&claims("mallory").to_string()), parts[2]), Err(Rejection::Invalid)).await;
}

#[tokio::test]
async fn a_token_does_not_choose_how_it_is_checked() {
    let payload = claims_with(&json!({ "iss": "https://issuer.example", "aud": "tasker" }));
    let text = payload.to_string();
    for none in ["none", "None", "NONE", "nOnE", "", " ", "HS256 ", "hs256", "HS1", "ES512", "RS256", "HS384", "HS512"]
    {
        let header = json!({ "alg": none }).to_string();
        check(&format!("{}.{}.", encoded(&header), encoded(&text)), Err(Rejection::Invalid)).await;
        // Even when the secret's owner signed it.
        check(&shared().sign_text(&header, &text), Err(Rejection::Invalid)).await;
    }
    for odd in [json!({}), json!({ "alg": null }), json!({ "alg": ["HS256"] }), json!({ "alg": 1 })] {
        check(&shared().sign_text(&odd.to_string(), &text), Err(Rejection::Malformed)).await;
    }
    let header = |more: Value| shared().sign_with(&more, &payload);
    check(&header(json!({ "crit": ["exp"] })), Err(Rejection::Invalid)).await;
    check(&header(json!({ "crit": [] })), Err(Rejection::Invalid)).await;
    check(&header(json!({ "crit": null })), Err(Rejection::Invalid)).await;
    check(&header(json!({ "kid": "" })), Ok(Some("alice"))).await;
    check(&header(json!({ "kid": "../../../../dev/null" })), Ok(Some("alice"))).await;
    check(&header(json!({ "kid": ["a"] })), Err(Rejection::Invalid)).await;
    check(&header(json!({ "kid": "k".repeat(300) })), Err(Rejection::Invalid)).await;
    // What a token brings along is not looked at: the key of somebody else stays that of somebody else.
    let own = Signer::pair(Algorithm::ES256);
    for brought in [
        json!({ "jwk": own.jwk("own") }),
        json!({ "jku": "http://127.0.0.1:1/keys" }),
        json!({ "x5u": "http://127.0.0.1:1/chain" }),
        json!({ "x5c": ["MIIB"] }),
    ] {
        check(&own.sign_with(&brought, &payload), Err(Rejection::Invalid)).await;
        check(&header(brought), Ok(Some("alice"))).await;
    }
    // A name twice could be read in two ways.
    let twice = r#"{"alg":"HS256","alg":"none"}"#;
    check(&shared().sign_text(twice, &text), Err(Rejection::Malformed)).await;
    for (first, second) in [("sub", "\"mallory\""), ("exp", "9999999999"), ("permissions", "[\"*\"]")] {
        let twice = text.replacen('{', &format!("{{\"{first}\":{second},\"{first}\":{second},"), 1);
        check(&shared().sign_text(r#"{"alg":"HS256"}"#, &twice), Err(Rejection::Malformed)).await;
    }
    let nested = text.replacen('{', r#"{"realm":{"roles":[],"roles":["admin"]},"#, 1);
    check(&shared().sign_text(r#"{"alg":"HS256"}"#, &nested), Err(Rejection::Malformed)).await;
    let deep = format!("{{\"a\":{}1{},{}", "[".repeat(5_000), "]".repeat(5_000), &text[1..]);
    check(&shared().sign_text(r#"{"alg":"HS256"}"#, &deep), Err(Rejection::Malformed)).await;
    for no_object in ["[]", "null", "\"alice\"", "{}x", ""] {
        check(&shared().sign_text(r#"{"alg":"HS256"}"#, no_object), Err(Rejection::Malformed)).await;
    }
}

fn trusting(signers: &[&Signer]) -> (Jwt, tempfile::Dir) {
    let directory = tempfile::Dir::new();
    let files = signers.iter().enumerate().filter(|(_, signer)| !signer.public_pem.is_empty()).map(|(no, signer)| {
        let path = directory.0.join(format!("{no}.pem"));
        std::fs::write(&path, &signer.public_pem).unwrap();
        path
    });
    let settings = Settings {
        algorithms: signers.iter().map(|signer| signer.algorithm).collect(),
        secret: if signers.iter().any(|signer| signer.public_pem.is_empty()) {
            SECRET.to_owned()
        } else {
            String::new()
        },
        public_key_files: files.collect(),
        ..Settings::default()
    };
    (Jwt::new(settings).unwrap(), directory)
}

mod tempfile {
    use std::path::PathBuf;

    /// A directory that goes with the value.
    pub struct Dir(pub PathBuf);

    impl Dir {
        pub fn new() -> Self {
            let path = std::env::temp_dir().join(format!("tasker-auth-{}", uuid::Uuid::now_v7()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
pub use tempfile::Dir;

#[tokio::test]
async fn every_algorithm_lets_its_own_in() {
    use Algorithm::*;
    for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA] {
        let (signer, other) = (Signer::pair(algorithm), Signer::pair(algorithm));
        let (jwt, _files) = trusting(&[&signer]);
        assert_eq!(who(&jwt, &signer.sign(&claims("alice"))).await, Ok(Some("alice".to_owned())), "{algorithm:?}");
        assert_eq!(who(&jwt, &other.sign(&claims("alice"))).await, Err(Rejection::Invalid), "{algorithm:?}");
    }
    for algorithm in [HS256, HS384, HS512] {
        let (signer, other) =
            (Signer::shared(SECRET.as_bytes(), algorithm), Signer::shared(SECRET.to_uppercase().as_bytes(), algorithm));
        let jwt = Jwt::new(Settings { algorithms: vec![algorithm], ..settings() }).unwrap();
        assert_eq!(who(&jwt, &signer.sign(&claims("alice"))).await, Ok(Some("alice".to_owned())), "{algorithm:?}");
        assert_eq!(who(&jwt, &other.sign(&claims("alice"))).await, Err(Rejection::Invalid), "{algorithm:?}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    use Algorithm::*;
    for public in [RS256, PS256, ES256, ES384, EdDSA] {
        let signer = Signer::pair(public);
        // Both kinds are configured, and still neither key does the other's work.
        let (jwt, _files) = trusting(&[&signer, &shared()]);
        for secret in [signer.public_pem.as_bytes(), signer.public_pem.trim().as_bytes(), &signer.public_der] {
            for shared in [HS256, HS384, HS512] {
                let forged = Signer::shared(secret, shared).sign(&claims("root"));
                assert_eq!(who(&jwt, &forged).await, Err(Rejection::Invalid), "{public:?} as {shared:?}");
            }
        }
        assert_eq!(who(&jwt, &signer.sign(&claims("alice"))).await, Ok(Some("alice".to_owned())));
        assert_eq!(who(&jwt, &shared().sign(&claims("bob"))).await, Ok(Some("bob".to_owned())));
        // A header that names the other algorithm over a good signature.
        let text = claims("root").to_string();
        assert_eq!(who(&jwt, &signer.sign_text(r#"{"alg":"HS256"}"#, &text)).await, Err(Rejection::Invalid));
        let header = json!({ "alg": public }).to_string();
        assert_eq!(who(&jwt, &shared().sign_text(&header, &text)).await, Err(Rejection::Invalid));
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_configured_is_refused() {
    // An RSA key could check all of these.
    let signer = Signer::pair(Algorithm::RS256);
    let (jwt, _files) = trusting(&[&signer]);
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
        let other = Signer { algorithm, ..signer.clone() };
        assert_eq!(who(&jwt, &other.sign(&claims("alice"))).await, Err(Rejection::Invalid), "{algorithm:?}");
    }
}

#[tokio::test]
async fn claims_grant_what_can_be_read() {
    let jwt = Jwt::new(settings()).unwrap();
    let principal =
        async |more: Value| jwt.authenticate(&credentials(&shared().sign(&claims_with(&more)))).await.unwrap().unwrap();
    let texts = |grants: &[Grant]| grants.iter().map(ToString::to_string).collect::<Vec<_>>();

    let seen = principal(
        json!({ "permissions": ["tasker.task:show@billing", "*@\u{456}", "root", 7, "tasker.task:*@b\u{200b}"] }),
    )
    .await;
    assert_eq!(texts(&seen.grants), ["tasker.task:show@billing"]);
    let seen = principal(
        json!({ "permissions": "tasker.task:show  tasker.task:list * all", "roles": "operator admin\u{ff}" }),
    )
    .await;
    assert_eq!(texts(&seen.grants), ["tasker.task:show", "tasker.task:list", "*"]);
    assert_eq!(seen.roles, ["operator", "admin\u{ff}"]);
    let seen = principal(json!({ "permissions": { "*": true }, "roles": 1 })).await;
    assert!(seen.grants.is_empty() && seen.roles.is_empty() && seen.namespaces.is_none());

    // Namespaces narrow, whatever stands there.
    for (claim, billing) in [
        (json!(["billing"]), true),
        (json!("shipping billing"), true),
        (json!([]), false),
        (json!(7), false),
        (json!(["Billing", "billing ", "b\u{456}lling", "billing\u{200b}", "\u{ff42}illing", "*"]), false),
    ] {
        let seen = principal(json!({ "permissions": "*", "namespaces": claim })).await;
        assert_eq!(seen.reaches("billing"), billing, "{claim}");
        assert!(!seen.reaches(""), "{claim}");
    }
    let everywhere = principal(json!({ "permissions": "*" })).await;
    assert!(everywhere.reaches("billing"));
    assert!(everywhere.grants[0].covers(&Target { namespace: "billing", ..Target::default() }));
}

#[tokio::test]
async fn claims_are_found_by_path() {
    let mut settings = settings();
    settings.paths.subject = "user.id".to_owned();
    settings.paths.roles = "realm.access.roles".to_owned();
    settings.paths.permissions = "https://tasker.example/permissions".to_owned();
    let jwt = Jwt::new(settings).unwrap();
    let token = shared().sign(&claims_with(&json!({
        "user": { "id": "u-1" },
        "realm": { "access": { "roles": ["operator"] } },
        "https://tasker.example/permissions": "tasker.task:show",
    })));
    let seen = jwt.authenticate(&credentials(&token)).await.unwrap().unwrap();
    assert_eq!((&*seen.subject, seen.roles, seen.grants.len()), ("u-1", vec!["operator".to_owned()], 1));
    let flat = shared().sign(&claims_with(&json!({ "user": "u-1" })));
    assert_eq!(who(&jwt, &flat).await, Err(Rejection::Invalid));
}

#[tokio::test]
async fn a_token_is_good_until_its_end_and_the_leeway() {
    let jwt = Jwt::new(settings()).unwrap();
    let seen = jwt.authenticate(&credentials(&shared().sign(&claims("alice")))).await.unwrap().unwrap();
    let left = seen.valid_until.unwrap().duration_since(clock::now()).unwrap();
    assert!(left > Duration::from_secs(600) && left <= Duration::from_secs(631), "{left:?}");
}

#[test]
fn every_problem_is_reported() {
    let check = |settings: Settings, expected: &[&str]| {
        let problems = Jwt::new(settings).unwrap_err();
        let named: Vec<&str> = problems.iter().map(|problem| problem.split(' ').next().unwrap()).collect();
        assert_eq!(named, expected, "{problems:#?}");
    };
    use Algorithm::*;
    let only = |algorithms: &[Algorithm]| Settings { algorithms: algorithms.to_vec(), ..Settings::default() };
    check(only(&[]), &["auth.jwt.algorithms"]);
    check(only(&[HS256]), &["auth.jwt.secret"]);
    check(only(&[HS256, RS256]), &["auth.jwt.secret", "auth.jwt.public_key_files"]);
    check(Settings { secret: SECRET[1..].to_owned(), ..Settings::default() }, &["auth.jwt.secret"]);
    check(Settings { secret_file: Some("/nowhere".into()), ..settings() }, &["auth.jwt.secret_file"; 2]);
    check(Settings { algorithms: vec![RS256], ..settings() }, &["auth.jwt.secret", "auth.jwt.public_key_files"]);
    check(Settings { public_key_files: vec!["/nowhere".into()], ..only(&[RS256]) }, &["auth.jwt.public_key_files"]);
    for url in ["http://issuer.example/keys", "ftp://issuer.example", "issuer", "file:///etc/passwd"] {
        let settings =
            Settings { jwks_url: Some(url.to_owned()), audiences: vec!["tasker".to_owned()], ..only(&[RS256]) };
        check(settings, &["auth.jwt.jwks_url"]);
    }
    check(
        Settings { jwks_url: Some("https://issuer.example/keys".to_owned()), ..only(&[RS256]) },
        &["auth.jwt.audience"],
    );
    let mut settings = settings();
    settings.paths.subject = "a..b".to_owned();
    check(settings, &["auth.jwt.subject_claim"]);
}

#[test]
fn private_keys_and_odd_files_are_refused() {
    let directory = Dir::new();
    let path = directory.0.join("key.pem");
    let pair = rcgen::KeyPair::generate().unwrap();
    let check = |text: &str, expected: &str| {
        std::fs::write(&path, text).unwrap();
        let settings = Settings {
            algorithms: vec![Algorithm::ES256],
            public_key_files: vec![path.clone()],
            ..Settings::default()
        };
        match Jwt::new(settings) {
            Ok(_) => assert_eq!(expected, ""),
            Err(problems) => assert!(!expected.is_empty() && problems[0].contains(expected), "{problems:?}"),
        }
    };
    check(&pair.public_key_pem(), "");
    check(&pair.serialize_pem(), "private key");
    check(&format!("{}{}", pair.public_key_pem(), pair.serialize_pem()), "private key");
    check("", "no PEM block");
    check("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read");
    check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "openssl x509 -pubkey");
    check(&Signer::pair(Algorithm::RS256).public_pem, "none of auth.jwt.algorithms");
    check(&Signer::pair(Algorithm::ES384).public_pem, "none of auth.jwt.algorithms");
}

#[test]
fn the_configuration_reports_them_and_prints_no_secret() {
    let check = |keys: &[(&str, &str)], expected: &[&str]| {
        let flags = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let sources = tasker::config::Sources { flags, ..tasker::config::Sources::default() };
        let found = tasker::config::Config::load(&sources).err().map_or_else(Vec::new, |findings| findings.0);
        let told = found.iter().map(|finding| finding.key.as_str()).collect::<Vec<_>>();
        assert_eq!(told, expected, "{found:#?}");
        assert!(found.iter().all(|finding| !finding.to_string().contains("hunter2")), "{found:#?}");
    };
    let jwt = ("auth.authenticators", "jwt");
    check(&[("auth.jwt.secret", "hunter2")], &[]);
    check(&[jwt, ("auth.jwt.secret", SECRET)], &[]);
    check(&[jwt, ("auth.jwt.secret", "hunter2")], &["auth.jwt.secret"]);
    check(&[jwt, ("auth.jwt.algorithms", "RS256,HS256")], &["auth.jwt.secret", "auth.jwt.public_key_files"]);
    check(&[("auth.jwt.algorithms", "none")], &["auth.jwt.algorithms"]);
    check(
        &[("auth.jwt.leeway_ms", "300001"), ("auth.api_token.recheck_ms", "1")],
        &["auth.jwt.leeway_ms", "auth.api_token.recheck_ms"],
    );
    check(&[("auth.authenticators", "mtls")], &["auth.authenticators"]);
    check(&[("auth.mtls.subjects", r#"[{ name = "a", grants = ["x:y"] }]"#)], &["auth.mtls.subjects"]);
    check(&[("auth.mtls.subjects", r#"[{ name = "a", role = ["x"] }]"#)], &["auth.mtls.subjects"]);
}
