//! Who calls.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use super::grant::Grant;

/// Who calls, as its credentials prove it.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Its stable name: what a task is owned by, and what the audit record says.
    pub subject: Arc<str>,
    /// The authenticator that vouches for it, such as `jwt`.
    pub source: &'static str,
    /// What the credentials grant by themselves.
    pub grants: Vec<Grant>,
    /// The roles that the credentials name; what they grant is configured.
    pub roles: Vec<String>,
    /// The only namespaces that the credentials are good for, whatever else grants; `None` for any.
    pub namespaces: Option<BTreeSet<String>>,
    /// Until when the credentials are good; asked again by then. `None` for as long as the call lasts.
    pub valid_until: Option<SystemTime>,
}

impl Principal {
    /// A principal that is granted nothing yet.
    pub fn new(subject: impl Into<Arc<str>>, source: &'static str) -> Self {
        Self {
            subject: subject.into(),
            source,
            grants: Vec::new(),
            roles: Vec::new(),
            namespaces: None,
            valid_until: None,
        }
    }

    /// Whether the credentials are good for a namespace at all.
    pub fn reaches(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(namespace))
    }
}
