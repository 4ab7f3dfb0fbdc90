//! How messages are written and read.
//!
//! Owns: that an answer is decoded from one slice of memory, by code that is compiled here. tonic's own buffer does the
//! same in several calls for each field, which takes more than half of the time for an answer of thousands of them; and
//! what is generic is compiled where it is used, so that each crate with a client would compile every decoder again. On
//! the wire nothing differs.

use std::{fmt, marker::PhantomData};

use prost::{
    DecodeError, Message,
    bytes::{Buf, Bytes},
};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

/// A message that the server sends. `gen/answers.rs` names them.
pub(crate) trait Answer: Message + Default {
    /// Decodes the whole slice.
    fn from_slice(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// Makes messages answers.
macro_rules! answers {
    ($($message:ty,)*) => {$(
        impl $crate::codec::Answer for $message {
            #[inline(never)]
            fn from_slice(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
                prost::Message::decode(bytes)
            }
        }
    )*};
}
pub(crate) use answers;

/// `application/grpc+proto`, decoded from slices.
pub(crate) struct Slices<T, U>(PhantomData<(T, U)>);

/// Decodes messages from slices.
pub(crate) struct FromSlice<U>(PhantomData<U>);

impl<T, U> Default for Slices<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> fmt::Debug for Slices<T, U> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Slices")
    }
}

impl<U> fmt::Debug for FromSlice<U> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("FromSlice")
    }
}

impl<T, U> Codec for Slices<T, U>
where
    T: Message + Send + 'static,
    U: Answer + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = FromSlice<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> FromSlice<U> {
        FromSlice(PhantomData)
    }
}

impl<U: Answer> Decoder for FromSlice<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let decoded = decode(from);
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// Takes a message out of a buffer that holds nothing else.
fn decode<U: Answer>(from: &mut impl Buf) -> Result<U, DecodeError> {
    let bytes = from.remaining();
    if from.chunk().len() < bytes {
        let whole: Bytes = from.copy_to_bytes(bytes);
        return U::from_slice(&whole);
    }
    let decoded = U::from_slice(from.chunk());
    from.advance(bytes);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::tasker::v1::{CountTasksResponse, TaskCounts};

    #[test]
    fn a_message_is_the_same_in_one_piece_and_in_two() {
        let counts = TaskCounts { total: 600, complete: 300, error: 300, ..TaskCounts::default() };
        let answer = CountTasksResponse { counts: Some(counts) };
        let bytes = answer.encode_to_vec();
        let mut whole = bytes.as_slice();
        let mut halves = bytes[..5].chain(&bytes[5..]);
        assert_eq!(decode::<CountTasksResponse>(&mut whole), Ok(answer));
        assert_eq!(decode::<CountTasksResponse>(&mut halves), Ok(answer));
        assert_eq!((whole.remaining(), halves.remaining()), (0, 0), "nothing is left for the next message");
    }

    #[test]
    fn what_is_no_message_is_refused_and_taken_out() {
        let mut bytes = &b"\xff\xff\xff"[..];
        assert!(decode::<CountTasksResponse>(&mut bytes).is_err());
        assert!(!bytes.has_remaining());
        assert_eq!(decode::<CountTasksResponse>(&mut &b""[..]), Ok(CountTasksResponse::default()));
    }
}
