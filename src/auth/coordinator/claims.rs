//! What the credentials say by themselves.

use super::{Coordinator, Reach, reach};
use crate::auth::{Permission, Principal, Target};

/// Allows what the principal's own grants cover.
#[derive(Debug, Clone, Copy)]
pub struct Claims;

impl Coordinator for Claims {
    fn name(&self) -> &'static str {
        "claims"
    }

    fn reach(&self, principal: &Principal, permission: Permission) -> Reach {
        reach(principal.grants.iter(), permission)
    }

    fn allows(&self, principal: &Principal, permission: Permission, target: &Target<'_>) -> bool {
        principal.grants.iter().any(|grant| grant.names(permission) && grant.covers(target))
    }
}
