//! Puts the gate around every call: who may not come in is answered before the body is read.
//!
//! A stream outlives the look at its credentials: it ends with `UNAUTHENTICATED` when they are no longer good, unless
//! fresh ones came on it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{
    Status,
    body::Body,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tower::{Layer, Service};

use super::{CorrelationId, peer, protocol};
use crate::{
    auth::{Credentials, Gate, Permit, Rejection, audit::Call, catalog},
    error::{Error, Reason},
};

/// Frames of an answer that is no stream.
const UNARY_FRAMES: usize = 2;

/// Lets in whom the gate lets in.
#[derive(Debug, Clone)]
pub struct AccessLayer(Gate);

impl AccessLayer {
    /// Asks this gate.
    pub const fn new(gate: Gate) -> Self {
        Self(gate)
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, gate: self.0.clone() }
    }
}

/// See [`AccessLayer`].
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    gate: Gate,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that is ready goes with the call.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        let gate = self.gate.clone();
        Box::pin(async move {
            if let Some(refusal) = protocol::refuse(&request) {
                return Ok(refusal);
            }
            let info = CallInfo::of(&request);
            let Some(access) = catalog::find(request.uri().path()) else {
                let unknown = Error::new(Reason::MethodUnknown, format!("there is no method {}", info.method()));
                return Ok(Status::from(unknown).into_http());
            };
            let permit = match gate.admit(&info.call(), access, credentials(&request)).await {
                Ok(permit) => permit,
                Err(error) => return Ok(Status::from(error).into_http()),
            };
            let Some(permit) = permit else { return inner.call(request).await };
            request.extensions_mut().insert(permit.clone());
            request.extensions_mut().insert(gate.clone());
            // Nobody further in needs it.
            request.headers_mut().remove(AUTHORIZATION);
            let response = inner.call(request).await?;
            gate.record(&info.call(), &permit);
            if permit.principal().is_none_or(|principal| principal.valid_until.is_none()) {
                return Ok(response);
            }
            Ok(response.map(|body| {
                Body::new(Watched { body, guard: Guard { gate, permit, info }, end: None, frames: 0, over: false })
            }))
        })
    }
}

/// What a call is recorded as; shares what the request holds.
#[derive(Debug, Clone)]
struct CallInfo {
    uri: http::Uri,
    correlation_id: Option<CorrelationId>,
}

impl CallInfo {
    fn of(request: &Request<Body>) -> Self {
        Self { uri: request.uri().clone(), correlation_id: request.extensions().get().cloned() }
    }

    fn method(&self) -> &str {
        self.uri.path()
    }

    fn call(&self) -> Call<'_> {
        let correlation_id = self.correlation_id.as_ref().map_or("", CorrelationId::as_str);
        Call { method: self.method(), correlation_id }
    }
}

/// What a caller showed: its header, its certificate, and where it is.
fn credentials<B>(request: &Request<B>) -> Result<Credentials, Rejection> {
    let mut shown = Credentials::of_headers(request.headers())?;
    let encrypted = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
    let certificates = encrypted.and_then(TlsConnectInfo::peer_certs);
    shown.certificate = certificates.and_then(|chain| chain.first().map(|first| Arc::from(first.as_ref())));
    shown.address = peer::address(request.extensions());
    Ok(shown)
}

struct Guard {
    gate: Gate,
    permit: Permit,
    info: CallInfo,
}

/// An answer that ends with its caller's credentials.
struct Watched {
    body: Body,
    guard: Guard,
    end: Option<BoxFuture<'static, Rejection>>,
    /// How many frames went out, as far as it matters.
    frames: usize,
    over: bool,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        // A unary answer is its message and its trailers, and needs no watch.
        if this.frames < UNARY_FRAMES
            && let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context)
        {
            this.frames += 1;
            return Poll::Ready(frame);
        }
        this.frames = UNARY_FRAMES;
        // Before what is ready, so that a stream that always has something ends as well.
        let (gate, permit) = (&this.guard.gate, &this.guard.permit);
        let end = this.end.get_or_insert_with(|| {
            let (gate, permit) = (gate.clone(), permit.clone());
            Box::pin(async move { gate.ended(&permit).await })
        });
        if let Poll::Ready(rejection) = end.as_mut().poll(context) {
            this.over = true;
            this.guard.gate.record_end(&this.guard.info.call(), &this.guard.permit, rejection);
            let mut trailers = HeaderMap::new();
            let status = Status::from(Error::from(rejection));
            return Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))));
        }
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
