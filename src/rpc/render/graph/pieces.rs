//! A graph in two pieces: what stays as it is while nothing moves, and what each moment decides.
//!
//! Owns: which fields go by the clock, and how long the others hold. What stays is encoded once. A message that is sent
//! in several parts is merged by whoever reads it, field by field and messages within as well (the encoding of Protocol
//! Buffers says so), so an answer is the two pieces one after the other. Next: `rpc::graph` remembers what stays.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;

use super::expected_finish;
use crate::{
    domain::run::Micros,
    proto::tasker::v1 as proto,
    rpc::render::{micros, to_micros},
    service::{graph::AnalysisInputs, snapshot::Snapshot},
};

/// The unit of what is told of a backoff that has yet to elapse.
const MINUTE: Micros = 60_000_000;

/// What stays of a graph while nothing moves.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Kept {
    /// It, encoded.
    pub(in crate::rpc) bytes: Bytes,
    finish: Finish,
}

/// What of the expected finish goes by the clock.
#[derive(Debug, Clone, Copy)]
enum Finish {
    /// Nothing: it is not told of.
    Untold,
    /// Its times alone, which are always as far ahead: with typical durations, and with long ones.
    Ahead([Option<Micros>; 2]),
    /// All of it.
    Anew,
}

/// Takes a graph of the moment `now` apart: what stays of it, and what goes by the clock. `paced` tells that the expected
/// finish, as long as nothing moves, is always as far ahead.
pub(in crate::rpc) fn split(mut graph: proto::TaskGraph, now: Micros, paced: bool) -> (Kept, proto::TaskGraph) {
    let generate_time = graph.generate_time.take();
    let mut finish = Finish::Untold;
    let going = graph.critical_paths.as_mut().map(|paths| match &mut paths.expected_finish {
        Some(expected) if paced => {
            let times = [expected.finish_time.take(), expected.late_finish_time.take()];
            finish = Finish::Ahead(times.map(|time| time.map(|time| to_micros(time) - now)));
            times_of(times)
        }
        expected => {
            finish = Finish::Anew;
            of_finish(expected.take())
        }
    });
    let bytes = graph.encode_to_vec().into();
    (Kept { bytes, finish }, of_moment(generate_time, going))
}

impl Kept {
    /// What goes by the clock, for another moment; `None` when it has to be made anew.
    pub(in crate::rpc) fn moment(&self, now: Micros) -> Option<proto::TaskGraph> {
        let going = match self.finish {
            Finish::Untold => None,
            Finish::Ahead(ahead) => Some(times_of(ahead.map(|ahead| ahead.map(|ahead| micros(now + ahead))))),
            Finish::Anew => return None,
        };
        Some(of_moment(Some(micros(now)), going))
    }
}

/// What goes by the clock, for another moment of a graph whose expected finish has to be made anew.
pub(in crate::rpc) fn moment(snapshot: &Snapshot, inputs: &AnalysisInputs) -> proto::TaskGraph {
    of_moment(Some(micros(snapshot.now)), Some(of_finish(Some(expected_finish(snapshot, inputs)))))
}

fn of_moment(generate_time: Option<Timestamp>, critical_paths: Option<proto::CriticalPaths>) -> proto::TaskGraph {
    proto::TaskGraph { generate_time, critical_paths, ..proto::TaskGraph::default() }
}

fn of_finish(expected_finish: Option<proto::ExpectedFinish>) -> proto::CriticalPaths {
    proto::CriticalPaths { expected_finish, ..proto::CriticalPaths::default() }
}

fn times_of([finish_time, late_finish_time]: [Option<Timestamp>; 2]) -> proto::CriticalPaths {
    of_finish(Some(proto::ExpectedFinish { finish_time, late_finish_time, ..proto::ExpectedFinish::default() }))
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
