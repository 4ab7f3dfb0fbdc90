//! Sizes of requests and answers.

use prost::Message;
use tonic::Response;

use crate::error::{Error, Reason, Result};

/// Bytes of a page token, at most.
const TOKEN_BYTES: usize = 512;

/// Bytes of a message within another beside its own, at most.
const ENVELOPE_BYTES: usize = 6;

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
        Err(Error::new(Reason::AnswerTooLarge, text).with("limit", most.to_string()))
    }

    /// As many messages as an answer has room for beside the rest of it, and one in any case: a page ends there.
    pub(super) fn fitting<M: Message>(self, rest: &impl Message, messages: impl Iterator<Item = M>) -> Vec<M> {
        let mut left = self.answer_bytes.saturating_sub(rest.encoded_len() + TOKEN_BYTES);
        let mut fitting = Vec::new();
        for message in messages {
            let size = message.encoded_len() + ENVELOPE_BYTES;
            if size > left && !fitting.is_empty() {
                break;
            }
            left = left.saturating_sub(size);
            fitting.push(message);
        }
        fitting
    }
}
