//! Ends the answers that would stream for ever when the server stops, and when they are old.
//!
//! Whoever follows a task or holds a session open would keep the server from stopping until the grace is over.
//! From the moment that the token is cancelled, each open answer ends with `DRAINING`, which tells its caller to
//! come back, here or elsewhere. A call that has not begun to answer is not touched.
//!
//! An answer that has streamed for the maximum age of a connection ends alike. Its connection is at least as old and takes
//! no new calls by then, so its caller comes back over a new one, perhaps to a server that is new. Up to a tenth of the
//! age is added at random, so that those who came together do not leave together.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::error::{Error, Reason};

/// Ends open answers when the token is cancelled, or when they are old.
#[derive(Debug, Clone)]
pub struct DrainLayer {
    token: CancellationToken,
    age_max: Option<Duration>,
}

impl From<CancellationToken> for DrainLayer {
    fn from(token: CancellationToken) -> Self {
        Self { token, age_max: None }
    }
}

impl DrainLayer {
    /// The same, and when they have streamed for so long; `None` for any time.
    #[must_use]
    pub fn with_age_max(self, age_max: Option<Duration>) -> Self {
        Self { age_max, ..self }
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Drain { inner, layer: self.clone() }
    }
}

/// See [`DrainLayer`].
#[derive(Debug, Clone)]
pub struct Drain<S> {
    inner: S,
    layer: DrainLayer,
}

impl<S> Service<Request<Body>> for Drain<S>
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
        let DrainLayer { token, age_max } = self.layer.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| {
                Body::new(Until { body, ended: Box::pin(token.cancelled_owned()), age_max, old: None, over: false })
            }))
        })
    }
}

/// An answer that can be ended from outside.
struct Until {
    body: Body,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    age_max: Option<Duration>,
    /// Made when the answer first waits: one that is complete at once never needs it.
    old: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl Until {
    /// Whether the answer has streamed for long enough.
    fn poll_old(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(age_max) = self.age_max else { return Poll::Pending };
        let wait = || Box::pin(sleep(age_max.mul_f64(1.0 + rand::random::<f64>() / 10.0)));
        self.old.get_or_insert_with(wait).as_mut().poll(context)
    }
}

impl HttpBody for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        // What is ready goes out first: a unary answer is complete by now.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let why = if self.ended.as_mut().poll(context).is_ready() {
            "the server stops"
        } else if self.poll_old(context).is_ready() {
            "the connection is old; connect again"
        } else {
            return Poll::Pending;
        };
        self.over = true;
        let mut trailers = HeaderMap::new();
        let status = Status::from(Error::new(Reason::Draining, why));
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
