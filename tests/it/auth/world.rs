//! A guarded server, and callers with credentials of all kinds.

use tasker::app::App;
use tasker_sdk::{
    Client, Token,
    proto::tasker::{
        v1::{CreateTaskRequest, ListTasksRequest, NewTask},
        worker::v1::{
            Hello, Offer, OpenSessionRequest, OpenSessionResponse, Refresh, offer::Target,
            open_session_request::Message as Say, open_session_response::Message as Hear,
        },
    },
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use super::mint::SECRET;
use crate::harness::{self, Database, within};

pub struct World {
    pub database: Database,
    pub app: App,
}

impl World {
    /// A server that believes signed tokens and API tokens, and what they grant. Clocks must agree.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(keys: &[(&str, &str)]) -> Self {
        let database = harness::database().await;
        let guarded = [
            ("auth.authenticators", "jwt,api_token"),
            ("auth.coordinators", "claims,roles"),
            ("auth.jwt.secret", SECRET),
            ("auth.jwt.leeway_ms", "0"),
            ("auth.api_token.recheck_ms", "100"),
        ];
        let keys: Vec<_> = guarded.into_iter().chain(keys.iter().copied()).collect();
        let app = harness::serve_with(&database, &keys).await;
        Self { database, app }
    }

    pub async fn client(&self, token: &str) -> Client {
        let builder = Client::builder(self.app.endpoint().to_owned()).attempts(1);
        let builder = if token.is_empty() { builder.no_token() } else { builder.token(Token::new(token).unwrap()) };
        builder.connect().await.unwrap()
    }

    /// What listing tasks is answered with.
    pub async fn list(&self, token: &str) -> Result<(), String> {
        let request = ListTasksRequest::default();
        self.client(token).await.tasks().list_tasks(request).await.map(drop).map_err(|status| told(&status))
    }

    /// What creating a task in a namespace is answered with.
    pub async fn create(&self, token: &str, namespace: &str) -> String {
        let task = NewTask {
            handler: harness::handler_ref(namespace, "nothing", ""),
            context_json: r#"{"n":1}"#.to_owned(),
            ..NewTask::default()
        };
        let request = CreateTaskRequest { task: Some(task) };
        told(&self.client(token).await.tasks().create_task(request).await.unwrap_err())
    }

    /// A session of a worker that offers one step handler.
    pub async fn session(&self, token: &str, namespace: &str) -> Result<Session, String> {
        let client = self.client(token).await;
        let (say, said) = unbounded_channel();
        let offer = Offer {
            namespace: namespace.to_owned(),
            target: Some(Target::StepHandler("step".to_owned())),
            ..Offer::default()
        };
        let hello = Hello { worker_id: "raw".to_owned(), offers: vec![offer], slots: 1, ..Hello::default() };
        say.send(OpenSessionRequest { message: Some(Say::Hello(hello)) }).unwrap();
        let opened = client.workers().open_session(UnboundedReceiverStream::new(said)).await;
        let mut hear = opened.map_err(|status| told(&status))?.into_inner();
        match within("welcome", hear.message()).await {
            Ok(Some(OpenSessionResponse { message: Some(Hear::Welcome(_)) })) => Ok(Session { say, hear }),
            Err(status) => Err(told(&status)),
            other => panic!("{other:?}"),
        }
    }
}

pub struct Session {
    say: UnboundedSender<OpenSessionRequest>,
    hear: Streaming<OpenSessionResponse>,
}

impl Session {
    pub fn refresh(&self, token: &str) {
        self.say.send(OpenSessionRequest { message: Some(Say::Refresh(Refresh { token: token.to_owned() })) }).unwrap();
    }

    /// Waits for the end and tells what was said of it.
    pub async fn end(mut self) -> String {
        within("the end of the session", async {
            loop {
                match self.hear.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return "nothing".to_owned(),
                    Err(status) => return told(&status),
                }
            }
        })
        .await
    }

    pub async fn is_open_for(&mut self, time: std::time::Duration) -> bool {
        let ended = async { while let Ok(Some(_)) = self.hear.message().await {} };
        tokio::time::timeout(time, ended).await.is_err()
    }
}

/// A refusal in one line: the code, and why.
pub fn told(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info();
    let of = |key: &str| info.and_then(|info| info.metadata.get(key).cloned());
    match status.code() {
        Code::Unauthenticated => format!("unauthenticated: {}", of("problem").unwrap_or_default()),
        Code::PermissionDenied => format!("denied: {}", of("required").unwrap_or_default()),
        code => format!("{code:?}: {}", info.map_or("", |info| &info.reason)),
    }
}
