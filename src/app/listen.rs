//! Binding sockets.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::StartFailure;

/// Binds the address that the configuration key `key` names.
pub(super) async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, StartFailure> {
    TcpListener::bind(address).await.map_err(|error| StartFailure::listen(key, address, &error))
}
