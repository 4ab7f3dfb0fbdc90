//! Sizes, and when two requests are one task.

use serde::Deserialize;

use super::check::Check;
use crate::domain::ids::STEPS_PER_TASK_CEILING;

/// What a message needs beyond the payload in it.
const MESSAGE_ROOM_BYTES: usize = 65_536;

/// The section `limits`.
#[derive(Debug, Clone, Deserialize)]
pub struct Limits {
    /// One payload as JSON text.
    pub payload_bytes: usize,
    /// Steps of one handler.
    pub steps_per_task: usize,
    /// Tasks of one batch call.
    pub batch_tasks: usize,
    /// One gRPC message.
    pub message_bytes: usize,
    /// What one assignment carries along.
    pub assignment_bytes: usize,
}

/// The section `identity`.
#[derive(Debug, Clone, Deserialize)]
pub struct Identity {
    /// When two requests are the same task.
    pub strategy: IdentityStrategy,
}

/// When two requests are the same task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityStrategy {
    /// When they carry the same idempotency key.
    Default,
    /// Also when their content is equal.
    Hash,
}

impl Limits {
    pub(super) fn validate(&self, check: &mut Check) {
        check.range("limits.payload_bytes", self.payload_bytes, 1_024..=16 << 20);
        check.range("limits.steps_per_task", self.steps_per_task, 1..=STEPS_PER_TASK_CEILING);
        check.range("limits.batch_tasks", self.batch_tasks, 1..=10_000);
        check.range("limits.message_bytes", self.message_bytes, 65_536..=256 << 20);
        check.range("limits.assignment_bytes", self.assignment_bytes, 1_024..=64 << 20);
        let needed = self.payload_bytes.max(self.assignment_bytes).saturating_add(MESSAGE_ROOM_BYTES);
        check.rule("limits.message_bytes", self.message_bytes >= needed, || {
            format!("must be at least {needed}: the largest payload or assignment, and {MESSAGE_ROOM_BYTES} on top")
        });
    }
}
