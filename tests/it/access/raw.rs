//! Calls by path, with bytes: what a client can send that was generated from other protos, or from none.

use bytes::{Buf, BufMut};
use futures::{StreamExt as _, stream::BoxStream};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

/// How a method talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One message, one answer.
    Unary,
    /// One message, many answers.
    Stream,
    /// Many of both.
    Session,
}

impl Kind {
    pub fn of(method: &prost_reflect::MethodDescriptor) -> Self {
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (true, _) => Self::Session,
            (false, true) => Self::Stream,
            (false, false) => Self::Unary,
        }
    }
}

/// Calls a method with one message and these authorization headers; its first answer, nothing when it streams and has
/// nothing to say yet.
pub async fn call(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    authorization: &[&str],
    kind: Kind,
) -> Result<Vec<u8>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    // What is said in a session is not its end.
    let more: BoxStream<'static, Vec<u8>> = match kind {
        Kind::Session => futures::stream::pending().boxed(),
        Kind::Unary | Kind::Stream => futures::stream::empty().boxed(),
    };
    let said = futures::stream::iter([message]).chain(more);
    let path: PathAndQuery = path.parse().unwrap();
    let mut request = Request::new(());
    for header in authorization {
        request.metadata_mut().append("authorization", header.parse().unwrap());
    }
    if kind == Kind::Unary {
        let response = grpc.client_streaming(request.map(|()| said), path, Bytes).await?;
        return Ok(response.into_inner());
    }
    let mut answers = grpc.streaming(request.map(|()| said), path, Bytes).await?.into_inner();
    // That it answers at all is what counts; some have nothing to say until something happens.
    match futures::poll!(Box::pin(answers.message())) {
        std::task::Poll::Ready(first) => Ok(first?.unwrap_or_default()),
        std::task::Poll::Pending => Ok(Vec::new()),
    }
}
