//! Streams end with their credentials, and every decision is counted.

use serde_json::json;
use tasker_sdk::proto::tasker::{
    v1::WatchTaskRequest,
    worker::v1::{Credits, Hello, Offer, Refresh, SessionRequest, session_request::Message},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};

use super::callers::{in_seconds, sign, world_with};
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

#[tokio::test]
async fn a_session_lives_on_with_a_fresh_token() {
    let world = world_with(NO_LEEWAY).await;
    let ann = world.client(&short(2)).await;
    let (say, said) = mpsc::unbounded_channel();
    let say = |message| say.send(SessionRequest { message: Some(message) }).unwrap();
    let offer = Offer { namespace: "beta".to_owned(), step_handler: "Step".to_owned(), handler: String::new() };
    say(Message::Hello(Hello { worker_id: "w".to_owned(), offers: vec![offer], slots: 1, ..Hello::default() }));
    let mut stream = ann.workers().session(UnboundedReceiverStream::new(said)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some(), "welcome");
    // Longer than the first one, and then no more.
    let began = std::time::Instant::now();
    say(Message::Refresh(Refresh { token: short(5) }));
    say(Message::Credits(Credits { slots: 1 }));
    let end = loop {
        match within("the session ends", stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!((end.code(), problem(&end)), (Code::Unauthenticated, "expired".to_owned()));
    assert!(began.elapsed().as_millis() > 2_500, "it ended after {:?}, with the first token", began.elapsed());
}

#[tokio::test]
async fn a_session_takes_no_token_of_another_subject() {
    let world = world_with(NO_LEEWAY).await;
    let ann = world.client(&short(60)).await;
    let (say, said) = mpsc::unbounded_channel();
    let say = |message| say.send(SessionRequest { message: Some(message) }).unwrap();
    let offer = Offer { namespace: "beta".to_owned(), step_handler: "Step".to_owned(), handler: String::new() };
    say(Message::Hello(Hello { worker_id: "w".to_owned(), offers: vec![offer], slots: 1, ..Hello::default() }));
    let mut stream = ann.workers().session(UnboundedReceiverStream::new(said)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some(), "welcome");
    let bob = sign(&json!({ "sub": "bob", "exp": in_seconds(60), "permissions": ["*"] }));
    say(Message::Refresh(Refresh { token: bob }));
    let end = within("the session ends", stream.message()).await.unwrap_err();
    assert_eq!((end.code(), problem(&end)), (Code::Unauthenticated, "other_subject".to_owned()));
}
