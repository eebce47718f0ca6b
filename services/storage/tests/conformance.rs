//! The suite on the embedded store: in process, and through gRPC over an in-memory duplex.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use skep_proto::{Contract, Local, Remote};
use storage::{grpc::Engine, store::embedded::Embedded};
use tempfile::TempDir;

fn engine() -> (TempDir, Arc<Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let engine = Arc::new(Engine::new(Arc::new(store)));
    tokio::spawn(sweep(Arc::downgrade(&engine)));
    (folder, engine)
}

/// What a process does in the background.
async fn sweep(engine: Weak<Engine>) {
    while let Some(engine) = engine.upgrade() {
        if !engine.sweep().await.unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn in_process() -> impl Future<Output = (TempDir, Arc<dyn Contract>)> {
    let (folder, engine) = engine();
    let contract: Arc<dyn Contract> = Arc::new(Local::new(engine));
    std::future::ready((folder, contract))
}

async fn over_grpc() -> (TempDir, Arc<dyn Contract>) {
    let (folder, engine) = engine();
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = tonic::transport::Server::builder().add_routes(storage::grpc::contract(engine, None));
    tokio::spawn(server.serve_with_incoming(tokio_stream::once(Ok::<_, std::io::Error>(far))));
    let mut near = Some(hyper_util::rt::TokioIo::new(near));
    let connect = tower::service_fn(move |_| {
        let near = near.take().ok_or_else(|| std::io::Error::other("one connection only"));
        async { near }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://duplex");
    let channel = endpoint.connect_with_connector(connect).await.unwrap();
    (folder, Arc::new(Remote::new(channel)))
}

mod embedded {
    storage::conformance!(super::in_process());
}

mod grpc {
    storage::conformance!(super::over_grpc());
}

#[test]
fn the_page_tells_of_every_behaviour() {
    let page = include_str!("../../../docs/CONFORMANCE.md");
    for behaviour in storage::store::conformance::BEHAVIOURS {
        assert!(page.contains(&behaviour.replace('_', " ")), "docs/CONFORMANCE.md does not tell of {behaviour}");
    }
}
