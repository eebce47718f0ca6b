//! The suite that every store must pass.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use skep_proto::{Contract, Local};
use storage::{
    grpc::Engine,
    store::cassandra::{Cassandra, Lifetime, Pace},
};
use tokio::sync::RwLockReadGuard;

use crate::opened;

/// Of what the suite has in its indexes much is full, and cut; and nobody stops for long.
const PACE: Pace =
    Pace { settled: Duration::from_secs(6), idle: Duration::from_secs(1), abandoned: Duration::from_secs(5), full: 8 };
const BETWEEN_SWEEPS: Duration = Duration::from_millis(500);

async fn replica() -> (RwLockReadGuard<'static, ()>, Arc<dyn Contract>) {
    let guard = opened::ALONE.read().await;
    let store = Cassandra::open_for(opened::shared_settings().await, Lifetime::at(PACE)).unwrap();
    let engine = opened::serving(store).await.unwrap();
    tokio::spawn(sweep(Arc::downgrade(&engine)));
    (guard, Arc::new(Local::new(engine)))
}

/// What a process does in the background.
async fn sweep(engine: Weak<Engine>) {
    while let Some(engine) = engine.upgrade() {
        if !engine.sweep().await.unwrap_or(false) {
            tokio::time::sleep(BETWEEN_SWEEPS).await;
        }
    }
}

storage::conformance!(replica());
