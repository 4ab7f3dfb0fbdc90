//! Permissions: `resource:action` pairs.
//!
//! The list of all there are is what the protos declare; see `catalog`.

use std::fmt;

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
