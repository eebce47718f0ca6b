//! The gate: Skep's REST door. It keeps nothing and knows of storage only the [`Backend`] trait, so that any number of
//! gates serve alike.

mod access;
pub mod backend;
mod config;
pub mod http;

use std::{net::SocketAddr, sync::Arc};

use kit::Process;
use skep_proto::v1::ListCollectionsRequest;
use tonic::Request;

pub use self::{
    backend::Backend,
    config::{Config, GATE_ADDR, STORAGE_HOST, STORAGE_PORT},
    http::{File, Home, Limits, definition},
};

/// Serves REST at `addr` over `backend` until the process is told to stop, then finishes what is in flight; the bound
/// on that is the caller's.
///
/// # Errors
///
/// When the address cannot be bound.
pub async fn serve(addr: SocketAddr, backend: Arc<dyn Backend>, home: &Home, process: &Process) -> anyhow::Result<()> {
    let listener = kit::listen(addr, "rest").await?;
    let limits = Limits::default();
    let envelope = http::router(backend.clone(), home, limits);
    process.ready.add("storage", move || {
        let backend = backend.clone();
        Box::pin(async move {
            let request = Request::new(ListCollectionsRequest { page_size: 1, ..ListCollectionsRequest::default() });
            backend.list_collections(request).await.map(drop).map_err(|error| error.detail)
        })
    });
    http::serve(listener, envelope, limits, process.shutdown.clone()).await;
    Ok(())
}
