//! The bridge to the database: records, collections, accounts and their rules, behind gRPC.

pub mod accounts;
mod brought;
pub mod collections;
pub mod condition;
mod config;
pub mod grpc;
mod listing;
mod names;
pub mod records;
pub mod sessions;
pub mod store;

use std::{sync::Arc, time::Duration};

use kit::{Internal, Process};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{
    accounts::Administrator,
    store::{Store, cassandra::Cassandra, embedded::Embedded},
};
pub use self::{
    config::{ALLOW_INSECURE, Config, DATA_DIR, STORAGE_ADDR, StoreConfig},
    grpc::Engine,
    store::cassandra::Authorize,
};

/// How long clearing away rests when there is nothing to clear.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// Opens the store that `config` names, and clears it up in the background. A cluster that is not there yet is waited
/// for behind open doors.
///
/// # Errors
/// When the store cannot be opened; the message says what to do.
pub fn open(config: &Config, process: &Process) -> anyhow::Result<Arc<Engine>> {
    let store: Arc<dyn Store> = match &config.store {
        StoreConfig::Embedded(folder) => Arc::new(Embedded::open(folder)?),
        StoreConfig::Cassandra(settings) => Arc::new(Cassandra::open(settings.clone())?),
    };
    let engine = Arc::new(Engine::new(store));
    tokio::spawn(sweep(Arc::clone(&engine), process.shutdown.clone()));
    Ok(engine)
}

/// Sees to it that there is a first administrator, as soon as the store answers.
pub async fn ensure_administrator(engine: Arc<Engine>, wanted: Administrator, shutdown: CancellationToken) {
    let mutation = skep_proto::mutation::new();
    while !shutdown.is_cancelled() {
        match engine.accounts().ensure(&wanted, mutation).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(error.message = error.detail, "the first administrator is still to be made"),
        }
        shutdown.run_until_cancelled(tokio::time::sleep(BETWEEN_TRIES)).await;
    }
}

/// Serves `engine` over gRPC to who connects to `listener` and is known by `internal`, until the process is told to stop; then
/// finishes what is in flight.
pub async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    internal: &Internal,
    process: &Process,
) -> anyhow::Result<()> {
    let asked = Arc::clone(&engine);
    process.ready.add("store", move || {
        let engine = Arc::clone(&asked);
        Box::pin(async move { engine.ready().await.map_err(|error| error.detail) })
    });
    grpc::serve(engine, listener, internal, process.connections, process.shutdown.clone()).await
}

async fn sweep(engine: Arc<Engine>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let more = engine.sweep().await.unwrap_or_else(|error| {
            tracing::warn!(error.message = error.detail, "clearing away failed");
            false
        });
        if !more {
            shutdown.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await;
        }
    }
}
