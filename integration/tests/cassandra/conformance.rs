//! The suite that every store must pass.

use std::{sync::Arc, time::Duration};

use skep_proto::{Contract, Local};
use storage::store::cassandra::{Cassandra, Lifetime, Pace};
use tokio::sync::RwLockReadGuard;

use crate::opened;

/// Of what the suite has in its indexes much is full, and cut; and nobody stops for long.
const PACE: Pace =
    Pace { settled: Duration::from_secs(6), idle: Duration::from_secs(1), abandoned: Duration::from_secs(5), full: 8 };

async fn replica() -> (RwLockReadGuard<'static, ()>, Arc<dyn Contract>) {
    let guard = opened::ALONE.read().await;
    let store = Cassandra::open_for(opened::shared_settings().await, Lifetime::at(PACE)).unwrap();
    (guard, Arc::new(Local::new(opened::serving(store).await.unwrap())))
}

storage::conformance!(replica());
