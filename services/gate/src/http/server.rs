//! Connections: accepted, served over HTTP/1.1 or HTTP/2 as they begin, bounded in number and time, and drained.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::{
    Limits,
    connection::{Activity, BusyBody, Watched},
    envelope::Envelope,
};

/// The largest head of a request, in bytes: beyond it hyper answers 431.
const HEAD: usize = 32 << 10;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;
/// A silent HTTP/2 client is asked for a sign of life after this, and given up after as much again.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Without file descriptors or memory nothing can be accepted for a moment.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves connections until `shutdown`; then accepts no more, closes those without a request, and returns when every
/// request under way is answered. That has no bound of its own.
pub async fn serve(listener: TcpListener, envelope: Envelope, limits: Limits, shutdown: CancellationToken) {
    let builder = Arc::new(builder(limits));
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let accepting = async {
        loop {
            let slot = slots.clone().acquire_owned().await;
            let (stream, peer) = accept(&listener).await;
            let (builder, envelope, shutdown) = (builder.clone(), envelope.clone(), shutdown.child_token());
            connections.spawn(async move {
                connection(&builder, stream, peer, &envelope, limits, &shutdown).await;
                drop(slot);
            });
        }
    };
    shutdown.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn builder(limits: Limits) -> Builder<Streams> {
    let mut builder = Builder::new(Streams(limits.body + limits.call + limits.write));
    // The stream watches the time. A client that has closed its side may still read the answer.
    builder.http1().header_read_timeout(None).max_buf_size(HEAD).half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX));
    builder
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Of the connection that was to be accepted.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                warn!(error.message = %error, "cannot accept connections");
                sleep(EXHAUSTED).await;
            }
        }
    }
}

async fn connection(
    builder: &Builder<Streams>,
    stream: TcpStream,
    peer: SocketAddr,
    envelope: &Envelope,
    limits: Limits,
    shutdown: &CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let activity = Activity::new();
    let service = service_fn(|request: http::Request<Incoming>| {
        let (busy, envelope) = (activity.begin(request.version()), envelope.clone());
        async move {
            let response = envelope.serve(request, Some(peer.ip())).await;
            Ok::<_, Infallible>(response.map(|body| BusyBody { body, _busy: busy }))
        }
    });
    let stream = TokioIo::new(Watched::new(stream, activity.clone(), limits));
    let mut serving = pin!(builder.serve_connection(stream, service));
    let served = tokio::select! {
        biased;
        served = &mut serving => served,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        debug!(client.ip = %peer.ip(), error.message = %error, "connection broke off");
    }
}

/// Runs the requests of HTTP/2 connections, each for so long at most: one whose client takes nothing of its answer
/// waits for the flow control alone.
#[derive(Clone)]
struct Streams(Duration);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        TokioExecutor::new().execute(timeout(self.0, stream));
    }
}
