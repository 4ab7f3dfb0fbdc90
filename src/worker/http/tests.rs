//! The handler against a real server on a socket: it reads one request and sends the bytes that the test gives.

#![expect(clippy::disallowed_methods, reason = "nobody starts the work of a test again")]

use serde_json::json;
use tasker_sdk::proto::tasker::worker::v1::Assignment;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;

use super::*;

/// A server for one request; it says what it was sent.
async fn serve_once(response: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let served = tokio::task::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !is_whole(&request) {
            assert_ne!(socket.read_buf(&mut request).await.expect("a request"), 0, "the client went away");
        }
        socket.write_all(response).await.expect("the client listens");
        if response.is_empty() {
            socket.read_buf(&mut request).await.expect("the client goes away");
        }
        String::from_utf8(request).expect("text")
    });
    (url, served)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().expect("a number"))
}

fn assignment(config: &Value) -> Assignment {
    Assignment {
        step_id: "0190a000-0000-7000-8000-000000000001".into(),
        step_name: "call".into(),
        handler_config_json: config.to_string(),
        inputs_json: r#"{"order":7}"#.into(),
        correlation_id: "abc".into(),
        ..Default::default()
    }
}

async fn run(config: Value) -> Result<Value, StepError> {
    let ctx = StepContext::detached(assignment(&config), CancellationToken::new());
    Http::new().run(&ctx).await.map(|output| serde_json::to_value(output).expect("JSON"))
}

#[tokio::test]
async fn a_response_becomes_a_map() {
    let response = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 8\r\n\r\n{\"a\": 1}";
    let (url, served) = serve_once(response).await;
    let output = run(json!({ "url": format!("{url}/orders"), "params": { "page": 2 } })).await.expect("it is 200");
    let headers = json!({ "content-type": "application/json", "set-cookie": "a=1, b=2", "content-length": "8" });
    assert_eq!(output, json!({ "status": 200, "response_headers": headers, "body": "{\"a\": 1}" }));
    let request = served.await.expect("served");
    assert!(request.starts_with("GET /orders?page=2 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("accept: application/json\r\n"), "{request}");
    assert!(request.contains("x-correlation-id: abc\r\n"), "{request}");
    assert!(!request.contains("idempotency-key"), "{request}");
}

#[tokio::test]
async fn a_post_carries_the_inputs_and_a_key() {
    let (url, served) = serve_once(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let output = run(json!({ "url": url, "method": "POST" })).await.expect("it is 204");
    assert_eq!((&output["status"], &output["body"]), (&json!(204), &Value::Null));
    let request = served.await.expect("served");
    assert!(request.contains("idempotency-key: 0190a000-0000-7000-8000-000000000001\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"order\":7}"), "{request}");
}

#[tokio::test]
async fn failures_keep_what_was_answered() {
    let check = async |response: &'static [u8], expected: &[&str]| {
        let (url, _served) = serve_once(response).await;
        let error = format!("{:?}", run(json!({ "url": url })).await.expect_err("a failure"));
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    };
    check(
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
        &["permanent: true", "HTTP_404", "permanent status 404: no"],
    )
    .await;
    check(
        b"HTTP/1.1 503 Busy\r\nRetry-After: 17\r\ncontent-length: 0\r\n\r\n",
        &["permanent: false", "retryable status 503", "Some(17s)"],
    )
    .await;
    check(
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        &["permanent: false", "server error 302"],
    )
    .await;
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", &["permanent: false", "ConnectionFailed"]).await;
    check(b"nonsense\r\n\r\n", &["permanent: false", "ConnectionFailed"]).await;
}

#[tokio::test]
async fn silence_ends_at_the_timeout() {
    let (url, _served) = serve_once(b"").await;
    let error = run(json!({ "url": url, "timeout": 0.05 })).await.expect_err("nobody answers");
    assert_eq!((error.message(), error.is_permanent()), ("no response within 0.05 s", false));
}

#[tokio::test]
async fn nobody_at_the_address_is_worth_another_try() {
    let error = run(json!({ "url": "http://127.0.0.1:1/" })).await.expect_err("nobody listens");
    assert!(!error.is_permanent(), "{error:?}");
    let error = run(json!({ "url": "ftp://127.0.0.1/" })).await.expect_err("no such protocol");
    assert!(error.is_permanent(), "{error:?}");
}

#[tokio::test]
async fn a_cancelled_attempt_lets_go() {
    let (url, served) = serve_once(b"").await;
    let cancel = CancellationToken::new();
    let ctx = StepContext::detached(assignment(&json!({ "url": url })), cancel.clone());
    let attempt = tokio::task::spawn(async move { Http::new().run(&ctx).await });
    cancel.cancel();
    assert!(attempt.await.expect("no panic").is_err());
    served.abort();
}
