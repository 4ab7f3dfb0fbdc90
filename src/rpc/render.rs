//! Values as messages, where more than one service shows them.

pub(super) mod counts;
pub(super) mod graph;
pub(super) mod step;
pub(super) mod task;
pub(super) mod transition;

use chrono::{DateTime, Utc};
use prost_types::{Duration, Timestamp};

use crate::{
    domain,
    domain::{run::Micros, template::Template},
    error::Error,
    proto::tasker::v1 as proto,
    service::snapshot::View,
};

/// A point in time.
pub(super) fn time(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

/// A point in time.
pub(super) fn micros(at: Micros) -> Timestamp {
    let nanos = i32::try_from(at.rem_euclid(1_000_000) * 1_000).expect("less than a second");
    Timestamp { seconds: at.div_euclid(1_000_000), nanos }
}

/// A length of time.
pub(super) fn length(micros: Micros) -> Duration {
    let Timestamp { seconds, nanos } = self::micros(micros);
    Duration { seconds, nanos }
}

/// A refusal within an answer: the same as the status of a call would say.
pub(super) fn refusal(error: Error) -> tonic_types::pb::Status {
    let status = tonic::Status::from(error);
    let (code, message) = (status.code().into(), status.message().to_owned());
    prost::Message::decode(status.details()).unwrap_or(tonic_types::pb::Status { code, message, details: Vec::new() })
}

/// A handler version.
pub(super) fn handler(template: &Template) -> proto::HandlerRef {
    proto::HandlerRef {
        namespace: template.namespace.to_string(),
        name: template.name.to_string(),
        version: template.version.to_string(),
    }
}

/// A length of time.
pub(super) const fn millis(millis: i64) -> prost_types::Duration {
    prost_types::Duration { seconds: millis / 1_000, nanos: (millis % 1_000) as i32 * 1_000_000 }
}

/// A pause.
pub(super) fn pause(pause: &domain::pause::Pause) -> proto::HandlerPause {
    proto::HandlerPause {
        namespace: pause.namespace.clone(),
        handler: pause.handler.clone().unwrap_or_default(),
        pause_time: Some(micros(pause.since)),
        subject: pause.subject.clone(),
        requested_by: pause.requested_by.clone(),
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
