//! What surrounds every call, in order, the outermost first:
//!
//! 1. correlation: the call's name, its span, and the name in the answer
//! 2. panics: a panic becomes a `DEFECT`, so it too has a name
//! 3. the services
//!
//! Whatever asks who is calling belongs between 2 and 3: a refusal then has a name and a span as well.

use tower::layer::util::{Identity, Stack};
use tower_http::catch_panic::CatchPanicLayer;

use super::{correlation::CorrelationLayer, panics};

/// The layers, as a type.
pub type Layers = Stack<CatchPanicLayer<panics::Answer>, Stack<CorrelationLayer, Identity>>;

/// The layers.
pub fn layers() -> Layers {
    Stack::new(panics::layer(), Stack::new(CorrelationLayer, Identity::new()))
}
