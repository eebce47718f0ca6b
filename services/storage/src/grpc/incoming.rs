//! Connections for the gRPC server, bounded in number, and closed when they do not begin to speak.
//!
//! The server pings those that have begun; it waits without end for the first bytes of the others.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use kit::{Mutual, Stream, accept};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use tonic::transport::server::{Connected, TcpConnectInfo};

/// The bytes with which every HTTP/2 connection begins (RFC 9113, 3.4).
const PREFACE: usize = 24;
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections that `listener` accepts, by `tls` if it is given, so many at once; further ones wait.
pub(super) fn incoming(
    listener: TcpListener,
    tls: Option<Arc<Mutual>>,
    connections: usize,
) -> impl tokio_stream::Stream<Item = io::Result<Connection>> {
    let slots = Arc::new(Semaphore::new(connections));
    futures_util::stream::unfold((listener, tls, slots, None), async |(listener, tls, slots, mut told)| {
        let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
        let (stream, _) = accept(&listener, &mut told).await;
        let info = stream.connect_info();
        let stream = Stream::new(stream, tls.as_deref().map(Mutual::server));
        let opening = Some(Opening { left: PREFACE, end: Box::pin(sleep(PATIENCE)) });
        Some((Ok(Connection { stream, info, opening, _slot: slot }), (listener, tls, slots, told)))
    })
}

/// A connection that must begin in time.
pub(super) struct Connection {
    stream: Stream,
    info: TcpConnectInfo,
    opening: Option<Opening>,
    _slot: OwnedSemaphorePermit,
}

struct Opening {
    /// Bytes of the preface that are still to come.
    left: usize,
    end: Pin<Box<Sleep>>,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(opening) = &mut self.opening else { return read };
        opening.left = opening.left.saturating_sub(buffer.filled().len() - before);
        if opening.left == 0 {
            self.opening = None;
        } else if read.is_pending() && opening.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.info.clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_begin_is_cut_and_who_has_begun_may_be_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut incoming = Box::pin(incoming(listener, None, 8));
        for (sent, cut) in [(0, true), (PREFACE - 1, true), (PREFACE, false)] {
            let mut client = TcpStream::connect(addr).await.unwrap();
            let mut served = incoming.next().await.unwrap().unwrap();
            client.write_all(&[7; PREFACE][..sent]).await.unwrap();
            let mut received = vec![0; sent];
            served.read_exact(&mut received).await.unwrap();
            let silent = tokio::time::timeout(PATIENCE * 10, served.read_u8()).await;
            assert_eq!(silent.is_ok_and(|read| read.is_err()), cut, "{sent} bytes");
        }
    }
}
