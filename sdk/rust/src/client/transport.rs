//! The road of every call: owns credentials, deadlines and repeats; knows nothing of messages.
//!
//! A unary call carries a deadline, and is repeated while the server's refusal has a `RetryInfo`, which it has only for
//! reasons that are safe to repeat. Streams go through once and have no deadline. What follows next is tonic's channel.

use std::{
    future::Future,
    hash::{BuildHasher as _, Hasher as _},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, Full};
use tonic::{Status, body::Body, codegen::Bytes, transport::Channel};
use tonic_types::StatusExt as _;
use tower_service::Service;

use super::credentials::Token;

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The methods that stream, and therefore have neither a deadline nor a second try.
const STREAMS: [&str; 4] = [
    "/tasker.v1.EventService/WatchEvents",
    "/tasker.v1.TaskService/WatchTask",
    "/tasker.v1.DependencyGraphService/WatchTaskGraph",
    "/tasker.worker.v1.WorkerService/OpenSession",
];

/// The channel under every typed client.
#[derive(Debug, Clone)]
pub struct Transport {
    channel: Channel,
    policy: Policy,
}

/// What every call carries.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) token: Option<Token>,
    pub(super) deadline: Duration,
    pub(super) attempts: u32,
}

type Call = Pin<Box<dyn Future<Output = Result<Response<Body>, tonic::transport::Error>> + Send>>;

impl Transport {
    pub(super) fn new(channel: Channel, policy: Policy) -> Self {
        Self { channel, policy }
    }

    pub(super) fn token(&self) -> Option<Token> {
        self.policy.token.clone()
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Call;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(token) = &self.policy.token {
            request.headers_mut().insert(AUTHORIZATION, token.header());
        }
        if STREAMS.contains(&request.uri().path()) {
            return Box::pin(self.channel.call(request));
        }
        // The channel that was polled ready makes the first call; a clone takes its place.
        let clone = self.channel.clone();
        let channel = std::mem::replace(&mut self.channel, clone);
        Box::pin(unary(channel, request, self.policy.deadline, self.policy.attempts))
    }
}

/// Calls until the answer is not a refusal that asks for another try, within the deadline.
async fn unary(
    mut channel: Channel,
    request: Request<Body>,
    deadline: Duration,
    attempts: u32,
) -> Result<Response<Body>, tonic::transport::Error> {
    let until = Instant::now() + deadline;
    let own_deadline = !request.headers().contains_key(GRPC_TIMEOUT);
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(status) => return Ok(status.into_http()),
    };
    let mut attempt = 1;
    loop {
        let mut request = Request::from_parts(parts.clone(), Body::new(Full::<Bytes>::new(body.clone())));
        if own_deadline {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            request.headers_mut().insert(GRPC_TIMEOUT, timeout(left));
        }
        let response = channel.call(request).await?;
        let wait = match again(&response) {
            Some(wait) if attempt < attempts && Instant::now() + wait < until => wait,
            _ => return Ok(response),
        };
        attempt += 1;
        tokio::time::sleep(wait).await;
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
    }
}

/// How long to wait before the next try, if the answer asks for one.
fn again(response: &Response<Body>) -> Option<Duration> {
    // A refusal is a response without a body: its status is among the headers.
    let status = Status::from_header_map(response.headers())?;
    status.get_details_retry_info().and_then(|info| info.retry_delay).map(spread)
}

/// Adds up to a half, so that those who were refused together do not come back together.
fn spread(delay: Duration) -> Duration {
    let dice = std::collections::hash_map::RandomState::new().build_hasher().finish() % 512;
    delay + delay * u32::try_from(dice).unwrap_or_default() / 1024
}

/// The header's value: at most eight digits, so milliseconds last for a day.
fn timeout(left: Duration) -> HeaderValue {
    let text = match left.as_millis() {
        millis @ ..=99_999_999 => format!("{millis}m"),
        _ => format!("{}S", left.as_secs().min(99_999_999)),
    };
    HeaderValue::from_str(&text).expect("digits and a letter")
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn every_streaming_method_is_listed() {
        let generated = [include_str!("../gen/tasker.v1.rs"), include_str!("../gen/tasker.worker.v1.rs")].concat();
        let mut paths: Vec<&str> = generated
            .split("PathAndQuery::from_static(")
            .skip(1)
            .filter(|text| text[..text.find(".await").unwrap_or(text.len())].contains("streaming("))
            .map(|text| text.split('"').nth(1).expect("a path"))
            .collect();
        let mut streams = STREAMS;
        paths.sort_unstable();
        streams.sort_unstable();
        assert_eq!(paths, streams);
    }

    #[test]
    fn only_refusals_that_say_so_are_repeated() {
        let with = |delay: Option<Duration>| {
            let mut details =
                ErrorDetails::with_error_info("CONTENTION", "tasker.v1", [("a".to_owned(), "b".to_owned())]);
            details.set_retry_info(delay);
            Status::with_error_details(Code::Aborted, "others were faster", details).into_http()
        };
        let delay = Duration::from_millis(20);
        assert!(again(&with(Some(delay))).is_some_and(|wait| wait >= delay && wait <= delay * 3 / 2));
        assert_eq!(again(&with(None)), None);
        assert_eq!(again(&Status::unavailable("proxy").into_http()), None);
        assert_eq!(again(&Response::new(Body::empty())), None);
    }

    #[test]
    fn the_deadline_fits_the_header() {
        assert_eq!(timeout(Duration::from_secs(30)), "30000m");
        assert_eq!(timeout(Duration::from_secs(1_000_000)), "1000000S");
    }
}
