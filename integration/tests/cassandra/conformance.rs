//! The suite that every store must pass.

use std::sync::Arc;

use skep_proto::{Contract, Local};
use tokio::sync::RwLockReadGuard;

use crate::opened;

async fn replica() -> (RwLockReadGuard<'static, ()>, Arc<dyn Contract>) {
    let guard = opened::ALONE.read().await;
    (guard, Arc::new(Local::new(opened::shared().await)))
}

storage::conformance!(replica());
