//! The name under which a call and all that follows from it can be found again.
//!
//! A caller may send one in `x-correlation-id`; else the call gets a new one. It stands in the span of the call,
//! in the answer's headers, and with whatever the call creates.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use rand::Rng;
use tower::{Layer, Service};
use tracing::{Instrument, Span, field::Empty};

use crate::{auth::catalog, telemetry};

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");
/// Where a W3C trace context says where the call is in its trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// How a method is called that nobody serves.
const UNKNOWN: &str = "_OTHER";
/// The longest one that is taken over from a caller.
const LENGTH_MAX: usize = 100;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The name of a call. Letters, digits, `_` and `-`, the first one a letter or digit, at most 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// Makes a new one: `tsk_`, the milliseconds since 1970 in base 36, `_`, six random characters.
    pub fn new(millis: u64, dice: &mut impl Rng) -> Self {
        let random: String = (0..6).map(|_| char::from(DIGITS[dice.random_range(0..DIGITS.len())])).collect();
        Self(format!("tsk_{}_{random}", base36(millis)).into())
    }

    /// Takes over a caller's, if it is well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next()?.is_ascii_alphanumeric();
        let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        (first && rest && text.len() <= LENGTH_MAX).then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the call that a request came with.
    pub fn of<T>(request: &tonic::Request<T>) -> Option<Self> {
        request.extensions().get().cloned()
    }

    fn of_headers(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| Self::parse(value.to_str().ok()?));
        given.unwrap_or_else(|| {
            #[expect(clippy::disallowed_methods, reason = "a name needs no disciplined clock")]
            let millis = chrono::Utc::now().timestamp_millis();
            Self::new(millis.unsigned_abs(), &mut rand::rng())
        })
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The span of a call, as OpenTelemetry's conventions for RPC have it. The code comes when the answer has ended.
fn span(path: &str, id: &CorrelationId) -> Span {
    // Made-up names would be as many spans.
    let known = catalog::row(path).and_then(|row| row.path.strip_prefix('/'));
    let name = known.unwrap_or(UNKNOWN);
    let (service, method) = name.split_once('/').unwrap_or(("", UNKNOWN));
    tracing::info_span!(
        "call",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
        otel.status_description = Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
        correlation_id = %id,
    )
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(DIGITS[usize::try_from(number % 36).expect("below 36")]);
        number /= 36;
    }
    digits.reverse();
    String::from_utf8(digits).expect("digits are ASCII")
}

/// Names each call, opens its span, and returns the name with the answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct CorrelationLayer;

impl<S> Layer<S> for CorrelationLayer {
    type Service = Correlated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Correlated(inner)
    }
}

/// See [`CorrelationLayer`].
#[derive(Debug, Clone)]
pub struct Correlated<S>(S);

impl<S, B, R> Service<Request<B>> for Correlated<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let id = CorrelationId::of_headers(request.headers());
        let span = span(request.uri().path(), &id);
        // What the call creates is a child of the call, not of whoever called.
        if let Some(place) = telemetry::adopt_parent(&span, request.headers())
            && let Ok(value) = HeaderValue::from_str(&place.to_string())
        {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        request.extensions_mut().insert(id.clone());
        let answer = span.in_scope(|| self.0.call(request));
        Box::pin(
            async move {
                let mut response = answer.await?;
                let name = HeaderValue::from_str(id.as_str()).expect("its characters are allowed in headers");
                response.headers_mut().insert(HEADER, name);
                Ok(response)
            }
            .instrument(span),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_over_when_well_formed() {
        let longest = "a".repeat(100);
        for good in ["a", "9-_x", "tsk_lx3k_0a9z", longest.as_str()] {
            assert_eq!(CorrelationId::parse(good).as_ref().map(CorrelationId::as_str), Some(good));
        }
        let too_long = "a".repeat(101);
        for bad in ["", " ", "_a", "-a", "a b", "a.b", "ä", too_long.as_str()] {
            assert_eq!(CorrelationId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn new_names_have_the_form() {
        let id = CorrelationId::new(1_700_000_000_000, &mut rand::rng());
        assert!(id.as_str().starts_with("tsk_loyw3v28_"), "{id}");
        assert_eq!(id.as_str().len(), 19);
        assert_eq!(CorrelationId::parse(id.as_str()), Some(id));
        assert_eq!(base36(0), "0");
    }
}
