//! A server that asks who calls, and those who call it.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tasker::app::App;
use tasker_sdk::{
    Client,
    client::Token,
    proto::tasker::v1::{CreateTaskRequest, Handler, NewTask, RegisterHandlersRequest, StepTemplate},
};

use crate::harness::{self, Database};

const SECRET: &str = "a secret that is long enough for HS256";

/// The server, and one task in the namespace `alpha`.
pub struct World {
    pub app: App,
    _database: Database,
    pub task_id: String,
}

/// Who authenticates with a token and is granted what it says or what its roles say.
const KEYS: &[(&str, &str)] = &[
    ("auth.authenticators", "[\"jwt\"]"),
    ("auth.coordinators", "[\"claims\", \"roles\"]"),
    ("auth.jwt.secret", SECRET),
    ("auth.roles.operator", "[\"tasker.task:*@alpha\"]"),
];

pub async fn world() -> World {
    world_with(&[]).await
}

/// A world with some keys of the configuration set.
pub async fn world_with(keys: &[(&str, &str)]) -> World {
    let database = harness::database().await;
    let app = harness::serve_with(&database, &[KEYS, keys].concat()).await;
    let mut world = World { app, _database: database, task_id: String::new() };
    let admin = world.admin().await;
    for namespace in ["alpha", "beta"] {
        admin.handlers().register_handlers(registration(namespace)).await.unwrap();
    }
    world.task_id = create(&admin, "alpha").await.unwrap();
    world
}

pub fn registration(namespace: &str) -> RegisterHandlersRequest {
    let step = StepTemplate {
        name: "first".to_owned(),
        step_handler: "Step".to_owned(),
        dependent_system: "somewhere".to_owned(),
        ..StepTemplate::default()
    };
    let handler = Handler {
        namespace: namespace.to_owned(),
        name: "flow".to_owned(),
        version: "1.0.0".to_owned(),
        step_templates: vec![step],
        ..Handler::default()
    };
    RegisterHandlersRequest { handlers: vec![handler], ..RegisterHandlersRequest::default() }
}

/// Creates a task in a namespace; its id.
pub async fn create(client: &Client, namespace: &str) -> Result<String, tonic::Status> {
    let task = NewTask {
        handler: harness::handler_ref(namespace, "flow", ""),
        context_json: r#"{"n": 1}"#.to_owned(),
        ..NewTask::default()
    };
    let created = client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await?;
    Ok(created.into_inner().task.unwrap().task_id)
}

/// A token for a subject, with these claims besides, good for an hour.
pub fn token(subject: &str, claims: &Value) -> String {
    let mut all = json!({ "sub": subject, "exp": in_seconds(3_600) });
    all.as_object_mut().unwrap().extend(claims.as_object().cloned().unwrap_or_default());
    sign(&all)
}

/// A token with exactly these claims.
pub fn sign(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// A token for a subject that is granted this.
pub fn granted(subject: &str, grants: &[&str]) -> String {
    token(subject, &json!({ "permissions": grants }))
}

/// So many seconds from now, as JWT counts.
pub fn in_seconds(seconds: i64) -> i64 {
    chrono::DateTime::<chrono::Utc>::from(tasker::auth::clock::now()).timestamp() + seconds
}

impl World {
    pub async fn client(&self, token: &str) -> Client {
        let endpoint = self.app.endpoint().to_owned();
        Client::builder(endpoint).token(Token::new(token).unwrap()).connect().await.unwrap()
    }

    pub async fn admin(&self) -> Client {
        self.client(&token("admin", &json!({ "roles": ["admin"] }))).await
    }
}
