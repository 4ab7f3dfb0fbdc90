//! Messages of workers, read.
//!
//! A message that sets a session up is refused as a whole, with every bad field. Of results, leases and progress each is read
//! by itself: a bad one harms no other.

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;

use super::Limits;
use crate::{
    domain::{
        json,
        offer::Offer,
        run::{Failure, HandBackReason},
    },
    engine::sessions::{Hello, NamedLease, Progress, Report},
    error::{Error, Reason, Result, Violation},
    lifecycle::Outcome,
    proto::tasker::worker::v1::{self as proto, ReleaseReason, offer::Target, step_result::Outcome as Reported},
    telemetry::{Place, Spans},
};

const WORKER_ID_CHARS_MAX: usize = 128;
const SDK_CHARS_MAX: usize = 128;
const OFFERS_MAX: usize = 10_000;
const VERSIONS_MAX: usize = 100;
const SLOTS_MAX: i32 = 10_000;
const CLAIM_MAX: i32 = 1_000;
const MESSAGE_CHARS_MAX: usize = 4_096;
const BACKTRACE_BYTES_MAX: usize = 16 * 1024;
const CLASS_CHARS_MAX: usize = 255;

/// What is wrong with a message so far.
#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn note(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// A number within its bounds; the lowest in place of another.
    fn number(&mut self, field: &str, value: i32, (least, most): (i32, i32)) -> usize {
        if !(least..=most).contains(&value) {
            self.note(field, format!("must be from {least} to {most}"));
        }
        usize::try_from(value.clamp(least, most)).unwrap_or(0)
    }

    fn worker_id(&mut self, worker_id: &str) {
        let chars = worker_id.chars().count();
        if !(1..=WORKER_ID_CHARS_MAX).contains(&chars) || worker_id.contains('\0') {
            self.note("worker_id", format!("must have from 1 to {WORKER_ID_CHARS_MAX} characters"));
        }
    }

    fn session_id(&mut self, text: &str) -> Option<Uuid> {
        let parsed = text.parse().ok();
        if parsed.is_none() && !text.is_empty() {
            self.note("session_id", "is not a session id");
        }
        parsed
    }

    fn offers(&mut self, said: Vec<proto::Offer>) -> Vec<Offer> {
        if said.is_empty() || said.len() > OFFERS_MAX {
            self.note("offers", format!("must have from 1 to {OFFERS_MAX} entries"));
            return Vec::new();
        }
        let mut unique = BTreeSet::new();
        for (index, proto::Offer { namespace, target, versions }) in said.into_iter().enumerate() {
            let (step_handler, handler) = match target {
                Some(Target::StepHandler(name)) => (name, String::new()),
                Some(Target::Handler(name)) => (String::new(), name),
                None => (String::new(), String::new()),
            };
            if step_handler.is_empty() && handler.is_empty() {
                self.note(format!("offers[{index}]"), "must name a step handler or a handler");
            }
            if [&namespace, &step_handler, &handler].into_iter().any(|name| name.contains('\0')) {
                self.note(format!("offers[{index}]"), "must not contain NUL");
            }
            if versions.len() > VERSIONS_MAX {
                self.note(format!("offers[{index}].versions"), format!("must have at most {VERSIONS_MAX} entries"));
            }
            for (place, version) in versions.iter().enumerate() {
                if !is_version(version) {
                    let field = format!("offers[{index}].versions[{place}]");
                    self.note(field, "must be three dot-separated numbers");
                }
            }
            let namespace = if namespace.is_empty() { "default".to_owned() } else { namespace };
            unique.insert(Offer { namespace, step_handler, handler, versions });
        }
        unique.into_iter().collect()
    }

    fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid(self.0)) }
    }
}

fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 16 && text.split('.').count() == 3 && text.split('.').all(is_number)
}

pub(super) fn hello(said: proto::Hello) -> Result<Hello> {
    let mut violations = Violations::default();
    violations.worker_id(&said.worker_id);
    let session_id = violations.session_id(&said.session_id);
    let slots = violations.number("slots", said.slots, (0, SLOTS_MAX));
    let offers = violations.offers(said.offers);
    violations.finish()?;
    let (held, sdk) = (leases(&said.held), keep(&said.sdk, SDK_CHARS_MAX));
    Ok(Hello { worker_id: said.worker_id, offers, slots, session_id, held, sdk, subject: None })
}

pub(super) fn claim(request: proto::ClaimStepsRequest) -> Result<Hello> {
    let mut violations = Violations::default();
    violations.worker_id(&request.worker_id);
    let session_id = violations.session_id(&request.session_id);
    let slots = violations.number("max_steps", request.max_steps, (1, CLAIM_MAX));
    let offers = violations.offers(request.offers);
    violations.finish()?;
    let (held, sdk) = (Vec::new(), String::new());
    Ok(Hello { worker_id: request.worker_id, offers, slots, session_id, held, sdk, subject: None })
}

pub(super) fn slots(set: proto::SetSlots) -> Result<usize> {
    let mut violations = Violations::default();
    let slots = violations.number("set_slots.slots", set.slots, (0, SLOTS_MAX));
    violations.finish().map(|()| slots)
}

pub(super) fn session_id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| {
        let text = text.chars().take(WORKER_ID_CHARS_MAX).collect::<String>();
        Error::new(Reason::SessionUnknown, "not a session id").with("session_id", text)
    })
}

pub(super) fn leases(held: &[proto::HeldLease]) -> Vec<NamedLease> {
    held.iter().map(|lease| NamedLease::new(&lease.step_id, lease.lease_token)).collect()
}

pub(super) fn report(result: proto::StepResult, limits: Limits) -> Report {
    let lease = NamedLease::new(&result.step_id, result.lease_token);
    if let (Some(place), Some((step, attempt))) = (Place::parse(&result.traceparent), lease.attempt) {
        Spans::of_process().link(step.uuid(), attempt, place);
    }
    let outcome = match result.outcome {
        None => Err("the result has no outcome".to_owned()),
        Some(Reported::Success(success)) => {
            let text = success.results_json.as_deref().unwrap_or("{}");
            check(text, limits).map(|()| Outcome::Success(Arc::from(text)))
        }
        Some(Reported::Failure(failure)) => Ok(failed(failure, limits)),
        Some(Reported::Release(release)) => match release.reason() {
            ReleaseReason::WorkerDraining => Ok(HandBackReason::WorkerDraining),
            ReleaseReason::NotSupported => Ok(HandBackReason::NotSupported),
            ReleaseReason::Unspecified => Err("the release has no reason that is known here".to_owned()),
        }
        .map(|reason| Outcome::HandedBack { reason, by: None }),
    };
    Report { lease, outcome }
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
        // A wait below zero is none that is asked for.
        retry_after: failure.retry_after.and_then(crate::rpc::fields::length),
    }
}

pub(super) fn progress(entries: Vec<proto::Progress>) -> Vec<Progress> {
    let entries = entries.into_iter().filter_map(|progress| {
        let (step, attempt) = NamedLease::new(&progress.step_id, progress.lease_token).attempt?;
        let percent = if progress.percent.is_finite() { progress.percent.clamp(0.0, 100.0) } else { 0.0 };
        Some(Progress { step, attempt, percent, note: keep(&progress.note, CLASS_CHARS_MAX) })
    });
    entries.collect()
}

/// The first characters of a text, without NUL.
fn keep(text: &str, chars_max: usize) -> String {
    text.chars().filter(|character| *character != '\0').take(chars_max).collect()
}

fn keep_bytes(text: &str, bytes_max: usize) -> String {
    let mut kept = keep(text, bytes_max);
    kept.truncate(kept.floor_char_boundary(bytes_max));
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits { payload_bytes_max: 1_000, message_bytes_max: 10_000 };
    const STEP: &str = "0190a000-0000-7000-8000-000000000001";

    fn success(results_json: Option<&str>) -> proto::StepResult {
        let outcome = Reported::Success(proto::Success { results_json: results_json.map(str::to_owned) });
        proto::StepResult { step_id: STEP.into(), lease_token: 1, outcome: Some(outcome), ..Default::default() }
    }

    #[test]
    fn null_is_told_from_nothing() {
        let check = |results: Option<&str>, expected: std::result::Result<&str, &str>| {
            let outcome = report(success(results), LIMITS).outcome;
            let stored = match &outcome {
                Ok(Outcome::Success(stored)) => Ok(&**stored),
                Err(message) => Err(message.split(' ').next().unwrap_or_default()),
                other => panic!("{other:?}"),
            };
            assert_eq!(stored, expected, "{results:?}");
        };
        check(None, Ok("{}"));
        check(Some("null"), Ok("null"));
        check(Some("[]"), Ok("[]"));
        check(Some(""), Err("results_json"));
    }

    #[test]
    fn waits_that_are_asked_for_are_told_from_none() {
        let check = |wait: Option<(i64, i32)>, expected: Option<Duration>| {
            let retry_after = wait.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
            let failure = proto::Failure { retry_after, ..Default::default() };
            let Outcome::Failure { retry_after, .. } = failed(failure, LIMITS) else { panic!("it failed") };
            assert_eq!(retry_after, expected, "{wait:?}");
        };
        check(None, None);
        check(Some((0, 0)), Some(Duration::ZERO));
        check(Some((1, 500_000_000)), Some(Duration::from_millis(1_500)));
        check(Some((-5, 0)), None);
        check(Some((0, -1)), None);
        check(Some((i64::MIN, i32::MIN)), None);
        check(Some((i64::MAX, i32::MAX)), Some(Duration::new(i64::MAX as u64, 999_999_999)));
    }

    #[test]
    fn an_attempt_is_named_or_is_none() {
        let check = |step_id: &str, token: i64, is_one: bool| {
            assert_eq!(NamedLease::new(step_id, token).attempt.is_some(), is_one, "{step_id} {token}");
        };
        check(STEP, 1, true);
        check(STEP, 65_535, true);
        check(STEP, 65_536, false);
        check(STEP, -1, false);
        check(STEP, i64::MIN, false);
        check("0190a000-0000-7000-8000-00000000ffff", 1, false);
        check("0190a000-0000-7000-8000-000000000000", 1, false);
        check("not-a-uuid", 1, false);
    }

    #[test]
    fn every_bad_field_of_a_hello_is_named() {
        let offer = |target: Option<Target>, versions: &[&str]| proto::Offer {
            target,
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
            ..Default::default()
        };
        let said = proto::Hello {
            worker_id: "w".repeat(129),
            slots: 10_001,
            session_id: "x".into(),
            offers: vec![
                offer(None, &[]),
                offer(Some(Target::Handler("h".into())), &["1.0.0", "1.0", "latest", "1.0.00000000000000"]),
            ],
            ..Default::default()
        };
        let error = hello(said).unwrap_err();
        let fields: Vec<&str> = error.violations().iter().map(|violation| violation.field.as_str()).collect();
        let expected = ["worker_id", "session_id", "slots", "offers[0]"];
        let versions = ["offers[1].versions[1]", "offers[1].versions[2]", "offers[1].versions[3]"];
        assert_eq!(fields, [&expected[..], &versions[..]].concat());
    }
}
