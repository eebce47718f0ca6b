//! One HTTP/2 connection, and one exchange by it.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kit::Mutual;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::endpoint::Sender;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// A silent peer is asked for a sign of life after this, and given up after as much again and as much.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// The longest answer, in bytes: a page's, and some room.
const ANSWER: usize = 16 << 20;

/// Connects to `address`, by `tls` to who shows that it is `host`. The connection lives as long as a call or a sender does; the
/// task ends with it.
pub(super) async fn connect(
    address: SocketAddr,
    host: &str,
    tls: Option<&Mutual>,
) -> anyhow::Result<(Sender, JoinHandle<()>)> {
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        match tls {
            None => begin(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned())?;
                begin(TlsConnector::from(tls.client()).connect(name, stream).await?).await
            }
        }
    };
    timeout(CONNECT, connecting).await.context("it does not answer")?
}

async fn begin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> anyhow::Result<(Sender, JoinHandle<()>)> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(2 * KEEP_ALIVE)
        .keep_alive_while_idle(true);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    // How it ends is seen by the calls that it takes with it.
    Ok((sender, tokio::spawn(async { _ = connection.await })))
}

/// Why there is no answer.
pub(super) enum Fault {
    /// The request was certainly not processed.
    Unsent,
    /// Nothing is known of it.
    Broken(anyhow::Error),
}

/// Sends one request, and takes the whole answer in: what comes in part is none.
pub(super) async fn exchange(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> Result<Response<Collected<Bytes>>, Fault> {
    let response = sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
        Some(_) => Fault::Unsent,
        None => broken(error.into_error()),
    })?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER).collect().await.map_err(|error| broken(anyhow::anyhow!(error)))?;
    Ok(Response::from_parts(head, body))
}

fn broken(error: impl Into<anyhow::Error>) -> Fault {
    Fault::Broken(error.into())
}
