//! Sizes of requests and answers.

use prost::Message;
use tonic::Response;

use crate::error::{Error, Reason, Result};

/// Sizes that requests and answers may have.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// One payload as JSON text.
    pub payload_bytes: usize,
    /// Tasks of one batch.
    pub batch_tasks: usize,
    /// One answer.
    pub answer_bytes: usize,
}

impl Limits {
    /// The answer, unless it is too large to be sent.
    pub(super) fn fit<M: Message>(self, message: M) -> Result<Response<M>> {
        let (bytes, most) = (message.encoded_len(), self.answer_bytes);
        if bytes <= most {
            return Ok(Response::new(message));
        }
        let text = format!("the answer has {bytes} bytes, at most {most} are sent: ask for less, or a smaller view");
        Err(Error::new(Reason::LimitExceeded, text).with("limit", most.to_string()))
    }
}
