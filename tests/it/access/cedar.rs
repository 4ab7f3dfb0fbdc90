//! Policies decide when they are asked.

use std::io::Write as _;

use serde_json::json;
use tasker::{
    app::{App, Schema},
    config::{Config, Sources},
    store::Store,
};
use tonic::Code;

use super::callers::{create, registration, token, world_with};
use crate::harness;

#[tokio::test]
async fn policies_open_what_they_permit() {
    let mut file = tempfile();
    let policies = r#"
        permit(principal in Tasker::Role::"admin", action, resource);
        permit(principal, action in Tasker::Action::"tasker.task:*", resource)
            when { resource.namespace like "bet*" };
        forbid(principal == Tasker::Principal::"mallory", action, resource);
    "#;
    file.1.write_all(policies.as_bytes()).unwrap();
    let path = format!("[{:?}]", file.0.display().to_string());
    let world = world_with(&[("auth.coordinators", "[\"cedar\"]"), ("auth.cedar_files", &path)]).await;
    let check = async |subject: &str, namespace: &str, expected: Code| {
        let client = world.client(&token(subject, &json!({}))).await;
        let answer = create(&client, namespace).await;
        assert_eq!(answer.err().map_or(Code::Ok, |status| status.code()), expected, "{subject} in {namespace}");
    };
    check("ann", "beta", Code::Ok).await;
    check("ann", "alpha", Code::PermissionDenied).await;
    check("mallory", "beta", Code::PermissionDenied).await;
    let ann = world.client(&token("ann", &json!({}))).await;
    let register = ann.handlers().register_handlers(registration("beta")).await.unwrap_err();
    assert_eq!(register.code(), Code::PermissionDenied);
    std::fs::remove_file(file.0).unwrap();
}

#[tokio::test]
async fn without_a_coordinator_everything_is_denied() {
    let database = harness::database().await;
    let keys = [("auth.authenticators", "[\"jwt\"]"), ("auth.jwt.secret", "a secret that is long enough for HS256")];
    let app = harness::serve_with(&database, &keys).await;
    let client = tasker_sdk::Client::builder(app.endpoint().to_owned());
    let admin = tasker_sdk::client::Token::new(&token("admin", &json!({ "roles": ["admin"], "permissions": ["*"] })));
    let client = client.token(admin.unwrap()).connect().await.unwrap();
    assert_eq!(create(&client, "default").await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn an_open_server_refuses_other_machines_unless_told_to() {
    let database = harness::database().await;
    let load = |keys: &[(&str, &str)]| {
        let flags = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::load(&Sources { flags, ..Sources::default() })
    };
    let refused = load(&[("server.listen", "0.0.0.0:0")]).unwrap_err().to_string();
    assert!(refused.contains("auth.insecure_listen"), "{refused}");
    let config = load(&[("server.listen", "0.0.0.0:0"), ("auth.insecure_listen", "true")]).unwrap();
    let store = Store::new(database.options.clone(), &config.database.pool_settings());
    App::start(&config, store, Schema::Migrate).await.unwrap().stop().await;
}

/// A file of the test's own.
fn tempfile() -> (std::path::PathBuf, std::fs::File) {
    let path = std::env::temp_dir().join(format!("tasker-{}-{}.cedar", std::process::id(), rand::random::<u64>()));
    let file = std::fs::File::create(&path).unwrap();
    (path, file)
}
