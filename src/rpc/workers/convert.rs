//! Messages of the worker service and the engine's values, in both directions.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    auth::Scope,
    domain::{
        ids::StepId,
        json,
        run::{Failure, Micros},
    },
    engine::sessions::{Hello, Offer, Progress, Report},
    error::{Error, Reason, Result, Violation},
    lifecycle::{Ack, Assignment, Outcome, Verdict, workforce::Outgoing},
    proto::tasker::worker::v1::{self as proto, session_response::Message as Out, step_result::Outcome as Reported},
    store::sessions::OpenSession,
    telemetry::{Place, Spans},
};

const WORKER_ID_CHARS_MAX: usize = 128;
const OFFERS_MAX: usize = 10_000;
const SLOTS_MAX: i32 = 10_000;
const CLAIM_MAX: i32 = 1_000;
const MESSAGE_CHARS_MAX: usize = 4_096;
const BACKTRACE_BYTES_MAX: usize = 16 * 1024;
const CLASS_CHARS_MAX: usize = 255;
/// Assignments and acknowledgements in one message at most, so that messages stay within their limit.
const MESSAGE_ITEMS_MAX: usize = 512;
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What bounds results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) payload_bytes_max: usize,
}

pub(super) fn hello(message: proto::Hello) -> Result<Hello> {
    let mut violations = Vec::new();
    let session_id = match message.session_id.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(session_id) => Some(session_id),
            Err(_) => {
                violations.push(violation("session_id", "is not a session id"));
                None
            }
        },
    };
    check_worker_id(&message.worker_id, &mut violations);
    if !(1..=SLOTS_MAX).contains(&message.slots) {
        violations.push(violation("slots", &format!("must be from 1 to {SLOTS_MAX}")));
    }
    let offers = offers(message.offers, &mut violations);
    let held = holds(&message.held)?;
    if !violations.is_empty() {
        return Err(Error::invalid(violations));
    }
    let slots = usize::try_from(message.slots).expect("just checked");
    Ok(Hello { worker_id: message.worker_id, offers, slots, session_id, held, sdk: message.sdk, subject: None })
}

pub(super) fn claim(request: proto::ClaimRequest) -> Result<Hello> {
    let mut violations = Vec::new();
    check_worker_id(&request.worker_id, &mut violations);
    if !(1..=CLAIM_MAX).contains(&request.max_steps) {
        violations.push(violation("max_steps", &format!("must be from 1 to {CLAIM_MAX}")));
    }
    let offers = offers(request.offers, &mut violations);
    let session_id = match request.session_id.as_str() {
        "" => None,
        text => Some(self::session_id(text)?),
    };
    if !violations.is_empty() {
        return Err(Error::invalid(violations));
    }
    let slots = usize::try_from(request.max_steps).expect("just checked");
    let sdk = String::new();
    Ok(Hello { worker_id: request.worker_id, offers, slots, session_id, held: Vec::new(), sdk, subject: None })
}

pub(super) fn session_id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::new(Reason::SessionUnknown, "not a session id").with("session_id", text.to_owned()))
}

pub(super) fn attempt(step_id: &str, lease_token: i64) -> Result<(StepId, u16)> {
    let step = step_id.parse().map_err(|_| Error::invalid_field("step_id", "is not a step id"))?;
    // A token that no attempt can have is one that is not held.
    Ok((step, u16::try_from(lease_token).unwrap_or(0)))
}

pub(super) fn holds(held: &[proto::HeldLease]) -> Result<Vec<(StepId, u16)>> {
    held.iter().map(|lease| attempt(&lease.step_id, lease.lease_token)).collect()
}

pub(super) fn report(result: proto::StepResult, limits: Limits) -> Result<Report> {
    let (step, attempt) = attempt(&result.step_id, result.lease_token)?;
    if let Some(place) = Place::parse(&result.traceparent) {
        Spans::of_process().link(step.uuid(), attempt, place);
    }
    let outcome = match result.outcome {
        None => Err("the result has no outcome".to_owned()),
        Some(Reported::Success(success)) => {
            let text = if success.results_json.is_empty() { "{}" } else { &success.results_json };
            check(text, limits).map(|()| Outcome::Success(Arc::from(text)))
        }
        Some(Reported::Failure(failure)) => Ok(failed(failure, limits)),
    };
    Ok(Report { step, attempt, outcome })
}

/// Checks that results can be stored.
fn check(text: &str, limits: Limits) -> Result<(), String> {
    if text.len() > limits.payload_bytes_max {
        return Err(format!("results_json has {} bytes, {} are allowed", text.len(), limits.payload_bytes_max));
    }
    json::check(text).map(|_| ()).map_err(|problem| format!("results_json {problem}"))
}

/// A failure is accepted whatever it says: what is too long is cut, what cannot be stored is left out.
fn failed(failure: proto::Failure, limits: Limits) -> Outcome {
    let class = if failure.error_class.is_empty() { "Error" } else { &failure.error_class };
    let context = Some(failure.context_json).filter(|text| check(text, limits).is_ok());
    Outcome::Failure {
        failure: Failure {
            error_class: keep(class, CLASS_CHARS_MAX),
            message: keep(&failure.message, MESSAGE_CHARS_MAX),
            backtrace: keep_bytes(&failure.backtrace, BACKTRACE_BYTES_MAX),
            error_code: keep(&failure.error_code, CLASS_CHARS_MAX),
            permanent: failure.permanent,
            context_json: context.unwrap_or_default(),
        },
        retry_after_ms: failure.retry_after_ms.map(|millis| u64::try_from(millis).unwrap_or(0)),
    }
}

pub(super) fn progress(report: proto::ProgressReport) -> Vec<Progress> {
    let entries = report.progress.into_iter().filter_map(|progress| {
        let (step, attempt) = attempt(&progress.step_id, progress.lease_token).ok()?;
        let percent = if progress.percent.is_finite() { progress.percent.clamp(0.0, 100.0) } else { 0.0 };
        Some(Progress { step, attempt, percent, note: keep(&progress.note, CLASS_CHARS_MAX) })
    });
    entries.collect()
}

pub(super) fn welcome(
    session_id: Uuid,
    lost: &[(StepId, u16)],
    (lease_ttl, heartbeat): (Duration, Duration),
) -> proto::SessionResponse {
    let welcome = proto::Welcome {
        session_id: session_id.to_string(),
        lease_ttl: prost_types::Duration::try_from(lease_ttl).ok(),
        heartbeat_interval: prost_types::Duration::try_from(heartbeat).ok(),
        lost: lost
            .iter()
            .map(|(step, attempt)| proto::HeldLease { step_id: step.to_string(), lease_token: (*attempt).into() })
            .collect(),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    proto::SessionResponse { message: Some(Out::Welcome(welcome)) }
}

/// The next message of what waits, and about how many bytes of assignments are in it. Answers go first.
pub(super) fn next_response(waiting: &mut Outgoing) -> Option<(proto::SessionResponse, usize)> {
    let mut bytes = 0;
    let message = if !waiting.acks.is_empty() {
        let count = waiting.acks.len().min(MESSAGE_ITEMS_MAX);
        Out::Acks(proto::AckBatch { acks: acks(waiting.acks.drain(..count)) })
    } else if !waiting.stops.is_empty() {
        let stops = waiting.stops.drain(..).map(|(step, attempt, reason)| stop(step, attempt, reason));
        Out::Stops(proto::StopBatch { stops: stops.collect() })
    } else if !waiting.assignments.is_empty() {
        let fits = waiting.assignments.iter().take(MESSAGE_ITEMS_MAX).take_while(|assignment| {
            let fits = bytes == 0 || bytes + assignment.bytes() <= MESSAGE_BYTES_MAX;
            bytes += if fits { assignment.bytes() } else { 0 };
            fits
        });
        let count = fits.count();
        let assignments = waiting.assignments.drain(..count).map(|waits| assignment(&waits));
        Out::Assignments(proto::AssignmentBatch { assignments: assignments.collect() })
    } else if std::mem::take(&mut waiting.drain) {
        let reason = "the server is shutting down".to_owned();
        Out::Drain(proto::DrainNotice { reason, grace: None })
    } else {
        return None;
    };
    Some((proto::SessionResponse { message: Some(message) }, bytes))
}

pub(super) fn acks(acks: impl IntoIterator<Item = Ack>) -> Vec<proto::Ack> {
    let render = |ack: Ack| {
        let (outcome, message) = match ack.verdict {
            Verdict::Accepted => (proto::AckOutcome::Accepted, String::new()),
            Verdict::Stale(message) => (proto::AckOutcome::Stale, message),
            Verdict::Invalid(message) => (proto::AckOutcome::Invalid, message),
            Verdict::Retry => (proto::AckOutcome::Retry, "the result could not be stored now".to_owned()),
        };
        proto::Ack { step_id: ack.step.to_string(), lease_token: ack.attempt.into(), outcome: outcome.into(), message }
    };
    acks.into_iter().map(render).collect()
}

pub(super) fn assignment(assignment: &Assignment) -> proto::Assignment {
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
        handler_class: spec.handler_class.to_string(),
        namespace: template.namespace.to_string(),
        task_name: template.name.to_string(),
        version: template.version.to_string(),
        attempt: assignment.attempt.into(),
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

pub(super) fn stop(step: StepId, attempt: u16, reason: &str) -> proto::Stop {
    proto::Stop { step_id: step.to_string(), lease_token: attempt.into(), reason: reason.to_owned() }
}

/// Leaves of a session's offers those within the scope; whether any are left.
pub(super) fn offers_within(session: &mut OpenSession, scope: &Scope) -> bool {
    let offers = offers_of(session);
    let namespaces = scope.select(offers.iter().map(|offer| offer.namespace.as_str()));
    let within: Vec<&Offer> = offers.iter().filter(|offer| namespaces.contains(&offer.namespace.as_str())).collect();
    session.offers = serde_json::to_string(&within).expect("offers are plain text");
    !within.is_empty()
}

fn offers_of(session: &OpenSession) -> Vec<Offer> {
    serde_json::from_str(&session.offers).unwrap_or_default()
}

pub(super) fn worker(session: OpenSession) -> proto::Worker {
    let offers = offers_of(&session);
    let offers = offers.into_iter().map(|offer| proto::Offer {
        namespace: offer.namespace,
        step_handler: offer.step_handler,
        handler: offer.handler,
    });
    proto::Worker {
        worker_id: session.worker_id,
        session_id: session.session_id.to_string(),
        sdk: session.sdk,
        offers: offers.collect(),
        slots: session.slots,
        in_flight: i32::try_from(session.held).unwrap_or(i32::MAX),
        connect_time: Some(time(session.connected_at.timestamp_micros())),
        expire_time: Some(time(session.expires_at.timestamp_micros())),
        server_id: session.server_id.to_string(),
        draining: session.draining,
    }
}

fn offers(messages: Vec<proto::Offer>, violations: &mut Vec<Violation>) -> Vec<Offer> {
    if messages.is_empty() || messages.len() > OFFERS_MAX {
        violations.push(violation("offers", &format!("must have from 1 to {OFFERS_MAX} entries")));
    }
    let mut unique: BTreeMap<(String, String, String), ()> = BTreeMap::new();
    for (index, offer) in messages.into_iter().enumerate() {
        if offer.step_handler.is_empty() == offer.handler.is_empty() {
            violations.push(violation(&format!("offers[{index}]"), "must name a step handler or a handler"));
        }
        let namespace = if offer.namespace.is_empty() { "default".to_owned() } else { offer.namespace };
        unique.insert((namespace, offer.step_handler, offer.handler), ());
    }
    let offers =
        unique.into_keys().map(|(namespace, step_handler, handler)| Offer { namespace, step_handler, handler });
    offers.collect()
}

fn check_worker_id(worker_id: &str, violations: &mut Vec<Violation>) {
    let chars = worker_id.chars().count();
    if chars == 0 || chars > WORKER_ID_CHARS_MAX || worker_id.contains('\0') {
        violations.push(violation("worker_id", &format!("must have from 1 to {WORKER_ID_CHARS_MAX} characters")));
    }
}

fn violation(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}

/// The first characters of a text, without NUL.
fn keep(text: &str, chars_max: usize) -> String {
    text.chars().filter(|character| *character != '\0').take(chars_max).collect()
}

fn keep_bytes(text: &str, bytes_max: usize) -> String {
    let mut kept = keep(text, bytes_max);
    while kept.len() > bytes_max {
        kept.pop();
    }
    kept
}

fn time(micros: Micros) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).expect("less than a second");
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
