//! Connections: accepted, served over HTTP/1.1 or HTTP/2 as they begin, bounded in number and time, and drained.

use std::{convert::Infallible, future::poll_fn, net::SocketAddr, pin::pin, sync::Arc, task::Poll, time::Duration};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use kit::{Public, Stream, accept};
use metrics::counter;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use super::{
    Limits,
    answer::Answer,
    connection::{Activity, Watched},
    envelope::{self, Envelope},
    room::Share,
};

/// The largest head of a request that hyper reads, in bytes, so that the envelope can tell of one that is too large.
const HEAD: usize = 2 * envelope::HEAD;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;
/// A silent HTTP/2 client is asked for a sign of life after this, and given up after as much again.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often a connection is looked at that waits for its last request.
const GLANCE: Duration = Duration::from_millis(20);

/// Serves connections, by `tls` if it is given, until `shutdown`; then accepts no more, closes those without a
/// request, and returns when every request under way is answered. That has no bound of its own.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Public>>,
    envelope: Envelope,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let builder = Arc::new(builder(limits));
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let accepting = async {
        let mut told = None;
        loop {
            let slot = slots.clone().acquire_owned().await;
            let (stream, peer) = accept(&listener, &mut told).await;
            let stream = Stream::new(stream, tls.as_deref().map(Public::server));
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
    let mut builder = Builder::new(Streams(limits.body.max(limits.call).max(limits.write) + limits.linger));
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

async fn connection(
    builder: &Builder<Streams>,
    stream: Stream,
    peer: SocketAddr,
    envelope: &Envelope,
    limits: Limits,
    shutdown: &CancellationToken,
) {
    let activity = Activity::new();
    // A handshake is the head of a connection, and nothing of it is seen as read.
    let first = if stream.is_secret() { limits.head } else { limits.idle };
    let service = service_fn(|request: http::Request<Incoming>| {
        let (busy, envelope) = (activity.begin(request.version()), envelope.clone());
        async move {
            let mut response = envelope.serve(request, Some(peer.ip())).await;
            let share = response.extensions_mut().remove::<Arc<Share>>();
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, share, busy)))
        }
    });
    let stream = TokioIo::new(Watched::new(stream, activity.clone(), limits, first));
    let mut serving = pin!(builder.serve_connection(stream, service));
    let served = tokio::select! {
        biased;
        served = &mut serving => served,
        () = shutdown.cancelled() => {
            // A request may be on its way to a connection that we close, and HTTP/1.1 cannot tell that it was not
            // served: who has asked a moment ago learns of the end by the next answer.
            let told = async { while activity.may_ask(limits.linger) { sleep(GLANCE).await } };
            let ended = tokio::select! {
                served = &mut serving => Some(served),
                () = told => None,
            };
            if let Some(served) = ended {
                served
            } else {
                serving.as_mut().graceful_shutdown();
                // Nothing is awaited from a client that has asked nothing: not the rest of a head, no sign of life.
                let quiet = async { while !activity.is_quiet(limits.linger) { sleep(limits.linger).await } };
                tokio::select! {
                    served = &mut serving => served,
                    () = quiet => return,
                }
            }
        }
    };
    if let Err(error) = served {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            counter!("skep_http_connections_refused_total").increment(1);
        }
        debug!(client.ip = %peer.ip(), error.message = %error, "connection broke off");
    }
}

/// Runs the requests of HTTP/2 connections, and gives one up when nothing has moved it for so long: one whose client
/// takes nothing of its answer waits for the flow control alone.
#[derive(Clone)]
struct Streams(Duration);

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let limit = self.0;
        TokioExecutor::new().execute(async move {
            let (mut stream, mut still) = (pin!(stream), pin!(sleep(limit)));
            poll_fn(|cx| {
                if still.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                still.as_mut().reset(Instant::now() + limit);
                stream.as_mut().poll(cx).map(drop)
            })
            .await;
        });
    }
}
