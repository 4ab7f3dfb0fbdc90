//! A graph in two pieces: what stays as it is while nothing moves, and what each moment decides.
//!
//! Owns: which fields go by the clock, and how long the others hold. What stays is encoded once. A message that is sent
//! in several parts is merged by whoever reads it, field by field and messages within as well (the encoding of Protocol
//! Buffers says so), so an answer is the two pieces one after the other. Next: `rpc::graph` remembers what stays.

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

/// Takes a graph apart: what stays of it, encoded, and what goes by the clock.
pub(in crate::rpc) fn split(mut graph: proto::TaskGraph) -> (Bytes, proto::TaskGraph) {
    let generate_time = graph.generate_time.take();
    let finish = |paths: &mut proto::CriticalPaths| going(paths.expected_finish.take());
    let critical_paths = graph.critical_paths.as_mut().map(finish);
    (graph.encode_to_vec().into(), proto::TaskGraph { generate_time, critical_paths, ..proto::TaskGraph::default() })
}

/// What goes by the clock, for another moment of a graph that stays.
pub(in crate::rpc) fn moment(snapshot: &Snapshot, basis: &Basis, sections: Sections) -> proto::TaskGraph {
    let has_paths = sections.has(proto::GraphSection::CriticalPaths);
    proto::TaskGraph {
        generate_time: Some(micros(snapshot.now)),
        critical_paths: has_paths.then(|| going(Some(expected_finish(snapshot, basis)))),
        ..proto::TaskGraph::default()
    }
}

/// All of the critical paths that goes by the clock.
fn going(expected_finish: Option<proto::ExpectedFinish>) -> proto::CriticalPaths {
    proto::CriticalPaths { expected_finish, ..proto::CriticalPaths::default() }
}

/// From when to when all that is told of a run with these backoffs at this time, but for what goes by the clock, stays
/// true unless something moves: no backoff elapses, and none has a minute less to go.
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

#[cfg(test)]
mod tests;
