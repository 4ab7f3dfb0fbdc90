//! The decision that a call may go on.
//!
//! Owns: who calls, how that was proven, and what was decided on. Never: decides; the gate makes a permit and renews it.
//! Next: `scope` is what a use case makes of it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{
    authenticator::Credentials,
    coordinator::{Coordinator, Reach},
    permission::Permission,
    principal::Principal,
    target::Target,
};

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

    pub(super) fn note(&self, namespace: &str, allowed: bool) {
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
}

impl Permit {
    /// Made by the gate alone.
    pub(super) fn new(parts: PermitParts) -> Self {
        let PermitParts { permission, owner_may, open, principal, credentials, coordinator } = parts;
        Self(Arc::new(Decision {
            permission,
            owner_may,
            open,
            principal: ArcSwap::new(principal),
            credentials: ArcSwap::new(credentials),
            renewed: Notify::new(),
            renewals: AtomicU64::new(0),
            coordinator,
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

    /// A number that grows whenever there are fresh credentials or permissions may have changed.
    pub(super) fn revision(&self) -> u64 {
        self.0.renewals.load(Ordering::Acquire).saturating_add(self.0.coordinator.revision())
    }

    /// Whether nobody is asked anything.
    pub(super) fn is_open(&self) -> bool {
        self.0.open
    }

    /// How far what was decided on reaches, for who calls.
    pub(super) fn reach(&self) -> Reach {
        let principal = self.0.principal.load();
        match principal.namespaces {
            Some(_) => self.0.coordinator.reach(&principal, self.0.permission).min(Reach::Somewhere),
            None => self.0.coordinator.reach(&principal, self.0.permission),
        }
    }

    /// Whether who calls may do this to a target.
    pub(super) fn allows(&self, target: &Target<'_>) -> bool {
        self.allows_by(self.0.permission, self.0.owner_may, target)
    }

    /// The same by another permission; `owner_may` says whether who created the target needs none.
    pub(super) fn allows_by(&self, permission: Permission, owner_may: bool, target: &Target<'_>) -> bool {
        let principal = self.0.principal.load();
        let owns = owner_may && target.created_by == Some(&*principal.subject);
        principal.reaches(target.namespace) && (owns || self.0.coordinator.allows(&principal, permission, target))
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
