//! Where a request comes from.

use std::net::IpAddr;

use http::Extensions;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

/// The address of whoever sent a request; `None` on a socket of this machine.
pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let plain = extensions.get::<TcpConnectInfo>();
    let encrypted = extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref);
    plain.or(encrypted)?.remote_addr().map(|address| address.ip())
}
