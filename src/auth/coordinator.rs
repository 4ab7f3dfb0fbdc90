//! What a principal may do.
//!
//! A coordinator is one file that implements [`Coordinator`]. Several are asked side by side: what one of them
//! allows is allowed. With none configured everything is denied.

pub mod cedar;
mod claims;
mod roles;

use std::fmt;

use super::{permission::Permission, principal::Principal, target::Target};

pub use cedar::Cedar;
pub use claims::Claims;
pub use roles::{ADMIN, BadGrant, Roles};

/// How far a permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It is not granted.
    Nowhere,
    /// It is granted for something; each target is asked for.
    Somewhere,
    /// It is granted for everything.
    Everywhere,
}

/// Decides what a principal may do.
pub trait Coordinator: fmt::Debug + Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &'static str;

    /// How far a permission reaches, before anything is known of the target. `Nowhere` only when no target could be
    /// allowed, `Everywhere` only when every one would be.
    fn reach(&self, principal: &Principal, permission: Permission) -> Reach;

    /// Whether a permission covers a target.
    fn allows(&self, principal: &Principal, permission: Permission, target: &Target<'_>) -> bool;

    /// A number that grows whenever it may decide otherwise than before, for instance because roles were reloaded.
    fn revision(&self) -> u64 {
        0
    }
}

/// Whoever is authenticated may do everything: authentication without authorization.
#[derive(Debug, Clone, Copy)]
pub struct Authenticated;

impl Coordinator for Authenticated {
    fn name(&self) -> &'static str {
        "authenticated"
    }

    fn reach(&self, _: &Principal, _: Permission) -> Reach {
        Reach::Everywhere
    }

    fn allows(&self, _: &Principal, _: Permission, _: &Target<'_>) -> bool {
        true
    }
}

/// Several side by side. None at all denies everything.
#[derive(Debug, Default)]
pub struct AnyOf(pub Vec<Box<dyn Coordinator>>);

impl Coordinator for AnyOf {
    fn name(&self) -> &'static str {
        "any_of"
    }

    fn reach(&self, principal: &Principal, permission: Permission) -> Reach {
        let reaches = self.0.iter().map(|coordinator| coordinator.reach(principal, permission));
        reaches.max().unwrap_or(Reach::Nowhere)
    }

    fn allows(&self, principal: &Principal, permission: Permission, target: &Target<'_>) -> bool {
        self.0.iter().any(|coordinator| coordinator.allows(principal, permission, target))
    }

    fn revision(&self) -> u64 {
        self.0.iter().map(|coordinator| coordinator.revision()).sum()
    }
}

/// How far grants reach.
fn reach<'a>(grants: impl Iterator<Item = &'a super::Grant>, permission: Permission) -> Reach {
    let reaches = grants.filter(|grant| grant.names(permission)).map(|grant| match grant.is_narrow() {
        true => Reach::Somewhere,
        false => Reach::Everywhere,
    });
    reaches.max().unwrap_or(Reach::Nowhere)
}
