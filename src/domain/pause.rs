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
    /// The authenticated subject that paused it; empty when callers are not known.
    pub subject: String,
    /// Who asked for it, in the words of the subject.
    pub requested_by: String,
    /// Why.
    pub reason: String,
}
