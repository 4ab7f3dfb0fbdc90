//! Client certificates: the authenticator `mtls`.
//!
//! The transport has verified the certificate against `server.tls.client_ca_file` before anybody is asked here. Who it
//! is, is said by its first URI name (such as a SPIFFE id), else its first DNS name, else its common name. A caller that
//! shows a token as well is known by its token, or not at all.

use std::{
    collections::HashMap,
    time::{Duration, UNIX_EPOCH},
};

use futures::{FutureExt as _, future::BoxFuture};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::{Authenticator, Credentials, Rejection};
use crate::auth::{Grant, Principal, clock, grant::NotAGrant};

/// A name at most, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What somebody with a certificate is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// Grants.
    pub grants: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// The only namespaces; none for any.
    pub namespaces: Vec<String>,
}

/// Believes client certificates.
#[derive(Debug)]
pub struct Mtls {
    known: HashMap<String, (Vec<Grant>, Granted)>,
    roles_from_units: bool,
}

impl Mtls {
    /// What each name is granted, and whether organizational units are roles; every grant that is none is reported.
    pub fn new(
        subjects: impl IntoIterator<Item = (String, Granted)>,
        roles_from_units: bool,
    ) -> Result<Self, Vec<String>> {
        let (mut known, mut problems) = (HashMap::new(), Vec::new());
        for (name, granted) in subjects {
            let read = |text: &String| Grant::checked(text).map_err(|why: NotAGrant| (text.clone(), why));
            let (grants, bad): (Vec<_>, Vec<_>) = granted.grants.iter().map(read).partition(Result::is_ok);
            for (text, why) in bad.into_iter().filter_map(Result::err) {
                problems.push(format!("auth.mtls.subjects has for `{name}` the grant `{text}`, which {why}"));
            }
            let grants = grants.into_iter().filter_map(Result::ok).collect();
            if known.insert(name.clone(), (grants, granted)).is_some() {
                problems.push(format!("auth.mtls.subjects names `{name}` twice"));
            }
        }
        if problems.is_empty() { Ok(Self { known, roles_from_units }) } else { Err(problems) }
    }

    fn verify(&self, der: &[u8]) -> Result<Principal, Rejection> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Rejection::Malformed)?;
        let name = name(&certificate).ok_or(Rejection::Invalid)?;
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).map_err(|_| Rejection::Expired)?;
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(Rejection::Invalid)?;
        // A connection can outlive the certificate that opened it.
        if until <= clock::now() {
            return Err(Rejection::Expired);
        }
        let mut principal = Principal::new(name.as_str(), "mtls");
        principal.valid_until = Some(until);
        if let Some((grants, granted)) = self.known.get(&name) {
            principal.grants.clone_from(grants);
            principal.roles.clone_from(&granted.roles);
            principal.namespaces =
                (!granted.namespaces.is_empty()).then(|| granted.namespaces.iter().cloned().collect());
        }
        if self.roles_from_units {
            let units = certificate.subject().iter_organizational_unit();
            principal.roles.extend(units.filter_map(|unit| unit.as_str().ok()).map(str::to_owned));
        }
        Ok(principal)
    }
}

/// Who a certificate is for.
fn name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok()?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let uri = names.iter().find_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    let dns = names.iter().find_map(|name| if let GeneralName::DNSName(dns) = name { Some(*dns) } else { None });
    let common = || certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let name = uri.or(dns).or_else(common)?;
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

impl Authenticator for Mtls {
    fn name(&self) -> &'static str {
        "mtls"
    }

    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Option<Principal>, Rejection>> {
        async move {
            match (&credentials.token, &credentials.certificate) {
                (None, Some(certificate)) => self.verify(certificate).map(Some),
                _ => Ok(None),
            }
        }
        .boxed()
    }
}
