use std::{fmt::Display, io, net::SocketAddr, time::Duration};

use anyhow::Context;
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    time::{Instant, sleep},
};
use tracing::{info, warn};

/// Without file descriptors or memory nothing can be accepted for a moment.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// That is told once in so long.
const TOLD: Duration = Duration::from_secs(1);

/// Binds `addr` and logs the line `listening` with the `door`'s name, its scheme by whether it is to be served by `tls`,
/// and the address that was bound, which tells the port where `addr` left it open (port 0).
///
/// # Errors
///
/// When the address cannot be bound; the error names it.
pub async fn listen(addr: impl ToSocketAddrs + Display, door: &'static str, tls: bool) -> anyhow::Result<TcpListener> {
    let context = format!("cannot listen on {addr} ({door})");
    let listener = TcpListener::bind(addr).await.context(context)?;
    let scheme = if tls { "https" } else { "http" };
    info!(door, url.scheme = scheme, server.address = %listener.local_addr()?, "listening");
    Ok(listener)
}

/// The next connection, which sends what it is given at once; `told` is when it was last told that there can be none.
pub async fn accept(listener: &TcpListener, told: &mut Option<Instant>) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) if stream.set_nodelay(true).is_ok() => return (stream, peer),
            // It is gone already.
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                if told.is_none_or(|told| told.elapsed() >= TOLD) {
                    *told = Some(Instant::now());
                    warn!(error.message = %error, "cannot accept connections");
                }
                sleep(EXHAUSTED).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = listen("127.0.0.1:0", "rest", false).await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = format!("{:#}", listen(taken, "rest", false).await.unwrap_err());
        assert!(error.starts_with(&format!("cannot listen on {taken} (rest): ")), "{error}");
    }
}
