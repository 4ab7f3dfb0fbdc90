//! Measures calls: how many, how long, with which code.
//!
//! The code of a call stands in the last frame of its answer, or in the head of one that is refused at once, so a call
//! is measured when its answer has ended. An answer that nobody waited for counts as cancelled.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Instant,
};

use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Code;
use tower::{Layer, Service};
use tracing::Span;

use super::{refusal::is_failure, status::code_name};
use crate::{
    auth::catalog,
    telemetry::{
        Metrics,
        metrics::{Gauge, Histogram, OTHER},
    },
};

/// How many codes there are.
const CODES: usize = 17;

/// Measures calls.
#[derive(Debug, Clone)]
pub struct MeterLayer(Arc<Methods>);

#[derive(Debug)]
struct Methods {
    known: HashMap<&'static str, Arc<Method>>,
    other: Arc<Method>,
}

/// The handles of one method; a code's is found when it first comes up.
struct Method {
    name: String,
    metrics: Metrics,
    in_flight: Gauge,
    by_code: [OnceLock<Histogram>; CODES],
}

impl MeterLayer {
    /// Measures into these numbers.
    pub fn new(metrics: &Metrics) -> Self {
        let method = |path: &'static str| (path, Arc::new(Method::new(path, metrics)));
        let known = catalog::rows().map(|row| method(row.path)).collect();
        Self(Arc::new(Methods { known, other: Arc::new(Method::new(OTHER, metrics)) }))
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, methods: Arc::clone(&self.0) }
    }
}

/// See [`MeterLayer`].
#[derive(Debug, Clone)]
pub struct Metered<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S, B, R> Service<Request<B>> for Metered<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<Measured<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Measured<R>>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let known = self.methods.known.get(request.uri().path());
        let mut call = Call::begin(Arc::clone(known.unwrap_or(&self.methods.other)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            call.read(response.headers());
            Ok(response.map(|body| Measured { body, call }))
        })
    }
}

impl Method {
    fn new(path: &str, metrics: &Metrics) -> Self {
        let name = path.trim_start_matches('/').to_owned();
        let in_flight = metrics.rpc_in_flight.with([&name]);
        Self { in_flight, name, metrics: metrics.clone(), by_code: std::array::from_fn(|_| OnceLock::new()) }
    }

    fn took(&self, code: Code) -> &Histogram {
        let slot = usize::try_from(i32::from(code)).unwrap_or(CODES).min(CODES - 1);
        self.by_code[slot].get_or_init(|| self.metrics.rpc_duration.with([&self.name, code_name(code)]))
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A call that is under way; measured when it goes.
#[derive(Debug)]
struct Call {
    method: Arc<Method>,
    began: Instant,
    code: Option<Code>,
    /// The call's span, which lasts as long as its answer.
    span: Span,
}

impl Call {
    fn begin(method: Arc<Method>) -> Self {
        method.in_flight.add(1.0);
        Self { method, began: Instant::now(), code: None, span: Span::current() }
    }

    /// Takes the code out of a head or out of trailers.
    fn read(&mut self, headers: &HeaderMap) {
        let number = headers.get("grpc-status").and_then(|status| status.to_str().ok()?.parse::<i32>().ok());
        self.code = number.map(Code::from).or(self.code);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.method.in_flight.add(-1.0);
        let code = self.code.unwrap_or(Code::Cancelled);
        self.method.took(code).time(self.began.elapsed());
        self.span.record("rpc.grpc.status_code", i64::from(i32::from(code)));
        if is_failure(code) {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_description", code_name(code));
        }
    }
}

/// An answer that is looked through for its code.
#[derive(Debug)]
pub struct Measured<R> {
    body: R,
    call: Call,
}

impl<R: HttpBody + Unpin> HttpBody for Measured<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.read(trailers);
                }
            }
            Poll::Ready(Some(Err(_))) => self.call.code = Some(Code::Unknown),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
