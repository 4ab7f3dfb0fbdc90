//! Statuses that the gRPC library and the services of others make: which reason they stand for.
//!
//! Our own code makes statuses from errors, and each has a reason. The library refuses by itself what it cannot read or
//! send; it tells why in its message alone, so the message decides here. A test per case holds the texts true.

use tonic::{Code, Status};

use crate::error::{Error, Reason};

/// Beginnings of the library's messages about what it cannot read.
const MALFORMED: [&str; 5] = [
    "failed to decode Protobuf message",
    "protocol error: ",
    "Missing request message",
    "Unexpected EOF decoding stream",
    "Error decompressing: ",
];
/// Beginnings of its messages about what is too large.
const TOO_LARGE: [&str; 3] = [
    "Error, decoded message length too large",
    "Error, encoded message length too large",
    "Error decompressing: size limit",
];

/// The error that a status without a reason stands for; `None` when nobody hears it.
pub(super) fn error(path: &str, status: &Status) -> Option<Error> {
    let message = status.message();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| message.starts_with(beginning));
    let error = match status.code() {
        // The caller has gone.
        Code::Cancelled => return None,
        Code::OutOfRange | Code::ResourceExhausted if begins(&TOO_LARGE) => too_large(message),
        Code::Internal if begins(&MALFORMED) => {
            let why = message.strip_prefix("failed to decode Protobuf message: ").unwrap_or(message);
            Error::new(Reason::MessageMalformed, format!("the request cannot be read: {why}"))
        }
        Code::Unimplemented if message.starts_with("Content is compressed") => {
            Error::new(Reason::EncodingUnsupported, "the request is compressed in a way that the server does not read")
        }
        Code::Unimplemented => Error::new(Reason::MethodUnknown, format!("there is no method {path}")),
        Code::NotFound => Error::new(Reason::NameUnknown, message.to_owned()),
        Code::InvalidArgument => Error::new(Reason::MessageMalformed, message.to_owned()),
        Code::DeadlineExceeded => Error::new(Reason::DeadlineExceeded, "the call took longer than its caller waits"),
        code => {
            tracing::error!(path, ?code, message, "a status without a reason");
            Error::new(Reason::Internal, "a status without a reason")
        }
    };
    Some(error)
}

/// Names the limit and tells whether the request or the answer is above it.
fn too_large(message: &str) -> Error {
    let mut numbers = message.split(|sign: char| !sign.is_ascii_digit()).filter(|number| !number.is_empty());
    let limit = numbers.next_back().unwrap_or_default().to_owned();
    let text = if message.starts_with("Error, encoded") {
        format!("the answer is larger than a message may be: {limit} bytes")
    } else {
        format!("the request is larger than a message may be: {limit} bytes")
    };
    Error::new(Reason::MessageTooLarge, text).with("limit_bytes", limit)
}
