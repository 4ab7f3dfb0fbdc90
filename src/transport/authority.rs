//! Requests whose `:authority` is none, such as the path of a socket or a list of addresses.
//!
//! gRPC libraries send there whatever they were told to connect to: grpcurl the path of the socket, grpcio a list of
//! addresses. The HTTP/2 library resets such a stream before any layer sees the request. Nobody here looks at the
//! authority, so it is replaced on the way in.
//!
//! Owns: the frames that come in, unencrypted. Never: keeps more than one frame. Everything but a header block with
//! such an authority passes as it came. Next: `block` finds the authority.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

mod block;
mod huffman;

/// What begins every connection.
const PREFACE_BYTES: usize = 24;
/// The head of a frame: three octets of length, type, flags, four of the stream.
const HEAD_BYTES: usize = 9;
/// The largest frame that the server accepts; a larger one is refused behind us.
const FRAME_BYTES_MAX: usize = 16_384;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// The octets of a HEADERS frame's priority.
const PRIORITY_BYTES: usize = 5;

/// A connection whose requests have an authority that is one, with what goes when the connection goes.
#[derive(Debug)]
pub(super) struct Tolerant<IO, G = ()> {
    io: IO,
    frames: Option<Frames>,
    _guard: G,
}

/// Where in the frames of a connection we are.
#[derive(Debug)]
struct Frames {
    /// Octets that pass before the next frame begins.
    passing: usize,
    /// The beginning of a frame that must be looked at whole.
    held: BytesMut,
    /// Octets that are looked at and not yet handed on.
    done: BytesMut,
}

impl<IO, G> Tolerant<IO, G> {
    /// A connection. One that is encrypted passes as it is: its names are checked by the certificate.
    pub(super) fn new(io: IO, is_encrypted: bool, guard: G) -> Self {
        let frames = Frames { passing: PREFACE_BYTES, held: BytesMut::new(), done: BytesMut::new() };
        Self { io, frames: (!is_encrypted).then_some(frames), _guard: guard }
    }
}

impl Frames {
    /// How many of these octets pass as they are; a frame to look at begins after them.
    fn pass(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let passed = self.passing.min(octets.len() - at);
            at += passed;
            self.passing -= passed;
            let Some(head) = octets.get(at..at + HEAD_BYTES) else { return at };
            if is_looked_at(head) {
                return at;
            }
            self.passing = frame_bytes(head);
        }
    }

    /// Takes octets that do not pass as they are.
    fn take(&mut self, octets: &[u8]) {
        self.held.extend_from_slice(octets);
        loop {
            let passed = self.passing.min(self.held.len());
            self.done.extend_from_slice(&self.held.split_to(passed));
            self.passing -= passed;
            let Some(head) = self.held.get(..HEAD_BYTES) else { return };
            let whole = frame_bytes(head);
            if !is_looked_at(head) {
                self.passing = whole;
            } else if self.held.len() < whole {
                return;
            } else {
                let frame = self.held.split_to(whole);
                match rewrite(&frame) {
                    Some(rewritten) => self.done.extend_from_slice(&rewritten),
                    None => self.done.extend_from_slice(&frame),
                }
            }
        }
    }
}

/// The octets of a frame, its head included.
fn frame_bytes(head: &[u8]) -> usize {
    let [high, middle, low, ..] = head else { return HEAD_BYTES };
    HEAD_BYTES + (usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low))
}

fn is_looked_at(head: &[u8]) -> bool {
    head.get(3) == Some(&HEADERS) && frame_bytes(head) <= HEAD_BYTES + FRAME_BYTES_MAX
}

/// A HEADERS frame with another authority; `None` when it stays as it is.
fn rewrite(frame: &[u8]) -> Option<Vec<u8>> {
    let (head, payload) = frame.split_at_checked(HEAD_BYTES)?;
    let flags = *head.get(4)?;
    let (mut start, mut end) = (0, payload.len());
    if flags & PADDED != 0 {
        start += 1;
        end = end.checked_sub(usize::from(*payload.first()?))?;
    }
    if flags & PRIORITY != 0 {
        start += PRIORITY_BYTES;
    }
    let block = block::rewrite(payload.get(start..end)?)?;
    let length = start + block.len() + (payload.len() - end);
    if length > FRAME_BYTES_MAX {
        return None;
    }
    let mut rewritten = Vec::with_capacity(HEAD_BYTES + length);
    rewritten.extend(u32::try_from(length).ok()?.to_be_bytes().get(1..)?);
    rewritten.extend(head.get(3..)?);
    rewritten.extend(payload.get(..start)?);
    rewritten.extend(block);
    rewritten.extend(payload.get(end..)?);
    Some(rewritten)
}

impl<IO: AsyncRead + Unpin, G: Unpin> AsyncRead for Tolerant<IO, G> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(frames) = &mut this.frames else { return Pin::new(&mut this.io).poll_read(context, into) };
        loop {
            if into.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if !frames.done.is_empty() {
                let fits = into.remaining().min(frames.done.len());
                into.put_slice(&frames.done.split_to(fits));
                return Poll::Ready(Ok(()));
            }
            let before = into.filled().len();
            ready!(Pin::new(&mut this.io).poll_read(context, into))?;
            let octets = into.filled().get(before..).unwrap_or_default();
            if octets.is_empty() {
                if frames.held.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                // The other side ended within a frame.
                frames.done = frames.held.split();
                continue;
            }
            let passed = if frames.held.is_empty() { frames.pass(octets) } else { 0 };
            if passed < octets.len() {
                frames.take(octets.get(passed..).unwrap_or_default());
                into.set_filled(before + passed);
            }
            if passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin, G: Unpin> AsyncWrite for Tolerant<IO, G> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl<IO: Connected, G> Connected for Tolerant<IO, G> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> IO::ConnectInfo {
        self.io.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    /// A header block with this authority.
    fn block(authority: &[u8]) -> Vec<u8> {
        let mut block = vec![0x83, 0x41, u8::try_from(authority.len()).unwrap()];
        block.extend(authority);
        block
    }

    /// A connection's octets with this authority in every place that it can stand in.
    fn connection(authority: &[u8]) -> Vec<u8> {
        let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        all.extend(frame(4, 0, &[0; 12]));
        all.extend(frame(HEADERS, 4, &block(authority)));
        all.extend(frame(0, 1, b"data that looks like nothing"));
        let padded = [&[2][..], &block(authority), &[0, 0]].concat();
        all.extend(frame(HEADERS, 4 | PADDED, &padded));
        let first = [&[0; PRIORITY_BYTES][..], &block(authority)].concat();
        all.extend(frame(HEADERS, 4 | PRIORITY, &first));
        all.extend(frame(6, 0, &[0; 8]));
        all
    }

    /// What comes out where these octets come in, in pieces of so many.
    fn through(octets: &[u8], piece: usize) -> Vec<u8> {
        futures::executor::block_on(async {
            let (mut near, far) = tokio::io::duplex(octets.len().max(1));
            near.write_all(octets).await.unwrap();
            drop(near);
            let mut far = Tolerant::new(far, false, ());
            let (mut all, mut some) = (Vec::new(), vec![0; piece]);
            loop {
                let read = far.read(&mut some).await.unwrap();
                if read == 0 {
                    return all;
                }
                all.extend(&some[..read]);
            }
        })
    }

    #[test]
    fn only_the_authority_changes() {
        assert_eq!(through(&connection(b"/run/t.sock"), 4096), connection(b"-run-t.sock"));
        assert_eq!(through(&connection(b"localhost"), 4096), connection(b"localhost"));
    }

    #[test]
    fn a_connection_that_ends_within_a_frame_is_handed_on() {
        let whole = connection(b"localhost");
        let cut = &whole[..whole.len() - 12];
        assert_eq!(through(cut, 4096), cut);
        let within_headers = &whole[..24 + 9 + 12 + 9 + 3];
        assert_eq!(through(within_headers, 7), within_headers);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(piece in 1_usize..64) {
            prop_assert_eq!(through(&connection(b"/a"), piece), connection(b"-a"));
        }

        #[test]
        fn anything_is_read_to_its_end(octets in proptest::collection::vec(any::<u8>(), 0..400), piece in 1_usize..64) {
            // Whatever it is, it does not stop, and nothing is lost.
            prop_assert!(through(&octets, piece).len() >= octets.len());
        }
    }
}
