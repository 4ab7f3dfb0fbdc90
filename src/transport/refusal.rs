//! Completes refusals: each has a reason and the correlation id of its call, and is told in the log.
//!
//! Owns: the last look at the head and the trailers of an answer. Never: decides that a call is refused. Statuses that
//! the library made get the reason that `foreign` finds; a status of ours has one.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::Message as _;
use tonic::{Code, Status, body::Body};
use tonic_types::pb;
use tower::{BoxError, Layer, Service};
use tracing::Span;

use super::{CorrelationId, foreign, sampler::Sampler, status::code_name};

/// The name of an `ErrorInfo` in the details of a status.
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
/// The key of the call's id in an `ErrorInfo`.
const CORRELATION_ID: &str = "correlation_id";

/// Completes refusals.
#[derive(Debug, Clone, Default)]
pub struct RefusalLayer(Arc<Sampler>);

impl<S> Layer<S> for RefusalLayer {
    type Service = Completed<S>;

    fn layer(&self, inner: S) -> Completed<S> {
        Completed { inner, sampler: Arc::clone(&self.0) }
    }
}

/// See [`RefusalLayer`].
#[derive(Debug, Clone)]
pub struct Completed<S> {
    inner: S,
    sampler: Arc<Sampler>,
}

impl<S, R> Service<Request<Body>> for Completed<S>
where
    S: Service<Request<Body>, Response = Response<R>>,
    R: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = Call {
            uri: request.uri().clone(),
            correlation_id: request.extensions().get::<CorrelationId>().cloned(),
            span: Span::current(),
            began: Instant::now(),
            sampler: Arc::clone(&self.sampler),
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            call.complete(response.headers_mut());
            Ok(response.map(|body| Body::new(Completing { body, call })))
        })
    }
}

/// A call whose answer is under way.
#[derive(Debug)]
struct Call {
    uri: http::Uri,
    correlation_id: Option<CorrelationId>,
    span: Span,
    began: Instant,
    sampler: Arc<Sampler>,
}

impl Call {
    /// Completes the status in a head or in trailers, if it is a refusal.
    fn complete(&self, headers: &mut HeaderMap) {
        let Some(status) = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok) else { return };
        let Some((complete, reason)) = self.completed(&status) else { return };
        self.tell(&complete, &reason);
        headers.remove(Status::GRPC_MESSAGE);
        headers.remove(Status::GRPC_STATUS_DETAILS);
        // What cannot stand in a header is left out: then the status goes without it.
        let _ = complete.add_header(headers);
    }

    /// The status with its reason and the call's id.
    fn completed(&self, status: &Status) -> Option<(Status, String)> {
        if let Some(complete) = self.named(status) {
            return Some(complete);
        }
        let made = Status::from(foreign::error(self.uri.path(), status)?);
        self.named(&made)
    }

    /// Adds the call's id to the `ErrorInfo` of a status; `None` when it has none.
    #[expect(clippy::disallowed_methods, reason = "the status is made already, and gets the call's id")]
    fn named(&self, status: &Status) -> Option<(Status, String)> {
        let mut details = pb::Status::decode(status.details()).ok()?;
        let any = details.details.iter_mut().find(|any| any.type_url == ERROR_INFO)?;
        let mut info = pb::ErrorInfo::decode(any.value.as_slice()).ok()?;
        if let Some(id) = &self.correlation_id {
            info.metadata.insert(CORRELATION_ID.to_owned(), id.as_str().to_owned());
        }
        any.value = info.encode_to_vec();
        let details = Bytes::from(details.encode_to_vec());
        Some((Status::with_details(status.code(), status.message(), details), info.reason))
    }

    /// One line for the call, unless too many like it came at once.
    fn tell(&self, status: &Status, reason: &str) {
        let Some(left_out) = self.sampler.admit(reason, Instant::now()) else { return };
        let _entered = self.span.enter();
        let (method, code, message) = (self.uri.path(), code_name(status.code()), status.message());
        let duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if is_failure(status.code()) {
            tracing::warn!(method, code, reason, duration_ms, left_out, "call failed: {message}");
        } else {
            tracing::info!(method, code, reason, duration_ms, left_out, "call refused: {message}");
        }
    }
}

/// Whether a code says that the server did not do its part.
pub(super) const fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// An answer whose trailers are completed.
struct Completing<R> {
    body: R,
    call: Call,
}

impl<R: HttpBody<Data = Bytes> + Unpin> HttpBody for Completing<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_trailers() {
                Ok(mut trailers) => {
                    self.call.complete(&mut trailers);
                    Frame::trailers(trailers)
                }
                Err(frame) => frame,
            }))),
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
