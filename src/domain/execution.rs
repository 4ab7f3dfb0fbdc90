//! The execution context of a task: its steps counted and judged.
//!
//! A task counts as blocked only once nothing can move any more, because waiting for backoff is never taken for
//! permanently blocked. While a step is ready, runs, or waits for its backoff, the task is not blocked, even if
//! another step has failed for good; once none is, it is blocked also when the cause is a cancelled step.

/// How many steps are in which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All steps.
    pub total: u32,
    /// In state pending.
    pub pending: u32,
    /// In state in_progress.
    pub in_progress: u32,
    /// Complete or resolved manually.
    pub completed: u32,
    /// In state error.
    pub failed: u32,
    /// Cancelled; part of the total only.
    pub cancelled: u32,
    /// Could start now; counted as pending or failed too.
    pub ready: u32,
    /// Will be ready when its backoff elapses; counted as pending or failed too.
    pub waiting: u32,
    /// Failed for good; counted as failed too.
    pub permanently_blocked: u32,
}

/// What the task as a whole is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// A step could start.
    HasReadySteps,
    /// A step runs.
    Processing,
    /// Nothing can move.
    BlockedByFailures,
    /// Done.
    AllComplete,
    /// Something will be ready later.
    WaitingForDependencies,
}

/// What that calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecommendedAction {
    /// Run the ready steps.
    ExecuteReadySteps,
    /// Wait for the running ones.
    WaitForCompletion,
    /// A person is needed.
    HandleFailures,
    /// Finish the task.
    FinalizeTask,
    /// Wait.
    WaitForDependencies,
}

/// The health of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthStatus {
    /// No step has failed.
    Healthy,
    /// Failed steps will be tried again.
    Recovering,
    /// A step has failed for good.
    Blocked,
}

impl Counts {
    /// What the task as a whole is doing.
    pub const fn status(&self) -> ExecutionStatus {
        if self.ready > 0 {
            ExecutionStatus::HasReadySteps
        } else if self.in_progress > 0 {
            ExecutionStatus::Processing
        } else if self.completed == self.total && self.total > 0 {
            ExecutionStatus::AllComplete
        } else if self.waiting > 0 || self.total == 0 {
            ExecutionStatus::WaitingForDependencies
        } else {
            ExecutionStatus::BlockedByFailures
        }
    }

    /// The health of the task.
    pub const fn health(&self) -> HealthStatus {
        if self.failed == 0 {
            HealthStatus::Healthy
        } else if self.ready > 0 || self.permanently_blocked == 0 {
            HealthStatus::Recovering
        } else {
            HealthStatus::Blocked
        }
    }

    /// Completed steps in percent, rounded half away from zero to two decimals; 0 without steps.
    pub fn completion_percentage(&self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        (f64::from(self.completed) * 10_000.0 / f64::from(self.total)).round() / 100.0
    }
}

impl ExecutionStatus {
    /// The name used everywhere outside.
    pub const fn label(self) -> &'static str {
        match self {
            Self::HasReadySteps => "has_ready_steps",
            Self::Processing => "processing",
            Self::BlockedByFailures => "blocked_by_failures",
            Self::AllComplete => "all_complete",
            Self::WaitingForDependencies => "waiting_for_dependencies",
        }
    }

    /// What it calls for.
    pub const fn action(self) -> RecommendedAction {
        match self {
            Self::HasReadySteps => RecommendedAction::ExecuteReadySteps,
            Self::Processing => RecommendedAction::WaitForCompletion,
            Self::BlockedByFailures => RecommendedAction::HandleFailures,
            Self::AllComplete => RecommendedAction::FinalizeTask,
            Self::WaitingForDependencies => RecommendedAction::WaitForDependencies,
        }
    }
}

impl RecommendedAction {
    /// The name used everywhere outside.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ExecuteReadySteps => "execute_ready_steps",
            Self::WaitForCompletion => "wait_for_completion",
            Self::HandleFailures => "handle_failures",
            Self::FinalizeTask => "finalize_task",
            Self::WaitForDependencies => "wait_for_dependencies",
        }
    }
}

impl HealthStatus {
    /// The name used everywhere outside.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Recovering => "recovering",
            Self::Blocked => "blocked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(counts: Counts, expected: &str) {
        let found = format!(
            "{} {} {} {}",
            counts.status().label(),
            counts.status().action().label(),
            counts.health().label(),
            counts.completion_percentage()
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn the_decision_tables() {
        let none = Counts { total: 4, ..Counts::default() };
        check(Counts { pending: 4, ready: 1, ..none }, "has_ready_steps execute_ready_steps healthy 0");
        check(Counts { pending: 3, in_progress: 1, ..none }, "processing wait_for_completion healthy 0");
        check(Counts { completed: 4, ..none }, "all_complete finalize_task healthy 100");
        check(
            Counts { completed: 3, failed: 1, waiting: 1, ..none },
            "waiting_for_dependencies wait_for_dependencies recovering 75",
        );
        check(
            Counts { completed: 1, pending: 2, failed: 1, permanently_blocked: 1, ..none },
            "blocked_by_failures handle_failures blocked 25",
        );
        check(
            Counts { completed: 1, in_progress: 2, failed: 1, permanently_blocked: 1, ..none },
            "processing wait_for_completion blocked 25",
        );
        check(
            Counts { completed: 1, failed: 2, permanently_blocked: 1, waiting: 1, pending: 1, ..none },
            "waiting_for_dependencies wait_for_dependencies blocked 25",
        );
        check(Counts { completed: 3, cancelled: 1, ..none }, "blocked_by_failures handle_failures healthy 75");
        check(Counts::default(), "waiting_for_dependencies wait_for_dependencies healthy 0");
    }

    #[test]
    fn the_percentage_has_two_decimals() {
        let counts = Counts { total: 3, completed: 1, ..Counts::default() };
        assert!((counts.completion_percentage() - 33.33).abs() < 1e-9);
    }
}
