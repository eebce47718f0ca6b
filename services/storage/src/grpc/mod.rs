//! The contract `skep.v1` served: by [`Engine`] in this process, by [`serve`] over gRPC.

mod accounts;
mod attempts;
mod batch;
mod collections;
mod convert;
mod incoming;
mod observe;
mod operator;
mod records;
mod room;
mod server;
mod sessions;

use std::sync::Arc;

pub use self::server::{contract, serve};
use crate::{
    accounts::Accounts,
    collections::Collections,
    records::Records,
    sessions::Sessions,
    store::{Result, Store},
};

/// Everything storage does, over one store.
pub struct Engine {
    store: Arc<dyn Store>,
    collections: Collections,
    records: Records,
    accounts: Accounts,
    sessions: Sessions,
}

impl Engine {
    /// Over `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let collections = Collections::new(Arc::clone(&store));
        let records = Records::new(Arc::clone(&store), collections.clone());
        let accounts = Accounts::new(Arc::clone(&store));
        let sessions = Sessions::new(Arc::clone(&store), accounts.clone());
        Self { store, collections, records, accounts, sessions }
    }

    /// The accounts, for who needs no contract.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Whether the store can serve reads and writes now.
    pub async fn ready(&self) -> Result<()> {
        self.store.ready().await
    }

    /// One bounded step of what is done in the background, by the store and in surveys of collections; `true` if more is
    /// left to do now.
    pub async fn sweep(&self) -> Result<bool> {
        let (swept, surveyed) = tokio::join!(self.store.sweep(), self.collections.go_on_surveying());
        Ok(swept? | surveyed?)
    }
}
