//! Values as messages, where more than one service shows them.

pub(super) mod graph;
pub(super) mod step;
pub(super) mod task;

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use crate::{domain, domain::run::Micros, proto::tasker::v1 as proto, service::snapshot::View};

/// A point in time.
pub(super) fn time(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

/// A point in time.
pub(super) fn micros(at: Micros) -> Timestamp {
    let nanos = i32::try_from(at.rem_euclid(1_000_000) * 1_000).expect("less than a second");
    Timestamp { seconds: at.div_euclid(1_000_000), nanos }
}

/// The point in time again.
pub(super) fn to_micros(at: Timestamp) -> Micros {
    at.seconds * 1_000_000 + Micros::from(at.nanos) / 1_000
}

/// A pause.
pub(super) fn pause(pause: &domain::explain::Pause) -> proto::HandlerPause {
    proto::HandlerPause {
        namespace: pause.namespace.clone(),
        name: pause.handler.clone().unwrap_or_default(),
        pause_time: Some(micros(pause.since)),
        paused_by: pause.by.clone(),
        reason: pause.reason.clone(),
    }
}

/// A state.
pub(super) const fn state(state: domain::state::State) -> proto::State {
    use domain::state::State;
    match state {
        State::Pending => proto::State::Pending,
        State::InProgress => proto::State::InProgress,
        State::Complete => proto::State::Complete,
        State::Error => proto::State::Error,
        State::Cancelled => proto::State::Cancelled,
        State::ResolvedManually => proto::State::ResolvedManually,
    }
}

/// How much of a task; nothing said is the method's default.
pub(super) const fn view(view: proto::TaskView, default: View) -> View {
    match view {
        proto::TaskView::Unspecified => default,
        proto::TaskView::Basic => View::Basic,
        proto::TaskView::Steps => View::Steps,
        proto::TaskView::Full => View::Full,
    }
}
