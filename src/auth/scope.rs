//! The proof that somebody decided, and what it is good for.
//!
//! A [`Permit`] is put into a call's extensions by the gate and by nobody else. A use case takes a [`Scope`], which
//! is made of a permit only. Namespaces outside of the scope do not exist for the caller: lists leave them out, ids in
//! them are not found. Who names one openly is told that the permission is missing.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{
    authenticator::{Credentials, Rejection},
    coordinator::{Coordinator, Reach},
    gate::Gate,
    permission::Permission,
    principal::Principal,
};
use crate::error::{Error, Reason, Result};

/// Something that a caller wants to touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The handler that it is or belongs to.
    pub handler: Option<&'a str>,
    /// The step handler that it is or belongs to.
    pub step_handler: Option<&'a str>,
    /// The subject who created it.
    pub created_by: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The names of handlers that it has.
    pub fn handlers(&self) -> impl Iterator<Item = &'a str> {
        self.handler.into_iter().chain(self.step_handler)
    }
}

/// The decision that a call may go on, made before its body is read.
#[derive(Debug, Clone)]
pub struct Permit(Arc<Decision>);

#[derive(Debug)]
struct Decision {
    permission: Permission,
    /// Whether who created something may do this to it without the permission.
    owner_may: bool,
    /// Nobody asks who calls.
    open: bool,
    /// Who calls and how it was proven; a stream may bring fresh credentials.
    principal: ArcSwap<Principal>,
    credentials: ArcSwap<Credentials>,
    renewed: Notify,
    renewals: AtomicU64,
    coordinator: Arc<dyn Coordinator>,
    gate: Gate,
    audit_notes: AuditNotes,
}

/// What the audit record of the call will say beside who and what.
#[derive(Debug, Default)]
pub struct AuditNotes {
    namespace: OnceLock<String>,
    refused: AtomicBool,
}

impl AuditNotes {
    /// The namespace that the call turned out to be about.
    pub fn namespace(&self) -> &str {
        self.namespace.get().map_or("", String::as_str)
    }

    /// Whether the use case met something that the caller may not touch.
    pub fn refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn note(&self, namespace: &str, allowed: bool) {
        if self.namespace.get().is_none() {
            // Who was faster is as good.
            let _ = self.namespace.set(namespace.to_owned());
        }
        if !allowed {
            self.refused.store(true, Ordering::Relaxed);
        }
    }
}

/// What a permit is made of.
pub(super) struct PermitParts {
    pub(super) permission: Permission,
    pub(super) owner_may: bool,
    pub(super) open: bool,
    pub(super) principal: Arc<Principal>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) coordinator: Arc<dyn Coordinator>,
    pub(super) gate: Gate,
}

impl Permit {
    /// Made by the gate alone.
    pub(super) fn new(parts: PermitParts) -> Self {
        let PermitParts { permission, owner_may, open, principal, credentials, coordinator, gate } = parts;
        Self(Arc::new(Decision {
            permission,
            owner_may,
            open,
            principal: ArcSwap::new(principal),
            credentials: ArcSwap::new(credentials),
            renewed: Notify::new(),
            renewals: AtomicU64::new(0),
            coordinator,
            gate,
            audit_notes: AuditNotes::default(),
        }))
    }

    /// What was decided on.
    pub fn permission(&self) -> Permission {
        self.0.permission
    }

    /// Who calls; `None` when nobody is asked.
    pub fn principal(&self) -> Option<Arc<Principal>> {
        (!self.0.open).then(|| self.0.principal.load_full())
    }

    /// What the audit record will say.
    pub fn audit_notes(&self) -> &AuditNotes {
        &self.0.audit_notes
    }

    /// Resolves once the credentials are no longer good, with the reason; a stream ends then.
    pub async fn ended(&self) -> Rejection {
        self.0.gate.clone().watch(self).await
    }

    pub(super) fn credentials(&self) -> Arc<Credentials> {
        self.0.credentials.load_full()
    }

    pub(super) fn renew(&self, principal: Arc<Principal>, credentials: Arc<Credentials>) {
        self.0.credentials.store(credentials);
        self.0.principal.store(principal);
        self.0.renewals.fetch_add(1, Ordering::Release);
        self.0.renewed.notify_one();
    }

    /// Resolves once there are fresh credentials. The stream's end is the only one who waits.
    pub(super) async fn renewed(&self) {
        self.0.renewed.notified().await;
    }
}

/// What a use case may touch on behalf of its caller.
#[derive(Debug, Clone)]
pub struct Scope(Permit);

impl Scope {
    /// Made by the gate alone.
    pub(super) const fn new(permit: Permit) -> Self {
        Self(permit)
    }

    /// The scope of a call, out of its extensions.
    ///
    /// Fails with `Internal` when the call did not come through the gate.
    pub fn of(extensions: &http::Extensions) -> Result<Self> {
        let permit = extensions.get::<Permit>().cloned();
        permit.map(Self).ok_or_else(|| Error::new(Reason::Internal, "the call did not come through the gate"))
    }

    /// Who calls; `None` when nobody is asked.
    pub fn subject(&self) -> Option<Arc<str>> {
        (!self.0.0.open).then(|| Arc::clone(&self.0.0.principal.load().subject))
    }

    /// A number that grows whenever the caller has fresh credentials or permissions may have changed: a stream asks again then.
    pub fn revision(&self) -> u64 {
        self.0.0.renewals.load(Ordering::Acquire).saturating_add(self.0.0.coordinator.revision())
    }

    /// Whether it covers every namespace.
    pub fn covers_all(&self) -> bool {
        let decision = &self.0.0;
        if decision.open {
            return true;
        }
        let principal = decision.principal.load();
        principal.namespaces.is_none()
            && decision.coordinator.reach(&principal, decision.permission) == Reach::Everywhere
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
        self.0.0.audit_notes.note(target.namespace, covered);
        covered
    }

    fn holds(&self, target: &Target<'_>) -> bool {
        let decision = &self.0.0;
        if decision.open {
            return true;
        }
        let principal = decision.principal.load();
        let owns = decision.owner_may && target.created_by == Some(&*principal.subject);
        principal.reaches(target.namespace)
            && (owns || decision.coordinator.allows(&principal, decision.permission, target))
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
        let permission = self.0.0.permission;
        let handler = target.handlers().next();
        let place = handler.map_or_else(|| target.namespace.to_owned(), |name| format!("{}/{name}", target.namespace));
        Err(missing(permission, &format!(" in `{}`", target.namespace))
            .with("required", format!("{permission}@{place}")))
    }

    /// Those of these namespaces that it covers. To leave the others out is no refusal.
    pub fn select<T: AsRef<str>>(&self, namespaces: impl IntoIterator<Item = T>) -> Vec<T> {
        let holds = |namespace: &T| self.holds(&Target { namespace: namespace.as_ref(), ..Target::default() });
        namespaces.into_iter().filter(holds).collect()
    }

    /// Goes on with fresh credentials of the same subject: the stream lives as long as they do.
    pub async fn refresh(&self, token: &str) -> Result<(), Rejection> {
        self.0.0.gate.refresh(&self.0, token).await
    }
}

/// `PermissionMissing`, with what was missing.
pub(super) fn missing(permission: Permission, place: &str) -> Error {
    let Permission { resource, action } = permission;
    Error::new(Reason::PermissionMissing, format!("not authorized to {action} on {resource}{place}"))
        .with("required", permission.to_string())
}
