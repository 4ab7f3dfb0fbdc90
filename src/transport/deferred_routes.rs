//! DeferredRoutes that come after the listener: while the database is migrated, health already answers.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{Status, body::Body, service::Routes};
use tower::Service;

use crate::{
    auth::catalog::{self, Access},
    error::{Error, Reason},
};

/// Serves health and reflection from the start, and everything once it has been given.
#[derive(Debug, Clone)]
pub struct DeferredRoutes {
    early: Routes,
    all: Arc<OnceLock<Routes>>,
}

impl DeferredRoutes {
    /// Begins with what can be served at once.
    pub(super) fn new(early: Routes) -> Self {
        Self { early, all: Arc::default() }
    }

    /// Serves everything from now on.
    pub fn open(&self, all: Routes) {
        assert!(self.all.set(all.prepare()).is_ok(), "the services open once");
    }
}

impl Service<Request<Body>> for DeferredRoutes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The routes are always ready; what is full says so in its answer.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut routes = match self.all.get() {
            Some(all) => all.clone(),
            None if catalog::find(request.uri().path()) == Some(Access::Anyone) => self.early.clone(),
            None => {
                let refusal =
                    Error::new(Reason::DatabaseUnavailable, "the server is starting: its database is not ready yet");
                return Box::pin(async { Ok(Status::from(refusal).into_http()) });
            }
        };
        Box::pin(async move {
            let response = Service::<Request<Body>>::call(&mut routes, request).await;
            Ok(response.unwrap_or_else(|error| match error {}))
        })
    }
}
