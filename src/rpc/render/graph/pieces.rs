//! A graph in two pieces: what stays as it is while nothing moves, and what each moment decides.
//!
//! Owns: which fields go by the clock, and how long the others hold. What stays is encoded at once: fields of a message
//! may follow one another in any order, so an answer is put together from bytes without being rendered again. Next:
//! `rpc::graph` remembers the pieces.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;

use super::{Sections, expected_finish};
use crate::{
    domain::run::Micros,
    proto::tasker::v1 as proto,
    rpc::render::micros,
    service::{graph::Basis, snapshot::Snapshot},
};

/// The unit of what is told of a backoff that has yet to elapse.
const MINUTE: Micros = 60_000_000;

/// What stays of a graph.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Pieces {
    /// All but the critical paths.
    rest: Bytes,
    /// The critical paths but for the expected finish, if they were asked for.
    critical_paths: Option<Bytes>,
}

/// What goes by the clock.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rpc) struct Moment {
    generate_time: Option<prost_types::Timestamp>,
    /// Only of use beside critical paths.
    expected_finish: Option<proto::ExpectedFinish>,
}

/// The fields of a graph that are written anew for every answer.
#[derive(Clone, PartialEq, prost::Message)]
struct Anew {
    #[prost(message, optional, tag = "6")]
    generate_time: Option<prost_types::Timestamp>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    critical_paths: Option<Bytes>,
}

impl Pieces {
    /// Takes a graph apart.
    pub(in crate::rpc) fn split(mut graph: proto::TaskGraph) -> (Self, Moment) {
        let generate_time = graph.generate_time.take();
        let mut critical_paths = graph.critical_paths.take();
        let expected_finish = critical_paths.as_mut().and_then(|paths| paths.expected_finish.take());
        let critical_paths = critical_paths.map(|paths| paths.encode_to_vec().into());
        let pieces = Self { rest: graph.encode_to_vec().into(), critical_paths };
        (pieces, Moment { generate_time, expected_finish })
    }

    /// The graph at a moment, encoded.
    pub(in crate::rpc) fn join(&self, Moment { generate_time, expected_finish }: Moment) -> Bytes {
        let finish = proto::CriticalPaths { expected_finish, ..proto::CriticalPaths::default() };
        let critical_paths = self.critical_paths.as_ref().map(|kept| joined(kept, &finish));
        joined(&self.rest, &Anew { generate_time, critical_paths })
    }

    /// How many bytes it takes.
    pub(in crate::rpc) fn bytes(&self) -> usize {
        self.rest.len() + self.critical_paths.as_ref().map_or(0, Bytes::len)
    }
}

impl Moment {
    /// The moment of a snapshot.
    pub(in crate::rpc) fn of(snapshot: &Snapshot, basis: &Basis, sections: Sections) -> Self {
        let has_paths = sections.has(proto::GraphSection::CriticalPaths);
        Self {
            generate_time: Some(micros(snapshot.now)),
            expected_finish: has_paths.then(|| expected_finish(snapshot, basis)),
        }
    }
}

/// From when to when all that is told of a run with these backoffs at this time, but for its [`Moment`], stays true
/// unless something moves: no backoff elapses, and none has a minute less to go.
pub(in crate::rpc) fn steady(backoffs: impl Iterator<Item = Micros>, now: Micros) -> Range<Micros> {
    backoffs.fold(Micros::MIN..Micros::MAX, |steady, at| {
        let (from, until) = match at - now {
            ..=0 => (at, Micros::MAX),
            wait => {
                let minutes = (wait + MINUTE - 1) / MINUTE;
                (at - minutes * MINUTE, at - (minutes - 1) * MINUTE)
            }
        };
        steady.start.max(from)..steady.end.min(until)
    })
}

/// Fields that are encoded already, and those of a message.
fn joined(encoded: &[u8], message: &impl Message) -> Bytes {
    let mut bytes = Vec::with_capacity(encoded.len() + message.encoded_len());
    bytes.extend_from_slice(encoded);
    message.encode(&mut bytes).expect("a Vec grows");
    bytes.into()
}

#[cfg(test)]
mod tests;
