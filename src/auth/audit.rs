//! The record of every decision: who, what, where, how it ended, in which call.
//!
//! One record per call that asks for a permission, written as a log line of the target `tasker::audit`, and counted.
//! Never: says anything of the credentials beyond the subject that they prove.

use crate::telemetry::Metrics;

use super::{authenticator::Rejection, permission::Permission, permit::Permit, principal::Principal};

/// The target of audit records, for log filters.
pub const TARGET: &str = "tasker::audit";

/// A call, for the record.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method's path.
    pub method: &'a str,
    /// The call's name.
    pub correlation_id: &'a str,
}

/// Which decisions are written; all of them are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// Every one.
    #[default]
    All,
    /// Refusals only.
    Refused,
}

/// Writes and counts decisions.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Which are written.
    pub records: Records,
    /// Where they are counted.
    pub metrics: Metrics,
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome<'a> {
    /// The call could go on, and may have met something that its caller may not touch.
    Admitted(&'a Permit),
    /// Who calls could not be told.
    Unauthenticated(Rejection),
    /// Who calls lacks the permission altogether.
    Denied(&'a Principal),
    /// A stream ended with its credentials.
    Ended(&'a Permit, Rejection),
}

impl Audit {
    pub(super) fn record(&self, call: &Call<'_>, permission: Permission, outcome: Outcome<'_>) {
        let (label, reason) = match outcome {
            Outcome::Admitted(permit) if permit.audit_notes().refused() => ("denied", "namespace"),
            Outcome::Admitted(_) => ("allowed", ""),
            Outcome::Unauthenticated(rejection) => ("unauthenticated", rejection.label()),
            Outcome::Denied(_) => ("denied", "permission"),
            Outcome::Ended(_, rejection) => ("ended", rejection.label()),
        };
        self.metrics.auth_decision(label, &permission.to_string(), reason);
        if label == "allowed" && self.records == Records::Refused {
            return;
        }
        let permit = match outcome {
            Outcome::Admitted(permit) | Outcome::Ended(permit, _) => Some(permit),
            Outcome::Unauthenticated(_) | Outcome::Denied(_) => None,
        };
        let held = permit.and_then(Permit::principal);
        let principal = match outcome {
            Outcome::Denied(principal) => Some(principal),
            _ => held.as_deref(),
        };
        let subject = principal.map_or("", |principal| &*principal.subject);
        let source = principal.map_or("", |principal| principal.source);
        let namespace = permit.map_or("", |permit| permit.audit_notes().namespace());
        let Call { method, correlation_id } = call;
        tracing::info!(
            target: TARGET,
            outcome = label,
            reason,
            subject,
            source,
            %permission,
            namespace,
            method,
            correlation_id,
            "access"
        );
    }
}
