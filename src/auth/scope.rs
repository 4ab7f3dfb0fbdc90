//! The proof that somebody decided, and what it is good for.
//!
//! A permit is put into a call's extensions by the gate and by nobody else. A use case takes a [`Scope`], which is made
//! of a permit only. Namespaces outside of the scope do not exist for the caller: lists leave them out, ids in them are
//! not found. Who names one openly is told that the permission is missing.

use std::sync::Arc;

use super::{
    authenticator::Rejection, coordinator::Reach, gate::Gate, permission::Permission, permit::Permit, target::Target,
};
use crate::error::{Error, Reason, Result};

/// What a use case may touch on behalf of its caller.
#[derive(Debug, Clone)]
pub struct Scope {
    permit: Permit,
    gate: Gate,
}

impl Scope {
    /// The scope of everything, for a process that uses the parts without a listener; `None` unless the gate is open.
    pub fn of_everything(gate: &Gate) -> Option<Self> {
        let permission = Permission { resource: "*", action: "*" };
        gate.open_permit(permission, false).map(|permit| Self { permit, gate: gate.clone() })
    }

    /// The scope of a call, out of its extensions.
    ///
    /// Fails with `Internal` when the call did not come through the gate.
    pub fn of(extensions: &http::Extensions) -> Result<Self> {
        let (permit, gate) = (extensions.get::<Permit>().cloned(), extensions.get::<Gate>().cloned());
        let both = permit.zip(gate).map(|(permit, gate)| Self { permit, gate });
        both.ok_or_else(|| Error::new(Reason::Internal, "the call did not come through the gate"))
    }

    /// Who calls; `None` when nobody is asked.
    pub fn subject(&self) -> Option<Arc<str>> {
        self.permit.principal().map(|principal| Arc::clone(&principal.subject))
    }

    /// A number that grows whenever the caller has fresh credentials or permissions may have changed: a stream asks
    /// again then.
    pub fn revision(&self) -> u64 {
        self.permit.revision()
    }

    /// Whether it covers every namespace.
    pub fn covers_all(&self) -> bool {
        self.permit.is_open() || self.permit.reach() == Reach::Everywhere
    }

    /// Whether it covers things of a namespace.
    pub fn covers(&self, namespace: &str) -> bool {
        self.covers_target(&Target { namespace, ..Target::default() })
    }

    /// Whether it covers a task of a handler that this subject created.
    pub fn covers_task(&self, namespace: &str, created_by: Option<&str>) -> bool {
        self.covers_target(&Target { namespace, created_by, ..Target::default() })
    }

    /// Whether it covers something that the call turns out to be about.
    pub fn covers_target(&self, target: &Target<'_>) -> bool {
        let covered = self.holds(target);
        self.permit.audit_notes().note(target.namespace, covered);
        covered
    }

    fn holds(&self, target: &Target<'_>) -> bool {
        self.permit.is_open() || self.permit.allows(target)
    }

    /// Requires a namespace that the caller named openly, or refuses with `PermissionMissing`.
    pub fn narrow(&self, namespace: &str) -> Result<()> {
        self.require(&Target { namespace, ..Target::default() })
    }

    /// Requires something that the caller named openly, or refuses with `PermissionMissing`.
    pub fn require(&self, target: &Target<'_>) -> Result<()> {
        if self.covers_target(target) {
            return Ok(());
        }
        let permission = self.permit.permission();
        let handler = target.handlers().next();
        let place = handler.map_or_else(|| target.namespace.to_owned(), |name| format!("{}/{name}", target.namespace));
        Err(permission
            .missing(&format!(" in `{}`", target.namespace))
            .with("required", format!("{permission}@{place}")))
    }

    /// The refusal of something that does not exist for the caller. One who has the permission nowhere, and could call
    /// the method only as the creator of the thing, is told which permission is missing, whether the thing exists or not.
    pub fn not_found(&self, unknown: Error) -> Error {
        if self.permit.is_open() || self.permit.reach() != Reach::Nowhere {
            return unknown;
        }
        self.permit.audit_notes().note("", false);
        self.permit.permission().missing("")
    }

    /// Whether the caller may see a task: by another permission than that of the call, or as who created it.
    pub fn may_see_task(&self, namespace: &str, created_by: Option<&str>) -> bool {
        const SHOW: Permission = Permission { resource: "tasker.task", action: "show" };
        let target = Target { namespace, created_by, ..Target::default() };
        self.permit.is_open() || self.permit.allows_by(SHOW, true, &target)
    }

    /// Those of these namespaces that it covers. To leave the others out is no refusal.
    pub fn select<T: AsRef<str>>(&self, namespaces: impl IntoIterator<Item = T>) -> Vec<T> {
        let holds = |namespace: &T| self.holds(&Target { namespace: namespace.as_ref(), ..Target::default() });
        namespaces.into_iter().filter(holds).collect()
    }

    /// Goes on with fresh credentials of the same subject: the stream lives as long as they do.
    pub async fn refresh(&self, token: &str) -> Result<(), Rejection> {
        self.gate.refresh(&self.permit, token).await
    }
}
