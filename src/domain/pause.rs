//! Pauses: handlers and namespaces whose steps are not handed out.

use super::run::Micros;

/// A handler, or all of a namespace, that is given no work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The namespace.
    pub namespace: String,
    /// The handler, or `None` for all of the namespace.
    pub handler: Option<String>,
    /// Since when.
    pub since: Micros,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
}
