//! Keys that change while the server runs.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tasker::auth::{
    Rejection,
    authenticator::jwt::{Algorithm, Jwt, Settings},
};
use tokio::net::TcpListener;

use super::{
    mint::{SECRET, Signer, claims, who},
    tokens::Dir,
};
use crate::harness::eventually;

/// An issuer's key set, served; counts how often it is asked.
struct Issuer {
    url: String,
    set: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
    serving: tokio::task::JoinHandle<()>,
}

impl Issuer {
    async fn start() -> Self {
        let (set, asked) = (Arc::<Mutex<Option<String>>>::default(), Arc::<AtomicUsize>::default());
        let answer = {
            let (set, asked) = (Arc::clone(&set), Arc::clone(&asked));
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                let set = set.lock().unwrap().clone();
                async move { set.ok_or(StatusCode::INTERNAL_SERVER_ERROR) }
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let routes = Router::new().route("/keys", get(answer));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, set, asked, serving }
    }

    fn publish(&self, keys: &[Value]) {
        *self.set.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn settings(&self, algorithms: &[Algorithm]) -> Settings {
        Settings {
            algorithms: algorithms.to_vec(),
            jwks_url: Some(self.url.clone()),
            audiences: vec!["tasker".to_owned()],
            refresh: Duration::from_secs(3600),
            refresh_min: Duration::from_secs(3600),
            ..Settings::default()
        }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn token(signer: &Signer, kid: &str) -> String {
    let mut claims = claims("alice");
    claims["aud"] = json!("tasker");
    let header = if kid.is_empty() { json!({}) } else { json!({ "kid": kid }) };
    signer.sign_with(&header, &claims)
}

fn alice() -> Result<Option<String>, Rejection> {
    Ok(Some("alice".to_owned()))
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_the_issuer_once() {
    let (issuer, signer) = (Issuer::start().await, Signer::pair(Algorithm::ES256));
    issuer.publish(&[signer.jwk("known")]);
    let jwt = Arc::new(Jwt::new(issuer.settings(&[Algorithm::ES256])).unwrap());
    assert_eq!(who(&jwt, &token(&signer, "known")).await, alice());
    assert_eq!(issuer.asked(), 1);
    let flood = (0..200).map(|no| {
        let (jwt, signer) = (Arc::clone(&jwt), signer.clone());
        tokio::spawn(async move { who(&jwt, &token(&signer, &format!("unknown-{no}"))).await })
    });
    for answer in futures::future::join_all(flood).await {
        assert_eq!(answer.unwrap(), Err(Rejection::Invalid));
    }
    // A token without a name that nobody signed is as bad.
    assert_eq!(who(&jwt, &token(&Signer::pair(Algorithm::ES256), "")).await, Err(Rejection::Invalid));
    assert_eq!(issuer.asked(), 1, "the interval since the first look has not passed");
    assert_eq!(who(&jwt, &token(&signer, "known")).await, alice());
}

#[tokio::test]
async fn a_new_key_is_found_without_a_restart() {
    let issuer = Issuer::start().await;
    let (old, new) = (Signer::pair(Algorithm::ES256), Signer::pair(Algorithm::ES256));
    issuer.publish(&[old.jwk("old")]);
    let settings = Settings { refresh_min: Duration::ZERO, ..issuer.settings(&[Algorithm::ES256]) };
    let jwt = Jwt::new(settings).unwrap();
    assert_eq!(who(&jwt, &token(&old, "old")).await, alice());
    assert_eq!(who(&jwt, &token(&new, "new")).await, Err(Rejection::Invalid));
    issuer.publish(&[old.jwk("old"), new.jwk("new")]);
    assert_eq!(who(&jwt, &token(&new, "new")).await, alice());
    assert_eq!(who(&jwt, &token(&new, "")).await, alice(), "without a name all keys of the algorithm are tried");
    // The old one is withdrawn: the next look takes it away.
    issuer.publish(&[new.jwk("new")]);
    assert_eq!(who(&jwt, &token(&new, "nobody")).await, Err(Rejection::Invalid));
    assert_eq!(who(&jwt, &token(&old, "old")).await, Err(Rejection::Invalid));
    // Another key under the same name is another key.
    assert_eq!(who(&jwt, &token(&old, "new")).await, Err(Rejection::Invalid));
}

#[tokio::test]
async fn a_withdrawn_key_is_noticed_by_the_interval() {
    let issuer = Issuer::start().await;
    let (old, new) = (Signer::pair(Algorithm::ES256), Signer::pair(Algorithm::ES256));
    issuer.publish(&[old.jwk("old")]);
    let refresh = Duration::from_millis(50);
    let jwt = Jwt::new(Settings { refresh, ..issuer.settings(&[Algorithm::ES256]) }).unwrap();
    assert_eq!(who(&jwt, &token(&old, "old")).await, alice());
    issuer.publish(&[new.jwk("new")]);
    eventually("the old key is gone", async || who(&jwt, &token(&old, "old")).await == Err(Rejection::Invalid)).await;
    assert_eq!(who(&jwt, &token(&new, "new")).await, alice());
}

#[tokio::test]
async fn an_issuer_that_is_unavailable_is_told_from_a_bad_token() {
    let (issuer, signer) = (Issuer::start().await, Signer::pair(Algorithm::ES256));
    let settings = Settings { refresh_min: Duration::from_millis(20), ..issuer.settings(&[Algorithm::ES256]) };
    let jwt = Jwt::new(settings).unwrap();
    assert_eq!(who(&jwt, &token(&signer, "known")).await, Err(Rejection::Unavailable));
    issuer.publish(&[signer.jwk("known")]);
    eventually("the issuer is back", async || who(&jwt, &token(&signer, "known")).await == alice()).await;
    // Away again: what is known stays known.
    *issuer.set.lock().unwrap() = None;
    eventually("it is asked", async || who(&jwt, &token(&signer, "unknown")).await == Err(Rejection::Unavailable))
        .await;
    assert_eq!(who(&jwt, &token(&signer, "known")).await, alice());
}

#[tokio::test]
async fn an_issuer_that_is_unavailable_is_left_in_peace() {
    let (issuer, signer) = (Issuer::start().await, Signer::pair(Algorithm::ES256));
    let settings = issuer.settings(&[Algorithm::ES256]);
    let jwt = Jwt::new(settings).unwrap();
    for _ in 0..20 {
        assert_eq!(who(&jwt, &token(&signer, "known")).await, Err(Rejection::Unavailable));
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_key_set_is_used_for_what_it_is_for() {
    let issuer = Issuer::start().await;
    let (rsa, other, edwards) =
        (Signer::pair(Algorithm::RS256), Signer::pair(Algorithm::ES256), Signer::pair(Algorithm::EdDSA));
    let with = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        jwk
    };
    let mut no_algorithm = other.jwk("free");
    no_algorithm.as_object_mut().unwrap().remove("alg");
    issuer.publish(&[
        rsa.jwk("rsa"),
        with(rsa.jwk("for-encryption"), "use", json!("enc")),
        with(rsa.jwk("for-signing"), "key_ops", json!(["sign"])),
        with(rsa.jwk("pinned-elsewhere"), "alg", json!("PS256")),
        no_algorithm,
        edwards.jwk("edwards"),
        json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": super::mint::encoded(SECRET) }),
        json!({ "kty": "new", "kid": "odd" }),
        json!(7),
    ]);
    let algorithms = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256];
    let own = "another secret of thirty-two bytes".to_owned();
    let jwt = Jwt::new(Settings { secret: own, ..issuer.settings(&algorithms) }).unwrap();
    let ps = Signer { algorithm: Algorithm::PS256, ..rsa.clone() };
    let hs = Signer::shared(SECRET.as_bytes(), Algorithm::HS256);
    for (signer, kid, lets_in) in [
        (&rsa, "rsa", true),
        (&other, "free", true),
        (&edwards, "edwards", true),
        (&ps, "pinned-elsewhere", true),
        (&ps, "rsa", false),
        (&rsa, "pinned-elsewhere", false),
        (&rsa, "for-encryption", false),
        (&rsa, "for-signing", false),
        (&rsa, "free", false),
        (&hs, "secret", false),
        (&hs, "", false),
    ] {
        let expected = if lets_in { alice() } else { Err(Rejection::Invalid) };
        assert_eq!(who(&jwt, &token(signer, kid)).await, expected, "{:?} {kid}", signer.algorithm);
    }
}

#[tokio::test]
async fn files_are_read_again() {
    let directory = Dir::new();
    let (old, new) = (Signer::pair(Algorithm::EdDSA), Signer::pair(Algorithm::EdDSA));
    let path = directory.0.join("keys.json");
    let publish = |signer: &Signer| {
        // In one step, as those who rotate keys should.
        let fresh = directory.0.join("fresh.json");
        std::fs::write(&fresh, json!({ "keys": [signer.jwk("key")] }).to_string()).unwrap();
        std::fs::rename(fresh, &path).unwrap();
    };
    publish(&old);
    let settings = Settings {
        algorithms: vec![Algorithm::EdDSA],
        jwks_file: Some(path.clone()),
        refresh: Duration::from_millis(20),
        ..Settings::default()
    };
    let jwt = Jwt::new(settings).unwrap();
    assert_eq!(who(&jwt, &token(&old, "key")).await, alice());
    publish(&new);
    eventually("the new key", async || who(&jwt, &token(&new, "key")).await == alice()).await;
    assert_eq!(who(&jwt, &token(&old, "key")).await, Err(Rejection::Invalid));
    // A file that is broken or gone leaves what was there.
    std::fs::write(&path, "{").unwrap();
    for _ in 0..5 {
        assert_eq!(who(&jwt, &token(&new, "key")).await, alice());
    }
    publish(&old);
    eventually("the file is fixed", async || who(&jwt, &token(&old, "key")).await == alice()).await;
}

#[tokio::test]
async fn a_secret_in_a_file_is_read_again() {
    let directory = Dir::new();
    let path = directory.0.join("secret");
    let fresh = "a fresh secret of thirty-two bytes";
    std::fs::write(&path, format!("{SECRET}\n")).unwrap();
    let settings = Settings { secret_file: Some(path.clone()), refresh_min: Duration::ZERO, ..Settings::default() };
    let jwt = Jwt::new(settings).unwrap();
    let (old, new) =
        (Signer::shared(SECRET.as_bytes(), Algorithm::HS256), Signer::shared(fresh.as_bytes(), Algorithm::HS256));
    assert_eq!(who(&jwt, &token(&old, "")).await, alice());
    std::fs::write(&path, fresh).unwrap();
    assert_eq!(who(&jwt, &token(&new, "")).await, alice());
    assert_eq!(who(&jwt, &token(&old, "")).await, Err(Rejection::Invalid));
}
