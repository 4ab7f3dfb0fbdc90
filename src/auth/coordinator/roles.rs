//! What the roles grant that the credentials name.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

use super::{Coordinator, Reach, reach};
use crate::auth::{Grant, Permission, Principal, Target, grant::NotAGrant};

/// The role that grants everything unless the configuration says otherwise.
pub const ADMIN: &str = "admin";

type Granted = HashMap<String, Vec<Grant>>;

/// Allows what the grants of a principal's roles cover. Clones share the roles, which can be replaced.
#[derive(Debug, Clone)]
pub struct Roles(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    granted: ArcSwap<Granted>,
    /// How often they were replaced.
    revision: AtomicU64,
}

/// Something wrong with the configured roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadGrant {
    /// The role.
    pub role: String,
    /// The grant as written.
    pub grant: String,
    /// What is wrong with it.
    pub why: NotAGrant,
}

impl fmt::Display for BadGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auth.roles.{}: `{}` {}", self.role, self.grant, self.why)
    }
}

impl Roles {
    /// The roles with what each grants; every grant that is none is reported.
    pub fn new(roles: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<BadGrant>> {
        Ok(Self(Arc::new(Shared { granted: ArcSwap::from_pointee(read(roles)?), revision: AtomicU64::new(0) })))
    }

    /// Puts other roles in their place, for calls and streams from now on.
    pub fn replace(&self, roles: &BTreeMap<String, Vec<String>>) -> Result<(), Vec<BadGrant>> {
        self.0.granted.store(Arc::new(read(roles)?));
        self.0.revision.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

fn read(roles: &BTreeMap<String, Vec<String>>) -> Result<Granted, Vec<BadGrant>> {
    let (mut granted, mut bad) = (Granted::new(), Vec::new());
    granted.insert(ADMIN.to_owned(), vec!["*".parse().expect("a star is a grant")]);
    for (role, grants) in roles {
        let mut read = Vec::with_capacity(grants.len());
        for grant in grants {
            match Grant::checked(grant) {
                Ok(grant) => read.push(grant),
                Err(why) => bad.push(BadGrant { role: role.clone(), grant: grant.clone(), why }),
            }
        }
        granted.insert(role.clone(), read);
    }
    if bad.is_empty() { Ok(granted) } else { Err(bad) }
}

impl Coordinator for Roles {
    fn name(&self) -> &'static str {
        "roles"
    }

    fn reach(&self, principal: &Principal, permission: Permission) -> Reach {
        let granted = self.0.granted.load();
        reach(principal.roles.iter().filter_map(|role| granted.get(role)).flatten(), permission)
    }

    fn allows(&self, principal: &Principal, permission: Permission, target: &Target<'_>) -> bool {
        let granted = self.0.granted.load();
        let mut grants = principal.roles.iter().filter_map(|role| granted.get(role)).flatten();
        grants.any(|grant| grant.names(permission) && grant.covers(target))
    }

    fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANCEL: Permission = Permission { resource: "tasker.task", action: "cancel" };

    fn roles() -> Roles {
        let roles = [("operator", "tasker.task:*"), ("biller", "tasker.task:*@billing")];
        let roles = roles.map(|(role, grant)| (role.to_owned(), vec![grant.to_owned()]));
        Roles::new(&roles.into_iter().collect()).unwrap()
    }

    #[track_caller]
    fn check(named: &[&str], reach: Reach, in_shipping: bool) {
        let mut principal = Principal::new("somebody", "test");
        principal.roles = named.iter().map(|&role| role.to_owned()).collect();
        let shipping = Target { namespace: "shipping", ..Target::default() };
        let allowed = roles().allows(&principal, CANCEL, &shipping);
        assert_eq!((roles().reach(&principal, CANCEL), allowed), (reach, in_shipping), "{named:?}");
    }

    #[test]
    fn roles_grant_what_is_configured() {
        check(&[], Reach::Nowhere, false);
        check(&["nobody"], Reach::Nowhere, false);
        check(&["Admin"], Reach::Nowhere, false);
        check(&["admin"], Reach::Everywhere, true);
        check(&["operator"], Reach::Everywhere, true);
        check(&["biller"], Reach::Somewhere, false);
        check(&["biller", "operator"], Reach::Everywhere, true);
    }

    #[test]
    fn every_bad_grant_is_reported() {
        let grants = vec!["tasker.task".to_owned(), "tasker.task:*".to_owned(), "tasker.tusk:show".to_owned()];
        let bad = Roles::new(&[("operator".to_owned(), grants)].into_iter().collect()).unwrap_err();
        assert_eq!(bad.iter().map(|bad| bad.grant.as_str()).collect::<Vec<_>>(), ["tasker.task", "tasker.tusk:show"]);
    }
}
