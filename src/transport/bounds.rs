//! Bounds what the body of a request may cost before it is understood: size, time, and memory.
//!
//! A request with one message arrives whole within a time, and is no larger than its method may take; all of those that
//! are under way share an amount of memory. A method that anyone may call takes little, and an address has few such
//! calls open. The length of a message is bounded by the services themselves.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::peer;
use crate::{
    auth::{
        catalog::{self, Access},
        per_address::{Entered, PerAddress},
    },
    error::{Error, Reason},
};

/// The body of a call that anyone may make, at most.
const OPEN_BYTES_MAX: u64 = 64 * 1024;

/// What requests may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request with one message may take to arrive.
    pub request_timeout: Duration,
    /// Bytes of requests that have not arrived whole, in all.
    pub request_memory_max_bytes: u64,
    /// Calls open at once of methods that anyone may call, in all and from one address.
    pub open_calls_max: usize,
    /// The same from one address.
    pub open_calls_per_address_max: usize,
}

/// Bounds requests.
#[derive(Debug, Clone)]
pub struct BoundsLayer {
    limits: Limits,
    memory: Arc<AtomicU64>,
    open: PerAddress,
}

impl BoundsLayer {
    /// Bounds requests by these limits.
    pub fn new(limits: Limits) -> Self {
        let open = PerAddress::new(limits.open_calls_max, limits.open_calls_per_address_max);
        Self { limits, memory: Arc::default(), open }
    }
}

impl<S> Layer<S> for BoundsLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded { inner, bounds: self.clone() }
    }
}

/// See [`BoundsLayer`].
#[derive(Debug, Clone)]
pub struct Bounded<S> {
    inner: S,
    bounds: BoundsLayer,
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(row) = catalog::row(request.uri().path()) else { return Box::pin(self.inner.call(request)) };
        let is_open = row.access == Access::Anyone;
        let mut entered = None;
        if is_open {
            entered = self.bounds.open.enter(peer::address(request.extensions()));
            if entered.is_none() {
                let full = Error::new(Reason::QueueFull, "too many calls without credentials are open");
                return Box::pin(async { Ok(Status::from(full).into_http()) });
            }
        }
        let timeout = self.bounds.limits.request_timeout;
        let incoming = |body| {
            Body::new(Incoming {
                body,
                bytes_left: if is_open { OPEN_BYTES_MAX } else { u64::MAX },
                // What a stream says comes when it comes.
                end: (!row.streams).then(|| Box::pin(tokio::time::sleep(timeout))),
                timeout,
                held: (!row.streams).then(|| Held {
                    memory: Arc::clone(&self.bounds.memory),
                    max: self.bounds.limits.request_memory_max_bytes,
                    bytes: 0,
                }),
            })
        };
        let request = request.map(incoming);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            let Some(entered) = entered else { return Ok(response) };
            Ok(response.map(|body| Body::new(Open { body, _entered: entered })))
        })
    }
}

/// The memory that one request takes of the common amount.
#[derive(Debug)]
struct Held {
    memory: Arc<AtomicU64>,
    max: u64,
    bytes: u64,
}

impl Held {
    /// Takes more; false when there is none left.
    fn take(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        self.memory.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.max
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The body of a request, bounded.
struct Incoming {
    body: Body,
    bytes_left: u64,
    end: Option<Pin<Box<Sleep>>>,
    timeout: Duration,
    held: Option<Held>,
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            let is_over = self.end.as_mut().is_some_and(|end| end.as_mut().poll(context).is_ready());
            if is_over {
                let text = format!("the request did not arrive within {} ms", self.timeout.as_millis());
                return Poll::Ready(Some(Err(Error::new(Reason::DeadlineExceeded, text).into())));
            }
            return Poll::Pending;
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let Some(left) = self.bytes_left.checked_sub(bytes) else {
                let text = format!("a request without credentials is larger than it may be: {OPEN_BYTES_MAX} bytes");
                let large = Error::new(Reason::MessageTooLarge, text).with("limit_bytes", OPEN_BYTES_MAX.to_string());
                return Poll::Ready(Some(Err(large.into())));
            };
            self.bytes_left = left;
            if self.held.as_mut().is_some_and(|held| !held.take(bytes)) {
                let full = Error::new(Reason::QueueFull, "requests that have not arrived whole take all their memory");
                return Poll::Ready(Some(Err(full.into())));
            }
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

/// An answer that counts as an open call.
struct Open {
    body: Body,
    _entered: Entered,
}

impl HttpBody for Open {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
