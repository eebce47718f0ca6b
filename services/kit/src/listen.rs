use std::fmt::Display;

use anyhow::Context;
use tokio::net::{TcpListener, ToSocketAddrs};
use tracing::info;

/// Binds `addr` and logs the line `listening` with the `door`'s name and the address that was bound, which
/// tells the port where `addr` left it open (port 0).
///
/// # Errors
///
/// When the address cannot be bound; the error names it.
pub async fn listen(addr: impl ToSocketAddrs + Display, door: &'static str) -> anyhow::Result<TcpListener> {
    let context = format!("cannot listen on {addr} ({door})");
    let listener = TcpListener::bind(addr).await.context(context)?;
    info!(door, server.address = %listener.local_addr()?, "listening");
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = listen("127.0.0.1:0", "rest").await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = format!("{:#}", listen(taken, "rest").await.unwrap_err());
        assert!(error.starts_with(&format!("cannot listen on {taken} (rest): ")), "{error}");
    }
}
