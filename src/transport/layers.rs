//! What surrounds every call, in order, the outermost first:
//!
//! 1. correlation: the call's id, its span, and the id in the answer
//! 2. meter: how long it took, with which code
//! 3. refusal: every refusal has a reason and the call's id, and a line in the log
//! 4. panics: a panic becomes an `INTERNAL`, so it too has an id
//! 5. deadline: a call ends when its caller waits no longer
//! 6. access: who may not come in is answered, and has an id and a span as well
//! 7. bounds: what a request may cost before it is understood
//! 8. drain: open answers end when the server stops, and when they are old
//! 9. the services

use tower::layer::util::{Identity, Stack};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    access::AccessLayer,
    bounds::{BoundsLayer, Limits},
    correlation::CorrelationLayer,
    deadline::DeadlineLayer,
    drain::DrainLayer,
    meter::MeterLayer,
    panics,
    refusal::RefusalLayer,
};
use crate::{auth::Gate, telemetry::Metrics};

/// The layers, as a type.
pub type Layers = Stack<DrainLayer, Stack<BoundsLayer, Stack<AccessLayer, Caught>>>;
type Caught = Stack<DeadlineLayer, Stack<CatchPanicLayer<panics::Answer>, Stack<RefusalLayer, Measured>>>;
type Measured = Stack<MeterLayer, Stack<CorrelationLayer, Identity>>;

/// The layers. The gate decides about calls, which are measured into the metrics and bounded by the limits; open
/// answers end as `draining` says.
pub fn layers(gate: Gate, metrics: &Metrics, limits: Limits, draining: impl Into<DrainLayer>) -> Layers {
    let measured = Stack::new(MeterLayer::new(metrics), Stack::new(CorrelationLayer, Identity::new()));
    let completed = Stack::new(RefusalLayer::default(), measured);
    let caught = Stack::new(DeadlineLayer, Stack::new(panics::layer(), completed));
    let guarded = Stack::new(BoundsLayer::new(limits), Stack::new(AccessLayer::new(gate), caught));
    Stack::new(draining.into(), guarded)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use http::{Request, Response};
    use tokio_util::sync::CancellationToken;
    use tonic::{Status, body::Body};
    use tonic_types::StatusExt as _;
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_defect_with_a_name() {
        let panics = service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("a bug") });
        let limits = Limits {
            request_timeout: Duration::from_secs(1),
            request_memory_max_bytes: 1,
            open_calls_max: 1,
            open_calls_per_address_max: 1,
        };
        let service = layers(Gate::open(), &Metrics::disabled(), limits, CancellationToken::new()).layer(panics);
        let request = Request::post("/tasker.v1.TaskService/GetTask")
            .header("content-type", "application/grpc")
            .body(Body::empty());
        let response = service.oneshot(request.unwrap()).await.unwrap();
        assert!(response.headers().contains_key("x-correlation-id"));
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!((status.code(), status.message()), (tonic::Code::Internal, "internal error"));
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        let id = response.headers().get("x-correlation-id").unwrap();
        assert_eq!(
            (info.reason.as_str(), info.metadata["correlation_id"].as_str()),
            ("INTERNAL", id.to_str().unwrap())
        );
    }
}
