//! Events: the log of their order, those who watch it, and the publisher.

use std::time::Duration;

use serde::Deserialize;

use super::{
    Secret,
    check::Check,
    values::{hours, millis},
};
use crate::{engine, lifecycle::events as stream};

/// The section `events`.
#[derive(Debug, Clone, Deserialize)]
pub struct Events {
    /// Whether what happens is logged for events at all.
    pub enabled: bool,
    /// How long the log is kept: how far back a watcher can resume.
    #[serde(rename = "keep_hours", deserialize_with = "hours")]
    pub keep: Duration,
    /// The largest result or input that an event carries.
    pub payload_bytes: usize,
    /// Watchers of one server at most.
    pub watchers_max: usize,
    /// Watchers of one authenticated subject at most.
    pub watchers_per_caller: usize,
    /// Watchers of one namespace at most.
    pub watchers_per_namespace: usize,
    /// How often a server looks for events of other servers while somebody listens.
    #[serde(rename = "poll_interval_ms", deserialize_with = "millis")]
    pub poll_interval: Duration,
    /// The publisher to NATS.
    pub nats: Nats,
}

/// The section `events.nats`.
#[derive(Debug, Clone, Deserialize)]
pub struct Nats {
    /// The server, with a user and a password or a token if it wants them; empty publishes nothing.
    pub url: Secret,
    /// The stream that the events go to.
    pub stream: String,
    /// What subjects begin with.
    pub subject_prefix: String,
    /// How long NATS remembers ids, to drop repetitions.
    #[serde(rename = "duplicate_window_ms", deserialize_with = "millis")]
    pub duplicate_window: Duration,
    /// Messages that wait for their acknowledgement at most.
    pub batch_max: usize,
    /// How long a server that has gone silent stays the one that publishes.
    #[serde(rename = "lease_ttl_ms", deserialize_with = "millis")]
    pub lease_ttl: Duration,
}

impl Events {
    /// How the stream is read.
    pub(super) const fn stream(&self) -> stream::Settings {
        stream::Settings { enabled: self.enabled, payload_bytes: self.payload_bytes, poll_interval: self.poll_interval }
    }

    /// Where events are published, if anywhere.
    pub(super) fn publisher(&self) -> Option<engine::Nats> {
        let Nats { url, stream, subject_prefix, duplicate_window, batch_max, lease_ttl } = self.nats.clone();
        (!url.is_empty()).then(|| engine::Nats {
            url: url.expose().to_owned(),
            stream,
            subject_prefix,
            duplicate_window,
            batch_max,
            lease_ttl,
        })
    }

    pub(super) fn validate(&self, check: &mut Check) {
        let hours = self.keep.as_secs() / 3_600;
        check.range("events.keep_hours", hours, 1..=87_600);
        check.range("events.payload_bytes", self.payload_bytes, 0..=1 << 20);
        check.range("events.watchers_max", self.watchers_max, 1..=10_000);
        check.range("events.watchers_per_caller", self.watchers_per_caller, 1..=10_000);
        check.range("events.watchers_per_namespace", self.watchers_per_namespace, 1..=10_000);
        check.millis("events.poll_interval_ms", self.poll_interval, 10..=60_000);
        let nats = &self.nats;
        check.millis("events.nats.duplicate_window_ms", nats.duplicate_window, 100..=86_400_000);
        check.range("events.nats.batch_max", nats.batch_max, 1..=10_000);
        check.millis("events.nats.lease_ttl_ms", nats.lease_ttl, 1_000..=600_000);
        if nats.url.is_empty() {
            return;
        }
        check.rule("events.nats.url", self.enabled, || "needs events.enabled: nothing is logged".to_owned());
        check.demand(
            "events.nats.url",
            nats.url.expose().split(',').all(is_server),
            "must be host:port, nats://host:port or tls://host:port, several with commas",
            "write nats://host:4222",
        );
        check.rule("events.nats.stream", is_stream(&nats.stream), || {
            "must be letters, digits, - and _, at most 32 of them".to_owned()
        });
        check.rule("events.nats.subject_prefix", is_subject(&nats.subject_prefix), || {
            "must be words of letters, digits, - and _ with dots between them".to_owned()
        });
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A host with a scheme that NATS has, or without any.
fn is_server(text: &str) -> bool {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("nats", text.trim()));
    matches!(scheme, "nats" | "tls") && !rest.rsplit('@').next().unwrap_or_default().is_empty()
}

fn is_stream(text: &str) -> bool {
    text.len() <= 32 && is_word(text)
}

fn is_subject(text: &str) -> bool {
    text.len() <= 128 && text.split('.').all(is_word)
}
