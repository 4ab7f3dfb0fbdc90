//! Decisions, and what is recorded of them.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use futures::future::BoxFuture;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

use super::*;
use crate::{
    auth::{Scope, Target, coordinator::Claims},
    telemetry::metrics::text,
};

/// Believes whoever says who it is and what it is granted: `ann tasker.task:create@alpha`.
#[derive(Debug)]
struct Believer;

impl Authenticator for Believer {
    fn name(&self) -> &'static str {
        "believer"
    }

    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Option<Principal>, Rejection>> {
        Box::pin(async {
            let Some(token) = &credentials.token else { return Ok(None) };
            let (subject, grants) = token.split_once(' ').ok_or(Rejection::Expired)?;
            let mut principal = Principal::new(subject, "believer");
            principal.grants = grants.split(' ').filter_map(|grant| grant.parse().ok()).collect();
            Ok(Some(principal))
        })
    }
}

/// Where log lines go.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

const CREATE: Permission = Permission { resource: "tasker.task", action: "create" };
const CALL: Call<'_> = Call { method: "/tasker.v1.TaskService/CreateTask", correlation_id: "tsk_1" };

/// A call by `token` that turns out to be about a namespace; how it ended, its record, and what was counted.
fn call(token: Option<&str>, namespace: &str, records: Records) -> (String, String, String) {
    let metrics = Metrics::default();
    let audit = Audit { records, metrics: metrics.clone() };
    let gate = Gate::guarded(vec![Box::new(Believer)], AnyOf(vec![Box::new(Claims)]), audit);
    let lines = Lines::default();
    let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone()).without_time().with_ansi(false);
    let ended = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let credentials = Credentials { token: token.map(Arc::from), ..Credentials::default() };
        let access = Access::Requires { permission: CREATE, or_creator: false };
        let admitted = futures::executor::block_on(gate.admit(&CALL, access, Ok(credentials)));
        admitted.map_err(|error| error.message().to_owned()).and_then(|permit| {
            let permit = permit.unwrap();
            let mut extensions = http::Extensions::new();
            extensions.insert(permit.clone());
            extensions.insert(gate.clone());
            let narrowed = Scope::of(&extensions).unwrap().require(&Target { namespace, ..Target::default() });
            gate.record(&CALL, &permit);
            narrowed.map_err(|error| error.message().to_owned())
        })
    });
    let record = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let counted = text::render(&metrics);
    let counted = counted.lines().find(|line| line.starts_with("tasker_auth_decisions_total{")).unwrap_or_default();
    (ended.map_or_else(|error| error, |()| "fine".to_owned()), record.trim().to_owned(), counted.to_owned())
}

#[track_caller]
fn check(token: Option<&str>, namespace: &str, ended: &str, record: &[&str], counted: &[&str]) {
    let seen = call(token, namespace, Records::All);
    assert_eq!(seen.0, ended);
    for part in record.iter().chain(&["method=\"/tasker.v1.TaskService/CreateTask\"", "correlation_id=\"tsk_1\""]) {
        assert!(seen.1.contains(part), "{part} is not in {}", seen.1);
    }
    for part in counted.iter().chain(&["permission=\"tasker.task:create\"", "} 1"]) {
        assert!(seen.2.contains(part), "{part} is not in {}", seen.2);
    }
}

#[test]
fn every_decision_is_recorded_and_counted() {
    check(
        Some("ann tasker.task:create@alpha"),
        "alpha",
        "fine",
        &["outcome=\"allowed\"", "subject=\"ann\"", "source=\"believer\"", "namespace=\"alpha\""],
        &["outcome=\"allowed\"", "reason=\"\""],
    );
    check(
        Some("ann tasker.task:create@alpha"),
        "beta",
        "the permission `tasker.task:create` is missing in `beta`",
        &["outcome=\"denied\"", "reason=\"namespace\"", "subject=\"ann\"", "namespace=\"beta\""],
        &["outcome=\"denied\"", "reason=\"namespace\""],
    );
    check(
        Some("bob tasker.task:show"),
        "alpha",
        "the permission `tasker.task:create` is missing",
        &["outcome=\"denied\"", "reason=\"permission\"", "subject=\"bob\""],
        &["outcome=\"denied\"", "reason=\"permission\""],
    );
    check(
        Some("expired"),
        "alpha",
        "the token has expired",
        &["outcome=\"unauthenticated\"", "reason=\"expired\"", "subject=\"\""],
        &["outcome=\"unauthenticated\"", "reason=\"expired\""],
    );
    check(
        None,
        "alpha",
        "credentials are required: send `authorization: Bearer TOKEN`",
        &["outcome=\"unauthenticated\"", "reason=\"missing\""],
        &["outcome=\"unauthenticated\"", "reason=\"missing\""],
    );
}

#[test]
fn what_is_allowed_may_be_left_out_of_the_log_but_is_counted() {
    let (_, record, counted) = call(Some("ann *"), "alpha", Records::Refused);
    assert_eq!(record, "");
    assert!(counted.contains("outcome=\"allowed\""), "{counted}");
    let (_, record, _) = call(Some("ann tasker.task:show"), "alpha", Records::Refused);
    assert!(record.contains("denied"), "{record}");
}

#[test]
fn a_token_is_in_no_record_and_in_no_debug_text() {
    let (_, record, _) = call(Some("ann *"), "alpha", Records::All);
    assert!(!record.contains("ann *"), "{record}");
    let credentials = Credentials { token: Some(Arc::from("secret")), ..Credentials::default() };
    assert!(!format!("{credentials:?}").contains("secret"));
}
