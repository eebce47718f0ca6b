//! A replica dies between two statements of an operation: before each of them in turn.

mod accounts;
mod definitions;
mod migrations;
mod records;

use std::sync::Arc;

use skep_proto::{Contract, Local};
use storage::{
    grpc::Engine,
    store::cassandra::{Cassandra, Lifetime, Settings},
};

use crate::opened::serving;

/// A replica that dies before it sends the statement after so many; `None` says that it died.
async fn die<T>(settings: &Settings, statements: u32, live: impl AsyncFnOnce(Arc<Engine>) -> T) -> Option<T> {
    let lifetime = Lifetime::default();
    let engine = serving(Cassandra::open_for(settings.clone(), lifetime.clone()).unwrap()).await.unwrap();
    lifetime.ends_after(statements);
    tokio::select! {
        biased;
        done = live(engine) => Some(done),
        () = lifetime.ended() => None,
    }
}

/// Asks such a replica.
async fn ask_mortal<T>(settings: &Settings, statements: u32, ask: impl AsyncFnOnce(&dyn Contract) -> T) -> Option<T> {
    die(settings, statements, async |engine| ask(&Local::new(engine)).await).await
}
