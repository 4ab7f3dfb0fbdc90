//! API tokens: made, believed, revoked, expired.

use std::process::Output;

use serde_json::Value;
use tasker::{
    auth::{
        Authenticator as _, Rejection,
        authenticator::api_token::{ApiToken, ApiTokens},
    },
    store::api_tokens::{self, NewApiToken},
};
use tokio::process::Command;

use super::{mint::credentials, world::World};
use crate::harness::{Database, database, eventually};

async fn tasker(database: &Database, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(words).args(["--output", "json"]).env("DATABASE_URL", database.url()).kill_on_drop(true);
    command.output().await.unwrap()
}

/// Runs a command that must succeed, and reads its document.
async fn ok(database: &Database, words: &[&str]) -> Value {
    let ran = tasker(database, words).await;
    assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_used_listed_and_revoked() {
    let world = World::new().await;
    let create =
        ["token", "create", "--subject", "reader", "--grant", "tasker.task:index", "--grant", "tasker.worker:connect"];
    let made = ok(&world.database, &create).await;
    let token = text(&made["token"]);
    assert_eq!(world.list(token).await, Ok(()));
    assert!(world.create(token, "billing").await.starts_with("denied"));
    let session = world.session(token, "default").await.unwrap();

    let other =
        ok(&world.database, &["token", "create", "--subject", "other", "--role", "admin", "--expires-in", "1h"]).await;
    assert_eq!(world.list(text(&other["token"])).await, Ok(()));
    let listed = ok(&world.database, &["token", "list"]).await;
    let rows = listed["tokens"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| text(&row["subject"])).collect::<Vec<_>>(), ["other", "reader"]);
    assert!(rows.iter().all(|row| row["state"] == "good" && row["last_used_at"].is_string()), "{listed}");
    let secret = token.rsplit('_').next().unwrap();
    assert!(!listed.to_string().contains(secret));

    ok(&world.database, &["token", "revoke", text(&made["token_id"])]).await;
    eventually("calls are refused", async || world.list(token).await == Err("unauthenticated: revoked".to_owned()))
        .await;
    assert_eq!(session.end().await, "unauthenticated: revoked");
    assert_eq!(world.list(text(&other["token"])).await, Ok(()));
    assert_eq!(ok(&world.database, &["token", "list"]).await["tokens"].as_array().unwrap().len(), 1);
    let all = ok(&world.database, &["token", "list", "--all"]).await;
    assert_eq!(all["tokens"][1]["state"], "revoked");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_hash_is_kept_and_only_the_very_token_is_believed() {
    let database = database().await;
    let tokens = ApiTokens::new(database.store.clone(), std::time::Duration::from_secs(10));
    let add = async |seconds: i64, namespaces: Option<&[String]>| {
        let token = ApiToken::generate();
        let new = NewApiToken {
            token_id: token.id,
            name: "n",
            secret_hash: token.secret_hash(),
            subject: "alice",
            grants: &["*".to_owned(), "not a grant".to_owned()],
            roles: &[],
            namespaces,
            seconds,
        };
        api_tokens::insert(&database.store, &new).await.unwrap();
        token
    };
    let check = async |text: &str, expected: Result<Option<&str>, Rejection>| {
        let seen = tokens.authenticate(&credentials(text)).await;
        let seen = seen.map(|principal| principal.map(|principal| principal.subject.to_string()));
        assert_eq!(seen.as_ref().map(Option::as_deref), expected.as_ref().map(|who| *who), "{text}");
    };
    let good = add(60, None).await;
    let text = good.expose();
    check(&text, Ok(Some("alice"))).await;
    let (head, secret) = text.rsplit_once('_').unwrap();
    let flipped = if secret.ends_with('0') { "1" } else { "0" };
    check(&format!("{head}_{}{flipped}", &secret[..63]), Err(Rejection::Invalid)).await;
    check(&format!("{}_{secret}", ApiToken::generate().expose().rsplit_once('_').unwrap().0), Err(Rejection::Invalid))
        .await;
    let hash: String = good.secret_hash().iter().map(|byte| format!("{byte:02x}")).collect();
    check(&format!("{head}_{hash}"), Err(Rejection::Invalid)).await;
    check("tsk_", Err(Rejection::Malformed)).await;
    check("a.b.c", Ok(None)).await;
    check(&add(0, None).await.expose(), Err(Rejection::Expired)).await;

    let stored = api_tokens::find(&database.store, good.id).await.unwrap().unwrap();
    assert_eq!(stored.secret_hash, good.secret_hash());
    assert!(!format!("{stored:?}").contains(secret));

    let narrow = add(60, Some(&["billing".to_owned()])).await;
    let seen = tokens.authenticate(&credentials(&narrow.expose())).await.unwrap().unwrap();
    assert!(seen.reaches("billing") && !seen.reaches("shipping") && seen.grants.len() == 1);

    database.store.close().await;
    check(&text, Err(Rejection::Unavailable)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_before_anything_is_stored() {
    let database = database().await;
    let refused = async |words: &[&str], expected: &str| {
        let ran = tasker(&database, words).await;
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && told.contains(expected), "{words:?}: {told}");
    };
    refused(&["token", "create", "--subject", "a", "--grant", "tasker.tusk:show"], "there is no permission").await;
    refused(&["token", "create", "--subject", "a", "--grant", "*@b\u{456}lling"], "names may have only").await;
    refused(&["token", "create", "--subject", "a", "--namespace", "b illing"], "no name of a namespace").await;
    refused(&["token", "create", "--subject", "a\nb"], "control characters").await;
    refused(&["token", "create", "--subject", "a", "--expires-in", "0s"], "--expires-in").await;
    refused(&["token", "create", "--subject", "a", "--expires-in", "4000d"], "--expires-in").await;
    refused(&["token", "revoke", "nonsense"], "neither the id").await;
    refused(&["token", "revoke", "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000"], "there is no API token").await;
    assert_eq!(ok(&database, &["token", "list", "--all"]).await["tokens"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_is_believed_by_a_server_with_the_same_secret() {
    let world = World::with(&[("auth.jwt.issuer", "me"), ("auth.jwt.subject_claim", "user.id")]).await;
    let common = ["--set", "auth.jwt.issuer=me", "--set", "auth.jwt.subject_claim=user.id"];
    let sign = async |more: &[&str]| {
        let words: Vec<&str> =
            ["token", "sign", "--subject", "me"].iter().chain(&common).chain(more).copied().collect();
        tasker(&world.database, &words).await
    };
    let made = sign(&["--secret", super::mint::SECRET, "--role", "admin", "--expires-in", "10m"]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(world.list(text(&made["token"])).await, Ok(()));
    let short = sign(&["--secret", "short"]).await;
    assert!(String::from_utf8_lossy(&short.stderr).contains("at least 32"));
    world.app.stop().await;
}
