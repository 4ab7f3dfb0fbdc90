//! TLS: owns which authorities are believed, and the certificate that the client shows.

use std::path::{Path, PathBuf};

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::errors::{Error, Result};

/// The environment variables that files are named by.
pub const TLS_VARIABLES: [&str; 3] = ["TASKER_CA_FILE", "TASKER_CLIENT_CERT", "TASKER_CLIENT_KEY"];

/// The files that TLS needs, all in PEM. Without any, the authorities of the system are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that the server's certificate may come from, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that the client shows.
    pub client_cert: Option<PathBuf>,
    /// Its private key.
    pub client_key: Option<PathBuf>,
}

impl TlsFiles {
    /// The files that the environment names: `TASKER_CA_FILE`, `TASKER_CLIENT_CERT`, `TASKER_CLIENT_KEY`.
    pub fn from_env() -> Self {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let [ca_file, client_cert, client_key] = TLS_VARIABLES.map(named);
        Self { ca_file, client_cert, client_key }
    }

    pub(super) fn config(&self) -> Result<ClientTlsConfig> {
        let config = ClientTlsConfig::new();
        let config = match &self.ca_file {
            Some(path) => config.ca_certificate(Certificate::from_pem(read(path)?)),
            None => config.with_enabled_roots(),
        };
        match (&self.client_cert, &self.client_key) {
            (Some(certificate), Some(key)) => Ok(config.identity(Identity::from_pem(read(certificate)?, read(key)?))),
            (None, None) => Ok(config),
            _ => Err(Error::Setup("a client certificate and its key are given together or not at all".into())),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::Setup(format!("{} cannot be read: {error}", path.display())))
}
