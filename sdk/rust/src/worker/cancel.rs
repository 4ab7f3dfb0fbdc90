//! The end of an attempt on request: owns the reason, and the signal that handlers wait for.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tokio_util::sync::CancellationToken;

use crate::proto::tasker::worker::v1::StopReason;

/// Why an attempt is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelReason {
    /// The step or its task was cancelled, or the task missed its deadline.
    Cancelled,
    /// The attempt ran longer than its step's timeout.
    TimedOut,
    /// The lease is lost, or will have ended by now: another worker may run the step.
    LeaseLost,
    /// The worker is going and the grace of its drain is over. A failure is handed back and does not count.
    Draining,
    /// The worker was stopped at once; nothing is reported.
    Stopped,
}

impl CancelReason {
    /// The reason that a server gives.
    pub(crate) const fn of(reason: StopReason) -> Self {
        match reason {
            StopReason::TimedOut => Self::TimedOut,
            StopReason::LeaseLost => Self::LeaseLost,
            StopReason::Cancelled | StopReason::Unspecified => Self::Cancelled,
        }
    }

    /// The reason as a word for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
            Self::LeaseLost => "lease_lost",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Stops an attempt. Clones stop the same one; the first reason stays.
#[derive(Debug, Clone)]
pub(crate) struct Cancel {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Cancel {
    pub(crate) fn new(token: CancellationToken) -> Self {
        Self { token, reason: Arc::default() }
    }

    pub(crate) fn cancel(&self, reason: CancelReason) {
        // An attempt is stopped once.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Why the attempt is to stop; `None` while it is not.
    pub(crate) fn reason(&self) -> Option<CancelReason> {
        self.token.is_cancelled().then(|| self.reason.get().copied().unwrap_or(CancelReason::Cancelled))
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        self.token.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let cancel = Cancel::new(CancellationToken::new());
        assert_eq!(cancel.reason(), None);
        cancel.cancel(CancelReason::TimedOut);
        cancel.cancel(CancelReason::Draining);
        assert_eq!(cancel.reason(), Some(CancelReason::TimedOut));
    }
}
