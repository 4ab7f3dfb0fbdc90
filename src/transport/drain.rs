//! Ends the answers that would stream for ever when the server stops.
//!
//! Whoever follows a task or holds a session open would keep the server from stopping until the grace is over.
//! From the moment that the token is cancelled, each open answer ends with `DRAINING`, which tells its caller to
//! come back, here or elsewhere. A call that has not begun to answer is not touched.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::error::{Error, Reason};

/// Ends open answers when the token is cancelled.
#[derive(Debug, Clone)]
pub struct DrainLayer(CancellationToken);

impl DrainLayer {
    /// Ends them with this token.
    pub const fn new(token: CancellationToken) -> Self {
        Self(token)
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Drain { inner, token: self.0.clone() }
    }
}

/// See [`DrainLayer`].
#[derive(Debug, Clone)]
pub struct Drain<S> {
    inner: S,
    token: CancellationToken,
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
        let token = self.token.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Body::new(Until { body, ended: Box::pin(token.cancelled_owned()), over: false })))
        })
    }
}

/// An answer that can be ended from outside.
struct Until {
    body: Body,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    over: bool,
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
        if self.ended.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.over = true;
        let mut trailers = HeaderMap::new();
        let status = Status::from(Error::new(Reason::Draining, "the server stops"));
        Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
