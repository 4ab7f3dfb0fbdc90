//! What surrounds every call, in order, the outermost first:
//!
//! 1. correlation: the call's name, its span, and the name in the answer
//! 2. meter: how long it took, with which code
//! 3. panics: a panic becomes a `INTERNAL`, so it too has a name
//! 4. access: who may not come in is answered, and has a name and a span as well
//! 5. drain: open answers end when the server stops, and when they are old
//! 6. the services

use tower::layer::util::{Identity, Stack};
use tower_http::catch_panic::CatchPanicLayer;

use super::{access::AccessLayer, correlation::CorrelationLayer, drain::DrainLayer, meter::MeterLayer, panics};
use crate::{auth::Gate, telemetry::Metrics};

/// The layers, as a type.
pub type Layers = Stack<DrainLayer, Stack<AccessLayer, Stack<CatchPanicLayer<panics::Answer>, Outer>>>;
type Outer = Stack<MeterLayer, Stack<CorrelationLayer, Identity>>;

/// The layers. The gate decides about calls, which are measured into the metrics; open answers end as `draining` says.
pub fn layers(gate: Gate, metrics: &Metrics, draining: impl Into<DrainLayer>) -> Layers {
    let named = Stack::new(CorrelationLayer, Identity::new());
    let metered = Stack::new(MeterLayer::new(metrics), named);
    let caught = Stack::new(panics::layer(), metered);
    let guarded = Stack::new(AccessLayer::new(gate), caught);
    Stack::new(draining.into(), guarded)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use tokio_util::sync::CancellationToken;
    use tonic::{Status, body::Body};
    use tonic_types::StatusExt as _;
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_defect_with_a_name() {
        let panics = service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("a bug") });
        let service = layers(Gate::open(), &Metrics::disabled(), CancellationToken::new()).layer(panics);
        let response =
            service.oneshot(Request::get("/tasker.v1.TaskService/GetTask").body(Body::empty()).unwrap()).await.unwrap();
        assert!(response.headers().contains_key("x-correlation-id"));
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!((status.code(), status.message()), (tonic::Code::Internal, "internal error"));
        assert_eq!(status.get_error_details().error_info().map(|info| info.reason.as_str()), Some("INTERNAL"));
    }
}
