//! The gate: Skep's REST door. It keeps nothing and knows of storage only the [`Backend`] trait, so that any number of
//! gates serve alike.

mod access;
pub mod backend;
mod config;
pub mod http;
mod limit;
mod policy;
mod session;

use std::sync::Arc;

use kit::{Process, Readiness};
use skep_proto::v1::ListCollectionsRequest;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Request;

pub use self::{
    backend::Backend,
    config::{Config, GATE_ADDR, STORAGE_HOST, STORAGE_PORT},
    http::{File, Home, Hosts, Limits, definition, time, write_account, write_record},
    limit::Rate,
    policy::{ClientAddress, Origins, Policy, RedisConfig},
};

/// Serves REST to who connects to `listener`, over `backend`, until the process is told to stop; then tells that to who asks
/// `/readyz` regularly, and finishes what is in flight, for which the caller sets the bound. On loopback this machine alone is served ([`Hosts::Loopback`]).
///
/// # Errors
///
/// When the policy's Redis cannot be a client's.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    home: &Home,
    policy: Policy,
    process: &Process,
) -> anyhow::Result<()> {
    let limits = Limits { connections: process.connections, ..Limits::default() };
    let is_local = listener.local_addr().is_ok_and(|addr| addr.ip().is_loopback());
    let hosts = if is_local { Hosts::Loopback } else { Hosts::Any };
    let tls = policy.tls.clone();
    let envelope = http::router(backend.clone(), home, hosts, process.ready.clone(), limits, policy).await?;
    check_storage(&backend, &process.ready);
    let closing = CancellationToken::new();
    let stop = async {
        process.shutdown.cancelled().await;
        envelope.stop_is_told(process.drain / 2).await;
        closing.cancel();
    };
    tokio::join!(http::serve(listener, tls, envelope.clone(), limits, closing.clone()), stop);
    Ok(())
}

/// Makes `ready` ask for storage.
pub fn check_storage(backend: &Arc<dyn Backend>, ready: &Readiness) {
    let backend = Arc::clone(backend);
    ready.add("storage", move || {
        let backend = backend.clone();
        Box::pin(async move {
            let request = Request::new(ListCollectionsRequest { page_size: 1, ..ListCollectionsRequest::default() });
            backend.list_collections(request).await.map(drop).map_err(|error| error.detail)
        })
    });
}
