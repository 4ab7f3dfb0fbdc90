//! What runs by itself: the writer, sessions, the sweeper, the dispatcher.

use std::time::Duration;

use serde::Deserialize;

use super::{check::Check, values::millis};

/// The section `writer`.
#[derive(Debug, Clone, Deserialize)]
pub struct Writer {
    /// Connections that write.
    pub lanes: usize,
    /// Items in one transaction at most.
    pub batch_items_max: usize,
    /// Items that wait for a lane at most.
    pub queue_items_max: usize,
    /// Bytes of items that wait for a lane at most.
    pub queue_bytes_max: usize,
    /// Bytes of running tasks that a lane keeps in memory at most.
    pub run_cache_bytes_max: usize,
    /// How long a lane waits for its connection.
    #[serde(rename = "connect_timeout_ms", deserialize_with = "millis")]
    pub connect_timeout: Duration,
}

/// The section `sessions`.
#[derive(Debug, Clone, Deserialize)]
pub struct Sessions {
    /// How long a silent worker keeps its steps.
    #[serde(rename = "lease_ttl_ms", deserialize_with = "millis")]
    pub lease_ttl: Duration,
    /// How often workers show that they live.
    #[serde(rename = "heartbeat_ms", deserialize_with = "millis")]
    pub heartbeat: Duration,
    /// Steps that one worker may hold.
    pub slots_max: usize,
}

/// The section `sweeper`.
#[derive(Debug, Clone, Deserialize)]
pub struct Sweeper {
    /// How often it looks for lost leases and deadlines.
    #[serde(rename = "interval_ms", deserialize_with = "millis")]
    pub interval: Duration,
    /// How often it looks for unfinished tasks that nobody moves.
    #[serde(rename = "reconcile_interval_ms", deserialize_with = "millis")]
    pub reconcile_interval: Duration,
}

/// The section `dispatch`.
#[derive(Debug, Clone, Deserialize)]
pub struct Dispatch {
    /// Steps that one look claims at most.
    pub batch_max: usize,
    /// How often it looks when no hint comes.
    #[serde(rename = "poll_interval_ms", deserialize_with = "millis")]
    pub poll_interval: Duration,
    /// Whether servers tell each other about new work at once.
    pub hints: bool,
}

/// The section `supervision`.
#[derive(Debug, Clone, Deserialize)]
pub struct Supervision {
    /// How long a failed loop waits before it is started again.
    #[serde(rename = "restart_ms", deserialize_with = "millis")]
    pub restart: Duration,
    /// How long it waits at most.
    #[serde(rename = "restart_max_ms", deserialize_with = "millis")]
    pub restart_max: Duration,
    /// Failures of one loop in a row that end the process.
    pub failures_max: u32,
    /// How long a loop has to run before a failure counts as the first.
    #[serde(rename = "settled_after_ms", deserialize_with = "millis")]
    pub settled_after: Duration,
}

impl Writer {
    pub(super) fn validate(&self, check: &mut Check) {
        check.range("writer.lanes", self.lanes, 1..=64);
        check.range("writer.batch_items_max", self.batch_items_max, 1..=10_000);
        check.range("writer.queue_items_max", self.queue_items_max, 1..=1_000_000);
        check.rule("writer.queue_items_max", self.queue_items_max >= self.batch_items_max, || {
            format!("must hold one batch: writer.batch_items_max is {}", self.batch_items_max)
        });
        check.range("writer.queue_bytes_max", self.queue_bytes_max, 1 << 20..=1 << 30);
        check.range("writer.run_cache_bytes_max", self.run_cache_bytes_max, 1 << 20..=1 << 30);
        check.millis("writer.connect_timeout_ms", self.connect_timeout, 100..=60_000);
    }
}

impl Supervision {
    pub(super) fn validate(&self, check: &mut Check) {
        check.millis("supervision.restart_ms", self.restart, 10..=60_000);
        check.millis("supervision.restart_max_ms", self.restart_max, 10..=600_000);
        check.range("supervision.failures_max", self.failures_max, 1..=1_000);
        check.millis("supervision.settled_after_ms", self.settled_after, 1_000..=3_600_000);
    }

    pub(super) const fn settings(&self) -> crate::supervisor::Settings {
        crate::supervisor::Settings {
            backoff: self.restart,
            backoff_max: self.restart_max,
            failures_max: self.failures_max,
            settled_after: self.settled_after,
        }
    }
}

impl Sessions {
    pub(super) fn validate(&self, check: &mut Check) {
        check.millis("sessions.lease_ttl_ms", self.lease_ttl, 1_000..=3_600_000);
        check.millis("sessions.heartbeat_ms", self.heartbeat, 100..=600_000);
        check.rule("sessions.heartbeat_ms", self.heartbeat * 2 <= self.lease_ttl, || {
            format!("must be at most half of sessions.lease_ttl_ms, which is {}", self.lease_ttl.as_millis())
        });
        check.range("sessions.slots_max", self.slots_max, 1..=100_000);
    }
}

impl Sweeper {
    pub(super) fn validate(&self, check: &mut Check) {
        check.millis("sweeper.interval_ms", self.interval, 10..=60_000);
        check.millis("sweeper.reconcile_interval_ms", self.reconcile_interval, 100..=3_600_000);
    }
}

impl Dispatch {
    pub(super) fn validate(&self, check: &mut Check) {
        check.range("dispatch.batch_max", self.batch_max, 1..=10_000);
        check.millis("dispatch.poll_interval_ms", self.poll_interval, 1..=60_000);
    }
}
