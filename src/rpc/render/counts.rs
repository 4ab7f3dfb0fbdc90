//! Numbers of tasks and steps by state.

use crate::{proto::tasker::v1 as proto, store::status::Counts};

/// Tasks by state.
pub(in crate::rpc) const fn task_counts(counts: &Counts) -> proto::TaskCounts {
    proto::TaskCounts {
        total: counts.total_tasks,
        pending: counts.pending_tasks,
        in_progress: counts.in_progress_tasks,
        complete: counts.complete_tasks,
        error: counts.error_tasks,
        cancelled: counts.cancelled_tasks,
        resolved_manually: counts.resolved_tasks,
    }
}

/// Steps by state and condition.
pub(in crate::rpc) const fn step_counts(counts: &Counts) -> proto::StepCounts {
    proto::StepCounts {
        total: counts.total_steps,
        pending: counts.pending_steps,
        in_progress: counts.in_progress_steps,
        complete: counts.complete_steps,
        error: counts.error_steps,
        cancelled: counts.cancelled_steps,
        resolved_manually: counts.resolved_steps,
        retryable_errors: counts.retryable_error_steps,
        exhausted_retries: counts.exhausted_retry_steps,
        in_backoff: counts.in_backoff_steps,
    }
}
