use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{Accept, TlsAcceptor, rustls::ServerConfig, server::TlsStream};

/// A connection's bytes, in the clear or by TLS. The handshake is made by whoever first reads or writes, so nobody is kept
/// from being accepted by one that takes its time.
pub struct Stream(Inner);

enum Inner {
    Clear(TcpStream),
    Greeting(Box<Accept<TcpStream>>),
    Secret(Box<TlsStream<TcpStream>>),
    /// The handshake came to nothing.
    Failed,
}

impl Stream {
    /// A connection that was accepted.
    pub fn new(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Self {
        Self(match tls {
            None => Inner::Clear(stream),
            Some(tls) => Inner::Greeting(Box::new(TlsAcceptor::from(tls).accept(stream))),
        })
    }

    /// Whether it is by TLS.
    pub fn is_secret(&self) -> bool {
        !matches!(self.0, Inner::Clear(_))
    }

    /// What can be read and written, once the handshake is made.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut (dyn Bytes + Unpin)>>> {
        let inner = &mut self.0;
        if let Inner::Greeting(accept) = inner {
            let greeted = ready!(Pin::new(accept).poll(cx));
            *inner = Inner::Failed;
            *inner = Inner::Secret(Box::new(greeted?));
        }
        Poll::Ready(match inner {
            Inner::Clear(stream) => Ok(Pin::new(stream)),
            Inner::Secret(stream) => Ok(Pin::new(&mut **stream)),
            Inner::Greeting(_) | Inner::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

trait Bytes: AsyncRead + AsyncWrite {}

impl<S: AsyncRead + AsyncWrite> Bytes for S {}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_shutdown(cx)
    }
}
