//! A panic is our bug: it is logged with the call's name, and the caller is told of a defect.

use std::any::Any;

use http::Response;
use tonic::{Status, body::Body};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::{Error, Reason};

/// What answers in the place of a call that panicked.
pub(super) type Answer = fn(Box<dyn Any + Send + 'static>) -> Response<Body>;

/// Turns panics into answers.
pub(super) fn layer() -> CatchPanicLayer<Answer> {
    CatchPanicLayer::custom(answer as Answer)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn answer(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(%words, "a call panicked");
    Status::from(Error::new(Reason::Internal, "a call panicked")).into_http()
}
