//! Indexes that are built, cut and dropped while others write, and while those who do it die.

mod clients;
mod cuts;
mod deaths;
mod equal;

use std::time::Duration;

use integration::eventually;
use skep_proto::{Contract, Local, v1::*};
use storage::{
    grpc::Engine,
    store::{
        cassandra::{Cassandra, Lifetime, Pace, Settings},
        conformance::walk,
    },
};
use tonic::Request;

use crate::{dividing::patiently, opened::serving};

/// Far beyond what a change takes at the pace of a test.
const CHANGED: Duration = Duration::from_mins(3);

/// A replica that changes indexes at that pace.
async fn paced(settings: &Settings, pace: Pace) -> Local<Engine> {
    let store = Cassandra::open_for(settings.clone(), Lifetime::at(pace)).unwrap();
    Local::new(serving(store).await.unwrap())
}

async fn define(replica: &dyn Contract, name: &str, indexes: &[&str]) -> anyhow::Result<Collection> {
    let indexes = indexes.iter().map(|path| (*path).to_owned()).collect();
    let collection = Some(Collection { name: name.into(), indexes, ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    let answer = patiently(async || replica.update_collection(Request::new(asked.clone())).await).await;
    Ok(answer.collection.unwrap())
}

/// Waits until a replica reads all indexes of a collection.
async fn built(replica: &dyn Contract, name: &str) -> anyhow::Result<()> {
    let is_ready = async || {
        let answer = replica.get_collection(Request::new(GetCollectionRequest { name: name.into() })).await.ok()?;
        answer.collection?.index_states.iter().all(|index| index.ready).then_some(())
    };
    eventually("the indexes are ready", CHANGED, is_ready).await
}

fn asked(parent: &str, filter: &str, order_by: &str, page_size: i32) -> ListRecordsRequest {
    let (parent, filter, order_by) = (parent.to_owned(), filter.to_owned(), order_by.to_owned());
    ListRecordsRequest { parent, filter, order_by, page_size, ..Default::default() }
}

/// Every record that is asked for; on a machine with much to do a page can be asked for again.
async fn every(replica: &dyn Contract, asked: ListRecordsRequest) -> Vec<Record> {
    patiently(async || walk::every(replica, asked.clone()).await).await
}

/// Whether lists show what a walk does; how many records they showed.
async fn audit(replica: &dyn Contract, parent: &str, filters: &[&str], orders: &[&str]) -> anyhow::Result<usize> {
    let (all, mut shown) = (every(replica, asked(parent, "", "", 1000)).await, 0);
    for filter in filters {
        for order_by in orders {
            let (walked, mut pages) = (walk::chosen(all.clone(), filter, order_by), Vec::new());
            for size in [1000, 7] {
                pages = every(replica, asked(parent, filter, order_by, size)).await;
                anyhow::ensure!(
                    pages == walked,
                    "{filter:?} by {order_by:?} in pages of {size}: {pages:?}, not {walked:?}"
                );
            }
            shown += pages.len();
        }
    }
    Ok(shown)
}
