//! Messages to workers, made.

use std::time::Duration;

use uuid::Uuid;

use super::Limits;
use crate::{
    auth::Scope,
    domain::{offer::Offer, run::Micros},
    engine::sessions::NamedLease,
    lifecycle::{Ack, Assignment, NamedAck, StopReason, Verdict, workforce::Outgoing},
    proto::tasker::{
        v1::HandlerRef,
        worker::v1::{self as proto, offer::Target, open_session_response::Message as Out},
    },
    store::sessions::OpenSession,
};

/// Assignments and acknowledgements in one message at most, so that messages stay within their limit.
const MESSAGE_ITEMS_MAX: usize = 512;
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How a session is accepted.
pub(super) struct Terms {
    pub(super) lease_ttl: Duration,
    pub(super) heartbeat_interval: Duration,
    pub(super) now: Micros,
    pub(super) limits: Limits,
}

pub(super) fn welcome(session_id: Uuid, lost: &[NamedLease], terms: &Terms) -> proto::OpenSessionResponse {
    let welcome = proto::Welcome {
        session_id: session_id.to_string(),
        lease_ttl: duration(terms.lease_ttl),
        heartbeat_interval: duration(terms.heartbeat_interval),
        lost: lost
            .iter()
            .map(|lease| proto::HeldLease { step_id: lease.step_id.clone(), lease_token: lease.lease_token })
            .collect(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_time: Some(time(terms.now)),
        payload_bytes_max: bytes(terms.limits.payload_bytes_max),
        message_bytes_max: bytes(terms.limits.message_bytes_max),
    };
    response(Out::Welcome(welcome))
}

pub(super) fn claimed(session_id: Uuid, assignments: &[Assignment], terms: &Terms) -> proto::ClaimStepsResponse {
    proto::ClaimStepsResponse {
        session_id: session_id.to_string(),
        assignments: assignments.iter().map(assignment).collect(),
        lease_ttl: duration(terms.lease_ttl),
        server_time: Some(time(terms.now)),
        payload_bytes_max: bytes(terms.limits.payload_bytes_max),
        message_bytes_max: bytes(terms.limits.message_bytes_max),
    }
}

/// The next message of what waits. Signs of life and answers go first; assignments are left for [`next_assignments`].
pub(super) fn next_response(waiting: &mut Outgoing) -> Option<proto::OpenSessionResponse> {
    let message = if let Some(received) = waiting.heartbeat.take() {
        Out::Heartbeat(proto::Heartbeat { received_sequence: i64::try_from(received).unwrap_or(i64::MAX) })
    } else if !waiting.acks.is_empty() || !waiting.named_acks.is_empty() {
        let count = waiting.acks.len().min(MESSAGE_ITEMS_MAX);
        let mut acks: Vec<_> = waiting.acks.drain(..count).map(ack).collect();
        let count = waiting.named_acks.len().min(MESSAGE_ITEMS_MAX - count);
        acks.extend(waiting.named_acks.drain(..count).map(named_ack));
        Out::Acks(proto::AckBatch { acks })
    } else if !waiting.stops.is_empty() {
        let stops = waiting.stops.drain(..).map(|(step, attempt, reason)| {
            stop(NamedLease { step_id: step.to_string(), lease_token: attempt.into(), attempt: None }, reason)
        });
        Out::Stops(proto::StopBatch { stops: stops.collect() })
    } else if waiting.assignments.is_empty() && std::mem::take(&mut waiting.drain) {
        let reason = "the server is shutting down".to_owned();
        Out::Drain(proto::DrainNotice { reason, grace: None })
    } else {
        return None;
    };
    Some(response(message))
}

/// The next assignments of what waits, as many as go into a message, and about how many bytes they are.
pub(super) fn next_assignments(waiting: &mut Outgoing) -> Option<(Vec<Assignment>, usize)> {
    let mut bytes = 0;
    let fits = waiting.assignments.iter().take(MESSAGE_ITEMS_MAX).take_while(|assignment| {
        let fits = bytes == 0 || bytes + assignment.bytes() <= MESSAGE_BYTES_MAX;
        bytes += if fits { assignment.bytes() } else { 0 };
        fits
    });
    let count = fits.count();
    (count > 0).then(|| (waiting.assignments.drain(..count).collect(), bytes))
}

pub(super) fn batch(sequence: u64, assignments: &[Assignment]) -> proto::OpenSessionResponse {
    let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
    let assignments = assignments.iter().map(assignment).collect();
    response(Out::Assignments(proto::AssignmentBatch { assignments, sequence }))
}

fn response(message: Out) -> proto::OpenSessionResponse {
    proto::OpenSessionResponse { message: Some(message) }
}

fn ack(ack: Ack) -> proto::Ack {
    let (step_id, lease_token) = (ack.step.to_string(), ack.attempt.into());
    named_ack(NamedAck { step_id, lease_token, verdict: ack.verdict })
}

pub(super) fn named_ack(ack: NamedAck) -> proto::Ack {
    let (outcome, message) = match ack.verdict {
        Verdict::Accepted => (proto::AckOutcome::Accepted, String::new()),
        Verdict::Stale(message) => (proto::AckOutcome::Stale, message),
        Verdict::Invalid(message) => (proto::AckOutcome::Invalid, message),
        Verdict::Retry => (proto::AckOutcome::Retry, "the result could not be stored now".to_owned()),
    };
    proto::Ack { step_id: ack.step_id, lease_token: ack.lease_token, outcome: outcome.into(), message }
}

fn assignment(assignment: &Assignment) -> proto::Assignment {
    let template = &assignment.template;
    let spec = template.step(assignment.step.no);
    let dependencies = assignment.dependencies.iter().map(|(name, results)| proto::DependencyResult {
        step_name: name.to_string(),
        results_json: results.to_string(),
    });
    proto::Assignment {
        task_id: assignment.step.task.to_string(),
        step_id: assignment.step.to_string(),
        lease_token: assignment.attempt.into(),
        step_name: spec.name.to_string(),
        step_handler: spec.handler_class.to_string(),
        handler: Some(HandlerRef {
            namespace: template.namespace.to_string(),
            name: template.name.to_string(),
            version: template.version.to_string(),
        }),
        attempt: assignment.count.into(),
        retry_limit: assignment.retry_limit.into(),
        inputs_json: assignment.inputs.to_string(),
        handler_config_json: spec.config_json.to_string(),
        dependencies: dependencies.collect(),
        dependencies_omitted: assignment.dependencies_omitted,
        deadline_time: assignment.deadline_at.map(time),
        correlation_id: assignment.correlation_id.as_deref().unwrap_or_default().to_owned(),
        traceparent: assignment.trace.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

pub(super) fn stop(lease: NamedLease, reason: StopReason) -> proto::Stop {
    let reason = match reason {
        StopReason::Cancelled => proto::StopReason::Cancelled,
        StopReason::TimedOut => proto::StopReason::TimedOut,
        StopReason::LeaseLost => proto::StopReason::LeaseLost,
    };
    proto::Stop { step_id: lease.step_id, lease_token: lease.lease_token, reason: reason.into() }
}

/// A session as far as it is within the scope; `None` when nothing of it is.
pub(super) fn worker(session: OpenSession, scope: &Scope) -> Option<proto::Worker> {
    let mut offers: Vec<Offer> = serde_json::from_str(&session.offers).unwrap_or_default();
    if !scope.covers_all() {
        let namespaces = scope.select(offers.iter().map(|offer| offer.namespace.clone()));
        offers.retain(|offer| namespaces.contains(&offer.namespace));
        if offers.is_empty() {
            return None;
        }
    }
    Some(proto::Worker {
        worker_id: session.worker_id,
        session_id: session.session_id.to_string(),
        sdk: session.sdk,
        offers: offers.into_iter().map(offer).collect(),
        slots: session.slots,
        in_flight: i32::try_from(session.held).unwrap_or(i32::MAX),
        connect_time: Some(time(session.connected_at.timestamp_micros())),
        expire_time: Some(time(session.expires_at.timestamp_micros())),
        server_id: session.server_id.to_string(),
        draining: session.draining,
    })
}

fn offer(Offer { namespace, step_handler, handler, versions }: Offer) -> proto::Offer {
    let target = if handler.is_empty() { Target::StepHandler(step_handler) } else { Target::Handler(handler) };
    proto::Offer { namespace, target: Some(target), versions }
}

fn duration(of: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(of).ok()
}

fn bytes(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn time(micros: Micros) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
