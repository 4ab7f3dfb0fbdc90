//! What the gRPC library refuses by itself is refused as everything else is: with a reason and the call's id.

use bytes::Bytes;
use tasker::{app::App, error::Reason};
use tonic::{Status, body::Body, transport::Channel};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use crate::harness::{self, connect, database, within};

const GET_TASK: &str = "/tasker.v1.TaskService/GetTask";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A message behind its flag and length.
fn message(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0][..], &length, payload].concat()
}

/// Sends a request as it stands and reads the status, wherever it comes.
async fn ask(channel: &Channel, request: http::Request<Body>) -> (http::StatusCode, Status) {
    let response = within("the answer", channel.clone().oneshot(request)).await.unwrap();
    let http_status = response.status();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return (http_status, status);
    }
    let mut body = response.into_body();
    loop {
        let frame = std::future::poll_fn(|context| http_body::Body::poll_frame(std::pin::pin!(&mut body), context));
        let frame = within("a frame", frame).await.expect("trailers come").unwrap();
        if let Ok(trailers) = frame.into_trailers() {
            return (http_status, Status::from_header_map(&trailers).unwrap());
        }
    }
}

fn post(path: &str) -> http::request::Builder {
    http::Request::post(format!("http://localhost{path}"))
}

struct Case {
    channel: Channel,
}

impl Case {
    async fn of(app: &App) -> Self {
        Self { channel: connect(app).await }
    }

    /// Sends a body to a method with these headers besides; the reason must be this one, with the call's id.
    async fn check(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>, expected: Reason) -> Status {
        let mut request = post(path).header("x-correlation-id", "case-1");
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/grpc");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::new(Whole(Some(Bytes::from(body))))).unwrap();
        let (_, status) = ask(&self.channel, request).await;
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("{path} {headers:?}: {status:?}"));
        assert_eq!(info.reason, expected.label(), "{path} {headers:?}: {status:?}");
        assert_eq!(status.code(), expected.code(), "{path} {headers:?}: {status:?}");
        assert_eq!(info.metadata.get("correlation_id").map(String::as_str), Some("case-1"), "{status:?}");
        let declared =
            |key: &String| key == "correlation_id" || expected.metadata().iter().any(|(known, _)| known == key);
        assert!(info.metadata.keys().all(declared), "{status:?}");
        status
    }
}

/// A body that comes at once.
struct Whole(Option<Bytes>);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_library_refuses_has_a_reason_and_the_calls_id() {
    let database = database().await;
    let app = harness::serve(&database).await;
    let case = Case::of(&app).await;
    // Field 1 is a text of a byte that is no UTF-8; a message that ends within a field; no message at all.
    case.check(GET_TASK, &[], message(&[0x0a, 1, 0xff]), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[], message(&[0x0a, 9, b'x']), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[], message(&[0xff]), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[], Vec::new(), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[], message(b"cut")[..6].to_vec(), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[], br#"{"task_id": "1"}"#.to_vec(), Reason::MessageMalformed).await;
    let compressed = [&[1, 0, 0, 0, 1][..], b"x"].concat();
    case.check(GET_TASK, &[], compressed.clone(), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[("grpc-encoding", "gzip")], compressed.clone(), Reason::MessageMalformed).await;
    case.check(GET_TASK, &[("grpc-encoding", "br")], compressed, Reason::EncodingUnsupported).await;
    let large = [&[0][..], &u32::MAX.to_be_bytes()].concat();
    let status = case.check(GET_TASK, &[], large, Reason::MessageTooLarge).await;
    let limit = status.get_error_details().error_info().unwrap().metadata["limit_bytes"].clone();
    assert!(limit.parse::<u64>().is_ok_and(|limit| limit > 0), "{limit}");
    // Other protocols.
    let json = br#"{"task_id": "1"}"#.to_vec();
    let kinds = ["application/json", "application/grpc+json", "application/grpc-web+proto", "text/plain"];
    for kind in kinds {
        case.check(GET_TASK, &[("content-type", kind)], json.clone(), Reason::ContentTypeUnsupported).await;
    }
    // Other people's services, and nobody's.
    let unknown = [&[0x0a, 4][..], b"none"].concat();
    case.check(HEALTH, &[], message(&unknown), Reason::NameUnknown).await;
    case.check("/tasker.v1.TaskService/Nothing", &[], message(&[]), Reason::MethodUnknown).await;
    case.check("/nothing", &[], message(&[]), Reason::MethodUnknown).await;
    // Our own refusals carry the call's id as well.
    case.check(GET_TASK, &[], message(&[0x0a, 1, b'x']), Reason::InvalidFields).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_no_grpc_is_told_so_in_http_as_well() {
    let database = database().await;
    let app = harness::serve(&database).await;
    let channel = connect(&app).await;
    let json = http::Request::post(format!("http://localhost{GET_TASK}")).header("content-type", "application/json");
    assert_eq!(ask(&channel, json.body(Body::empty()).unwrap()).await.0, 415);
    let get = http::Request::get(format!("http://localhost{GET_TASK}"));
    assert_eq!(ask(&channel, get.body(Body::empty()).unwrap()).await.0, 405);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_large_are_refused_with_a_reason() {
    let database = database().await;
    let keys = [("auth.authenticators", r#"["api_token"]"#), ("auth.coordinators", r#"["claims"]"#)];
    let app = harness::serve_with(&database, &keys).await;
    let case = Case::of(&app).await;
    for bytes in [17_000, 40_000] {
        let token = format!("Bearer {}", "a".repeat(bytes));
        case.check(GET_TASK, &[("authorization", &token)], message(&[]), Reason::Unauthenticated).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_given_up() {
    let database = database().await;
    let app = harness::serve_with(&database, &[("server.request_timeout_ms", "200")]).await;
    let case = Case::of(&app).await;
    for path in [HEALTH, GET_TASK] {
        let request = post(path).header("content-type", "application/grpc");
        let request = request.body(Body::new(Endless(message(&[])))).unwrap();
        let (_, status) = ask(&case.channel, request).await;
        let details = status.get_error_details();
        assert_eq!(
            details.error_info().map(|info| info.reason.as_str()),
            Some("DEADLINE_EXCEEDED"),
            "{path}: {status:?}"
        );
    }
    // What anyone may send is small, whatever its message says of itself.
    let large = [&[0][..], &(10_u32 << 20).to_be_bytes(), &[0; 100_000]].concat();
    case.check(HEALTH, &[], large, Reason::MessageTooLarge).await;
    assert!(harness::serving(&case.channel).await);
    app.stop().await;
}

/// A body that says one thing and does not end.
struct Endless(Vec<u8>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        if self.0.is_empty() {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(std::mem::take(&mut self.0).into()))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed() {
    let database = database().await;
    let app = harness::serve_with(&database, &[("server.connections_per_address_max", "2")]).await;
    let (first, second) = (connect(&app).await, connect(&app).await);
    assert!(harness::serving(&first).await && harness::serving(&second).await);
    let third = tonic::transport::Endpoint::from_shared(app.endpoint().to_owned()).unwrap().connect_lazy();
    assert!(!harness::serving(&third).await, "a third connection is served");
    drop(first);
    harness::eventually("a place is free", async || harness::serving(&third).await).await;
    app.stop().await;
}
