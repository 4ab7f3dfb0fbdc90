//! Where connections come in: an address or the path of a socket.

use std::{
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tonic::transport::ServerTlsConfig;

use crate::config::Listen;

/// A listener that has its address. Calls wait in it until they are served.
#[derive(Debug)]
pub enum Bound {
    /// On the network, encrypted or not.
    Tcp(TcpListener, Option<Box<ServerTlsConfig>>),
    /// On this machine; the socket's file goes with the value.
    Unix(UnixListener, SocketFile),
}

/// The file of a socket, removed with the value.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever removed it first did our work.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Bound {
    /// Takes the address.
    pub async fn bind(listen: &Listen) -> Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let bound = TcpListener::bind(address).await.map_err(|error| explained(*address, &error))?;
                Ok(Self::Tcp(bound, None))
            }
            Listen::Unix(path) => {
                remove_stale(path).await?;
                Ok(Self::Unix(UnixListener::bind(path)?, SocketFile(path.clone())))
            }
        }
    }

    /// The same, encrypted. A socket of this machine never is.
    #[must_use]
    pub fn with_tls(self, tls: Option<ServerTlsConfig>) -> Self {
        match self {
            Self::Tcp(listener, _) => Self::Tcp(listener, tls.map(Box::new)),
            Self::Unix(..) => self,
        }
    }

    /// How clients name it: `http://address:port`, `https://address:port` or `unix:/path`.
    pub fn endpoint(&self) -> String {
        match self {
            Self::Tcp(listener, tls) => {
                let address = listener.local_addr().expect("a bound listener has an address");
                let scheme = if tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{address}")
            }
            Self::Unix(_, file) => format!("unix:{}", file.0.display()),
        }
    }
}

fn explained(address: SocketAddr, error: &Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => "; another process listens there: stop it, or choose another address with --listen",
        ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    };
    Error::new(error.kind(), format!("cannot listen on {address}: {error}{hint}"))
}

/// A killed server leaves its socket's file. Only one that nobody answers on is removed.
async fn remove_stale(path: &Path) -> Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(Error::new(ErrorKind::AddrInUse, format!("another process listens on {}", path.display()))),
        Err(_) => std::fs::remove_file(path),
    }
}
