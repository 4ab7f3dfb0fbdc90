//! What those are granted who show a certificate.

use serde::Deserialize;

use crate::{
    auth::authenticator::mtls::{Granted, Mtls as Authenticator},
    config::check::Check,
};

/// The section `auth.mtls`.
#[derive(Debug, Clone, Deserialize)]
pub struct Mtls {
    /// What each is granted.
    pub subjects: Vec<CertificateSubject>,
    /// Whether a certificate's organizational units are roles.
    pub roles_from_organizational_units: bool,
}

/// Somebody who shows a certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSubject {
    /// The name in the certificate.
    pub name: String,
    /// Grants.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The only namespaces; none for any.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

impl Mtls {
    /// The authenticator; the error names every problem.
    pub fn authenticator(&self) -> Result<Authenticator, Vec<String>> {
        let subjects = self.subjects.iter().cloned().map(|subject| {
            let CertificateSubject { name, grants, roles, namespaces } = subject;
            (name, Granted { grants, roles, namespaces })
        });
        Authenticator::new(subjects, self.roles_from_organizational_units)
    }

    pub(super) fn validate(&self, check: &mut Check) {
        for problem in self.authenticator().err().unwrap_or_default() {
            let (key, text) = problem.split_once(' ').unwrap_or(("auth.mtls", &problem));
            check.finding(key, text, "");
        }
    }
}
