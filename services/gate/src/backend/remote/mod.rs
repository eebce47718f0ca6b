//! Storage in other processes: everything that touches the transport is here.

mod balancer;
mod call;
mod connection;
mod endpoint;
mod keep;
mod resolve;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, header::AUTHORIZATION, uri::PathAndQuery};
use http_body_util::{BodyExt, Collected};
use kit::{Internal, Secret};
use skep_proto::Remote;
use tokio::{task::AbortHandle, time::Instant};
use tonic::{Status, body::Body};
use tower::Service;

pub use self::resolve::{Resolve, Storages, System};
use self::{
    balancer::{Balancer, follow},
    call::Call,
    resolve::Names,
};

/// How long a call may take whose caller does not say.
const LONGEST: Duration = Duration::from_secs(10);

/// Storage at `storages`, connected to from now on; `internal` is by what both sides know each other. By TLS an address has to
/// show a certificate of the name, or address, that `storages` has it by.
///
/// # Errors
///
/// When the token cannot stand in a request.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn connect(storages: Storages, internal: &Internal) -> anyhow::Result<Remote<Transport>> {
    connect_by(System, storages, internal)
}

/// As [`connect`], with names resolved by `resolve`.
///
/// # Errors
///
/// As there.
///
/// # Panics
///
/// As there.
pub fn connect_by(resolve: impl Resolve, storages: Storages, internal: &Internal) -> anyhow::Result<Remote<Transport>> {
    let authorization = internal.token.as_ref().map(bearer).transpose()?;
    let balancer = Balancer::new(internal.tls.clone());
    let following = tokio::spawn(follow(balancer.clone(), Names::new(storages, resolve))).abort_handle();
    Ok(Remote::new(Transport(Arc::new(Shared { balancer, authorization, following }))))
}

fn bearer(token: &Secret) -> anyhow::Result<HeaderValue> {
    // The parser's error quotes nothing of the token.
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a request to storage may have with it, as an extension: until when it is of use, and where to note its way.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) deadline: Instant,
    pub(crate) trail: Arc<Trail>,
}

/// The way that a client's request took to storage.
#[derive(Default)]
pub(crate) struct Trail {
    retries: AtomicU32,
    endpoint: Mutex<Option<SocketAddr>>,
}

impl Trail {
    /// Second attempts, of all its calls.
    pub(crate) fn retries(&self) -> u32 {
        self.retries.load(Relaxed)
    }

    /// The address that was asked last.
    pub(crate) fn endpoint(&self) -> Option<SocketAddr> {
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asks(&self, address: SocketAddr) {
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }

    fn repeats(&self) {
        self.retries.fetch_add(1, Relaxed);
    }
}

/// Signs every call, and has it answered by one of the storages. A fault of a connection is told as `unavailable`.
#[derive(Clone)]
pub struct Transport(Arc<Shared>);

struct Shared {
    balancer: Arc<Balancer>,
    authorization: Option<HeaderValue>,
    following: AbortHandle,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Collected<Bytes>>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let asked: Option<Asked> = head.extensions.remove();
            // Encoded at once: a unary call has one message.
            let message = body.collect().await?.to_bytes();
            if let Some(authorization) = &shared.authorization {
                head.headers.insert(AUTHORIZATION, authorization.clone());
            }
            let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
            let call = Call {
                path,
                headers: head.headers,
                message,
                deadline: asked.as_ref().map_or_else(|| Instant::now() + LONGEST, |asked| asked.deadline),
                trail: asked.as_ref().map(|asked| &*asked.trail),
            };
            shared.balancer.call(&call).await
        })
    }
}
