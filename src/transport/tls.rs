//! TLS of the listener: the server's certificate, and whose certificates clients may show.

use std::{path::Path, time::Duration};

use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::config::{ClientAuth, Tls};

/// How long a client may take to begin; one that says nothing holds a connection no longer.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// How connections are encrypted; `None` when they are not. Every problem is reported.
pub fn load(settings: &Tls) -> Result<Option<ServerTlsConfig>, Vec<String>> {
    let (Some(certificate), Some(key)) = (&settings.certificate_file, &settings.key_file) else { return Ok(None) };
    let mut problems = Vec::new();
    let mut read = |key: &str, path: &Path, wanted: &str| match std::fs::read_to_string(path) {
        Ok(text) if text.contains(wanted) => text,
        Ok(_) => {
            problems.push(format!("server.tls.{key} names {}, which holds no PEM block of a {wanted}", path.display()));
            String::new()
        }
        Err(error) => {
            problems.push(format!("server.tls.{key} names {}, which cannot be read: {error}", path.display()));
            String::new()
        }
    };
    let certificate = read("certificate_file", certificate, "CERTIFICATE");
    let key = read("key_file", key, "PRIVATE KEY");
    let mut config = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key)).timeout(HANDSHAKE_WITHIN);
    if let Some(authorities) = settings.client_ca_file.as_ref().filter(|_| settings.client_auth != ClientAuth::None) {
        let authorities = read("client_ca_file", authorities, "CERTIFICATE");
        config = config
            .client_ca_root(Certificate::from_pem(authorities))
            .client_auth_optional(settings.client_auth == ClientAuth::Optional);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // Whether the key belongs to the certificate is found out now, and not by the first client.
    match Server::builder().tls_config(config.clone()) {
        Ok(_) => Ok(Some(config)),
        Err(error) => Err(vec![format!("server.tls does not fit together: {}", deepest(&error))]),
    }
}

fn deepest(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), deepest)
}
