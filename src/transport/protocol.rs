//! Requests that are no gRPC, or gRPC in another encoding than Protocol Buffers.

use http::{HeaderMap, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use tonic::{Status, body::Body};

use crate::error::{Error, Reason};

/// What every request of gRPC begins its content type with.
const GRPC: &str = "application/grpc";

/// The answer to a request that is no gRPC; `None` when it is.
pub(super) fn refuse<B>(request: &Request<B>) -> Option<Response<Body>> {
    let (error, http_status) = if request.method() != Method::POST {
        let text = format!("this port speaks gRPC, whose calls are POST requests, not {}", request.method());
        (Error::new(Reason::ContentTypeUnsupported, text), StatusCode::METHOD_NOT_ALLOWED)
    } else {
        let kind = content_type(request.headers());
        if is_ours(kind) {
            return None;
        }
        let text = format!("this port speaks gRPC with Protocol Buffers, not `{}`", kind.escape_debug());
        let is_grpc = kind.strip_prefix(GRPC).is_some_and(|rest| rest.starts_with('+'));
        let http_status = if is_grpc { StatusCode::OK } else { StatusCode::UNSUPPORTED_MEDIA_TYPE };
        (Error::new(Reason::ContentTypeUnsupported, text), http_status)
    };
    let mut response = Status::from(error).into_http();
    *response.status_mut() = http_status;
    Some(response)
}

fn content_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

fn is_ours(kind: &str) -> bool {
    kind.eq_ignore_ascii_case(GRPC) || kind.eq_ignore_ascii_case("application/grpc+proto")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, kind: Option<&str>, expected: Option<u16>) {
        let mut request = Request::builder().method(method);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let refused = refuse(&request.body(()).unwrap());
        assert_eq!(refused.map(|response| response.status().as_u16()), expected, "{method} {kind:?}");
    }

    #[test]
    fn only_grpc_with_protocol_buffers_goes_on() {
        check("POST", Some("application/grpc"), None);
        check("POST", Some("application/grpc+proto"), None);
        check("POST", Some("application/grpc; charset=utf-8"), None);
        check("POST", Some("application/grpc+json"), Some(200));
        check("POST", Some("application/grpc-web+proto"), Some(415));
        check("POST", Some("application/json"), Some(415));
        check("POST", None, Some(415));
        check("GET", Some("application/grpc"), Some(405));
    }
}
