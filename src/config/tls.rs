//! How connections to the server are encrypted.

use std::path::PathBuf;

use serde::Deserialize;

use super::{check::Check, values::optional_path};

/// The section `server.tls`.
#[derive(Debug, Clone, Deserialize)]
pub struct Tls {
    /// The server's certificate and those that lead to its authority, in PEM; `None` for no TLS.
    #[serde(deserialize_with = "optional_path")]
    pub certificate_file: Option<PathBuf>,
    /// Its private key, in PEM.
    #[serde(deserialize_with = "optional_path")]
    pub key_file: Option<PathBuf>,
    /// The authorities of clients' certificates, in PEM.
    #[serde(deserialize_with = "optional_path")]
    pub client_ca_file: Option<PathBuf>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
}

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They may.
    Optional,
    /// They must.
    Required,
}

impl Tls {
    /// Whether connections are encrypted.
    pub const fn is_on(&self) -> bool {
        self.certificate_file.is_some()
    }

    /// Checks that the keys fit together and that the files exist; `transport::tls` reads them.
    pub(super) fn validate(&self, is_network: bool, check: &mut Check) {
        check.demand(
            "server.tls.key_file",
            self.certificate_file.is_some() == self.key_file.is_some(),
            "must be given together with server.tls.certificate_file",
            "give both, or neither",
        );
        check.demand(
            "server.tls.client_ca_file",
            self.client_auth == ClientAuth::None || self.client_ca_file.is_some(),
            "must name the authorities of clients' certificates, because server.tls.client_auth asks for them",
            "give it, or set server.tls.client_auth = \"none\"",
        );
        check.demand(
            "server.tls.client_auth",
            self.client_auth == ClientAuth::None || self.is_on(),
            "needs TLS",
            "give server.tls.certificate_file and server.tls.key_file",
        );
        check.demand(
            "server.tls.certificate_file",
            !self.is_on() || is_network,
            "is of no use on a socket of this machine",
            "remove it, or listen on an address",
        );
        for (key, path) in [
            ("server.tls.certificate_file", &self.certificate_file),
            ("server.tls.key_file", &self.key_file),
            ("server.tls.client_ca_file", &self.client_ca_file),
        ] {
            let Some(path) = path else { continue };
            check.rule(key, path.is_file(), || format!("names {}, which is no file", path.display()));
        }
    }
}
