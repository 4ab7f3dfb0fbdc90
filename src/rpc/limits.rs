//! Sizes of requests and answers.

use prost::Message;
use tonic::Response;

use crate::error::{Error, Reason, Result};

/// Bytes of a page token, at most.
const TOKEN_BYTES: usize = 512;

/// Bytes of a message within another beside its own, at most.
const ENVELOPE_BYTES: usize = 6;

/// What an answer needs beside its items: lengths, and a page token. Answers have at least 64 KiB.
pub(super) const ROOM_BYTES: usize = 16 * 1_024;

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
    /// How many of the rows of a page fit into one answer, by their encoded sizes; at least one.
    pub(super) fn rows(self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut room = self.answer_bytes.saturating_sub(ROOM_BYTES);
        let mut fits = |bytes: &usize| {
            let left = room.checked_sub(bytes.saturating_add(ENVELOPE_BYTES));
            room = left.unwrap_or(0);
            left.is_some()
        };
        sizes.take_while(|bytes| fits(bytes)).count().max(1)
    }

    /// The first of these that fit into one answer, at least one, and whether there are others.
    pub(super) fn page<M: Message>(self, mut items: Vec<M>) -> (Vec<M>, bool) {
        let count = self.rows(items.iter().map(Message::encoded_len));
        let more = count < items.len();
        items.truncate(count);
        (items, more)
    }

    /// Whether a message fits into an answer.
    pub(super) fn has_room_for(self, message: &impl Message) -> bool {
        message.encoded_len() <= self.answer_bytes.saturating_sub(ROOM_BYTES)
    }

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
