//! Streams end with their credentials, and every decision is counted.

use std::time::Instant;

use serde_json::json;
use tasker_sdk::proto::tasker::{
    v1::WatchTaskRequest,
    worker::v1::{
        Hello, Offer, OpenSessionRequest, OpenSessionResponse, Refresh, offer::Target, open_session_request::Message,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming};

use super::callers::{World, in_seconds, sign, world_with};
use crate::harness::within;

const NO_LEEWAY: &[(&str, &str)] = &[("auth.jwt.leeway_ms", "0")];

/// A token that is good for so many seconds.
fn short(seconds: i64) -> String {
    sign(&json!({ "sub": "ann", "exp": in_seconds(seconds), "permissions": ["*"] }))
}

fn problem(status: &Status) -> String {
    let details = tonic_types::StatusExt::get_error_details(status);
    details.error_info().and_then(|info| info.metadata.get("problem").cloned()).unwrap_or_default()
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let world = world_with(NO_LEEWAY).await;
    let ann = world.client(&short(2)).await;
    let watch = WatchTaskRequest { task_id: world.task_id.clone(), ..WatchTaskRequest::default() };
    let mut stream = ann.tasks().watch_task(watch).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let end = within("the stream ends", stream.message()).await.unwrap_err();
    assert_eq!((end.code(), problem(&end)), (Code::Unauthenticated, "expired".to_owned()));
}

/// A worker's session, by itself.
struct Session {
    say: mpsc::UnboundedSender<OpenSessionRequest>,
    heard: Streaming<OpenSessionResponse>,
}

impl Session {
    async fn open(world: &World, token: &str) -> Self {
        let client = world.client(token).await;
        let (say, said) = mpsc::unbounded_channel();
        let offer = Offer {
            namespace: "beta".to_owned(),
            target: Some(Target::StepHandler("Step".to_owned())),
            ..Offer::default()
        };
        let hello = Hello { worker_id: "w".to_owned(), offers: vec![offer], slots: 1, ..Hello::default() };
        say.send(OpenSessionRequest { message: Some(Message::Hello(hello)) }).unwrap();
        let mut heard = client.workers().open_session(UnboundedReceiverStream::new(said)).await.unwrap().into_inner();
        assert!(heard.message().await.unwrap().is_some(), "welcome");
        Self { say, heard }
    }

    fn refresh(&self, token: String) {
        self.say.send(OpenSessionRequest { message: Some(Message::Refresh(Refresh { token })) }).unwrap();
    }

    /// With what the session ends.
    async fn end(&mut self) -> (Code, String) {
        loop {
            match within("the session ends", self.heard.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended without a word"),
                Err(status) => return (status.code(), problem(&status)),
            }
        }
    }
}

#[tokio::test]
async fn a_session_lives_on_with_a_fresh_token() {
    let world = world_with(NO_LEEWAY).await;
    let began = Instant::now();
    let mut session = Session::open(&world, &short(2)).await;
    // Longer than the first one, and then no more.
    session.refresh(short(5));
    assert_eq!(session.end().await, (Code::Unauthenticated, "expired".to_owned()));
    assert!(began.elapsed().as_millis() > 2_500, "it ended after {:?}, with the first token", began.elapsed());
}

#[tokio::test]
async fn a_fresh_token_may_end_earlier() {
    let world = world_with(NO_LEEWAY).await;
    let mut session = Session::open(&world, &short(3_600)).await;
    session.refresh(short(1));
    assert_eq!(session.end().await, (Code::Unauthenticated, "expired".to_owned()));
}

#[tokio::test]
async fn a_session_takes_no_token_of_another_subject() {
    let world = world_with(NO_LEEWAY).await;
    let mut session = Session::open(&world, &short(60)).await;
    session.refresh(sign(&json!({ "sub": "bob", "exp": in_seconds(60), "permissions": ["*"] })));
    assert_eq!(session.end().await, (Code::Unauthenticated, "other_subject".to_owned()));
}
