//! A look at a server that does not answer as a tasker server does.
//!
//! Owns: telling by its first bytes whether an endpoint speaks something else: HTTP/1, as the port of probes and
//! metrics does, TLS where the endpoint says `http`, or no TLS where it says `https`. Asked only after a connection has
//! failed, so that a mistake in the endpoint is said in words.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long the look may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The beginning of every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An empty SETTINGS frame, without which an HTTP/2 server says nothing.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// The protocol that a server speaks, as far as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
    Tls,
}

/// The mistake in the endpoint, in words, if the server's first bytes show one.
pub(crate) async fn mistake(endpoint: &str) -> Option<String> {
    let (encrypted, address) = address(endpoint)?;
    let protocol = timeout(PATIENCE, ask(&address)).await.ok()??;
    match (protocol, encrypted) {
        (Protocol::Http1, _) => Some(
            "an HTTP server answers there, not a gRPC one; http.listen is the port of probes and metrics, \
             server.listen that of calls"
                .to_owned(),
        ),
        (Protocol::Tls, false) => Some(format!(
            "the server there speaks TLS; write https://{address}, with --ca-file if it has its own authority"
        )),
        (Protocol::Http2, true) => Some(format!("the server there speaks without TLS; write http://{address}")),
        (Protocol::Tls, true) | (Protocol::Http2, false) => None,
    }
}

/// Whether the endpoint asks for TLS, and its host and port. `None` for a socket of this machine.
fn address(endpoint: &str) -> Option<(bool, String)> {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let authority = rest.split('/').next().unwrap_or_default();
    let encrypted = scheme == "https";
    if authority.is_empty() || endpoint.starts_with("unix:") {
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if encrypted { 443 } else { 80 };
    Some((encrypted, if has_port { authority.to_owned() } else { format!("{authority}:{port}") }))
}

/// Begins as HTTP/2 does and reads how the server takes it.
async fn ask(address: &str) -> Option<Protocol> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&[PREFACE, SETTINGS].concat()).await.ok()?;
    let mut answer = [0; 5];
    let mut read = 0;
    while read < answer.len() {
        match stream.read(&mut answer[read..]).await {
            Ok(0) | Err(_) => break,
            Ok(more) => read += more,
        }
    }
    protocol(&answer[..read])
}

/// The protocol of an answer that begins with these bytes.
fn protocol(answer: &[u8]) -> Option<Protocol> {
    match answer {
        [b'H', b'T', b'T', b'P', ..] => Some(Protocol::Http1),
        // An alert, or a handshake, of TLS 1.
        [0x15 | 0x16, 3, ..] => Some(Protocol::Tls),
        // The header of a SETTINGS frame.
        [_, _, _, 4, ..] => Some(Protocol::Http2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_protocol() {
        assert_eq!(protocol(b"HTTP/1.1 400"), Some(Protocol::Http1));
        assert_eq!(protocol(&[0x15, 3, 1, 0, 2]), Some(Protocol::Tls));
        assert_eq!(protocol(&[0, 0, 18, 4, 0]), Some(Protocol::Http2));
        assert_eq!(protocol(b"SSH-2"), None);
        assert_eq!(protocol(b""), None);
    }

    #[test]
    fn endpoints_have_a_host_and_a_port() {
        let check = |endpoint: &str, expected: Option<(bool, &str)>| {
            let expected = expected.map(|(encrypted, address)| (encrypted, address.to_owned()));
            assert_eq!(address(endpoint), expected, "{endpoint}");
        };
        check("http://127.0.0.1:7077", Some((false, "127.0.0.1:7077")));
        check("localhost:7077", Some((false, "localhost:7077")));
        check("https://tasker.example.org/", Some((true, "tasker.example.org:443")));
        check("http://[::1]:7077", Some((false, "[::1]:7077")));
        check("unix:/run/tasker.sock", None);
    }
}
