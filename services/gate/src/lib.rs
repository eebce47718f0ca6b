//! The gate: Skep's REST door. It keeps nothing and knows of storage only the [`Backend`] trait, so that any number of
//! gates serve alike.

mod access;
pub mod backend;
mod config;
pub mod http;

use std::sync::Arc;

use kit::Process;
use skep_proto::v1::ListCollectionsRequest;
use tokio::net::TcpListener;
use tonic::Request;

pub use self::{
    backend::Backend,
    config::{Config, GATE_ADDR, STORAGE_HOST, STORAGE_PORT},
    http::{File, Home, Limits, definition},
};

/// Serves REST to who connects to `listener`, over `backend`, until the process is told to stop; then finishes what is
/// in flight, for which the caller sets the bound.
pub async fn serve(listener: TcpListener, backend: Arc<dyn Backend>, home: &Home, process: &Process) {
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
}
