//! Permissions: `resource:action` pairs.
//!
//! The list of all there are is what the protos declare; see `catalog`.

use std::fmt;

use crate::error::{Error, Reason};

/// What a method requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission {
    /// The protected resource, such as `tasker.task`.
    pub resource: &'static str,
    /// The action on it, such as `create`.
    pub action: &'static str,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

impl Permission {
    /// The refusal of a caller who lacks it. `place` says where, as ` in namespace`, or is empty.
    pub(super) fn missing(self, place: &str) -> Error {
        Error::new(Reason::PermissionMissing, format!("the permission `{self}` is missing{place}"))
            .with("required", self.to_string())
    }
}
