//! The gate that every call goes through before its body is read.
//!
//! Owns: the order: who calls, then what it may do, then the permit; and the memory of verified credentials, by the
//! hash of the token and never longer than they are good. Never: reads a request's body. Next:
//! `transport::access` puts it around the services, `scope` is what comes out.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::{
    audit::{Audit, Call, Outcome, Records},
    authenticator::{Authenticator, Credentials, Rejection},
    catalog::Access,
    clock::now,
    coordinator::{AnyOf, Coordinator, Reach},
    permission::Permission,
    permit::{Permit, PermitParts},
    principal::Principal,
};
use crate::{error::Result, telemetry::Metrics};

/// Verified tokens that are remembered; each takes some hundred bytes.
const VERIFIED_MAX: u64 = 20_000;

/// The longest token that is looked at, in bytes: more than any that fits into the headers of common proxies.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// How long a stream lives on when nobody can tell whether its credentials are still good.
const UNAVAILABLE_GRACE: Duration = Duration::from_secs(60);

/// How often that is asked again meanwhile.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(1);

/// Decides about every call. Clones share everything.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    authenticators: Vec<Box<dyn Authenticator>>,
    coordinator: Arc<dyn Coordinator>,
    verified: Cache<[u8; 32], Arc<Principal>>,
    audit: Audit,
    /// Nobody is asked anything.
    open: bool,
    /// Who calls through an open gate.
    nobody: Arc<Principal>,
    nothing: Arc<Credentials>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("authenticators", &self.0.authenticators)
            .field("coordinator", &self.0.coordinator)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that asks nobody anything.
    pub fn open() -> Self {
        let audit = Audit { records: Records::All, metrics: Metrics::disabled() };
        Self::with(Vec::new(), Arc::new(AnyOf::default()), audit, true)
    }

    /// A gate that asks these, in this order.
    pub fn guarded(authenticators: Vec<Box<dyn Authenticator>>, coordinators: AnyOf, audit: Audit) -> Self {
        Self::with(authenticators, Arc::new(coordinators), audit, false)
    }

    fn with(
        authenticators: Vec<Box<dyn Authenticator>>,
        coordinator: Arc<dyn Coordinator>,
        audit: Audit,
        open: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            authenticators,
            coordinator,
            verified: Cache::builder().max_capacity(VERIFIED_MAX).build(),
            audit,
            open,
            nobody: Arc::new(Principal::new("", "none")),
            nothing: Arc::default(),
        }))
    }

    /// Whether nobody is asked anything.
    pub fn is_open(&self) -> bool {
        self.0.open
    }

    /// Lets a call in, or says why not. What it returns goes into the call's extensions.
    pub async fn admit(
        &self,
        call: &Call<'_>,
        access: Access,
        credentials: Result<Credentials, Rejection>,
    ) -> Result<Option<Permit>> {
        let Access::Requires { permission, or_creator: owner } = access else { return Ok(None) };
        if let Some(permit) = self.open_permit(permission, owner) {
            return Ok(Some(permit));
        }
        let verified = async {
            let credentials = Arc::new(credentials?);
            Ok((self.authenticate(&credentials).await?, credentials))
        };
        let (principal, credentials) = verified.await.inspect_err(|rejection| {
            self.0.audit.record(call, permission, Outcome::Unauthenticated(*rejection));
        })?;
        // Who created a task may be granted nothing at all.
        if !owner && self.0.coordinator.reach(&principal, permission) == Reach::Nowhere {
            self.0.audit.record(call, permission, Outcome::Denied(&principal));
            return Err(permission.missing(""));
        }
        Ok(Some(self.permit(permission, owner, principal, credentials)))
    }

    /// Notes how a call ended that was let in.
    pub fn record(&self, call: &Call<'_>, permit: &Permit) {
        if !self.0.open {
            self.0.audit.record(call, permit.permission(), Outcome::Admitted(permit));
        }
    }

    /// Notes that a stream ended with its credentials.
    pub fn record_end(&self, call: &Call<'_>, permit: &Permit, rejection: Rejection) {
        self.0.audit.record(call, permit.permission(), Outcome::Ended(permit, rejection));
    }

    /// Tells whose credentials these are.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Arc<Principal>, Rejection> {
        let Some(token) = &credentials.token else { return self.ask(credentials).await.map(Arc::new) };
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(principal) = self.0.verified.get(&key) {
            if principal.valid_until.is_none_or(|until| until > now()) {
                return Ok(principal);
            }
            self.0.verified.invalidate(&key);
        }
        let principal = Arc::new(self.ask(credentials).await?);
        self.0.verified.insert(key, Arc::clone(&principal));
        Ok(principal)
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Principal, Rejection> {
        for authenticator in &self.0.authenticators {
            if let Some(principal) = authenticator.authenticate(credentials).await? {
                return Ok(principal);
            }
        }
        let presented = credentials.token.is_some() || credentials.certificate.is_some();
        Err(if presented { Rejection::Invalid } else { Rejection::Missing })
    }

    /// Forgets what was verified, because keys or tokens changed.
    pub fn forget(&self) {
        self.0.verified.invalidate_all();
    }

    /// The permit of an open gate; `None` when the gate is not open.
    pub(super) fn open_permit(&self, permission: Permission, owner_may: bool) -> Option<Permit> {
        let permit = || self.permit(permission, owner_may, Arc::clone(&self.0.nobody), Arc::clone(&self.0.nothing));
        self.0.open.then(permit)
    }

    fn permit(
        &self,
        permission: Permission,
        owner_may: bool,
        principal: Arc<Principal>,
        credentials: Arc<Credentials>,
    ) -> Permit {
        Permit::new(PermitParts {
            permission,
            owner_may,
            open: self.0.open,
            principal,
            credentials,
            coordinator: Arc::clone(&self.0.coordinator),
        })
    }

    /// Goes on with a fresh token of the same subject.
    pub async fn refresh(&self, permit: &Permit, token: &str) -> Result<(), Rejection> {
        let former = permit.credentials();
        let fresh = Credentials { token: Some(Arc::from(token)), ..Credentials::clone(&former) };
        self.renew(permit, Arc::new(fresh)).await
    }

    /// Lets a permit go on with these credentials, if they are the same subject's.
    async fn renew(&self, permit: &Permit, credentials: Arc<Credentials>) -> Result<(), Rejection> {
        let Some(before) = permit.principal() else { return Ok(()) };
        let fresh = self.authenticate(&credentials).await?;
        if fresh.subject != before.subject {
            return Err(Rejection::OtherSubject);
        }
        permit.renew(fresh, credentials);
        Ok(())
    }

    /// Resolves once a permit's credentials are no longer good and nobody brought fresh ones; a stream ends then.
    pub async fn ended(&self, permit: &Permit) -> Rejection {
        let mut unavailable_for = Duration::ZERO;
        loop {
            let until = permit.principal().and_then(|principal| principal.valid_until);
            let Some(until) = until else { return std::future::pending().await };
            if let Ok(left) = until.duration_since(now())
                && !left.is_zero()
            {
                // Fresh credentials may end earlier than the former.
                let fresh = permit.renewed();
                let end = tokio::time::sleep(left.min(Duration::from_secs(86_400)));
                futures::future::select(pin!(fresh), pin!(end)).await;
                continue;
            }
            match self.renew(permit, permit.credentials()).await {
                Ok(()) => unavailable_for = Duration::ZERO,
                Err(Rejection::Unavailable) if unavailable_for < UNAVAILABLE_GRACE => {
                    tokio::time::sleep(UNAVAILABLE_PAUSE).await;
                    unavailable_for += UNAVAILABLE_PAUSE;
                }
                Err(rejection) => return rejection,
            }
        }
    }
}

#[cfg(test)]
mod tests;
