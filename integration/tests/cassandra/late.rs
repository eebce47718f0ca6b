//! A replica that stops before a statement and goes on long after: what it sends then changes nothing, and it does not
//! say that it did.

use std::{cell::Cell, sync::Arc};

use skep_proto::{Code, Contract, Local, v1::DeleteCollectionRequest};
use storage::{
    grpc::Engine,
    store::cassandra::{Cassandra, Lifetime, Settings},
};
use tonic::Request;

use crate::{
    load::door::{Door, Seen, Told, Wanted, Write},
    opened::{self, ALONE, serving},
};

const NEVER: u32 = u32::MAX;

/// A replica that can be stopped, and another.
pub(crate) struct Two {
    pub(crate) slow: Arc<dyn Contract>,
    lifetime: Lifetime,
    pub(crate) other: Arc<dyn Contract>,
}

impl Two {
    pub(crate) async fn open() -> Self {
        Self::beside(opened::shared_settings().await, opened::shared().await).await
    }

    /// Both over a keyspace of their own.
    pub(crate) async fn of(settings: Settings) -> Self {
        let other = opened::replica(settings.clone()).await.unwrap();
        Self::beside(settings, other).await
    }

    async fn beside(settings: Settings, other: Arc<Engine>) -> Self {
        let lifetime = Lifetime::default();
        let slow = serving(Cassandra::open_for(settings, lifetime.clone()).unwrap()).await.unwrap();
        Self { slow: Arc::new(Local::new(slow)), lifetime, other: Arc::new(Local::new(other)) }
    }

    /// Asks the slow one, which stops before the statement after so many; goes on when `meanwhile` is over.
    pub(crate) async fn stop<T>(
        &self,
        statements: u32,
        ask: impl AsyncFn(&Arc<dyn Contract>) -> T,
        meanwhile: impl Future<Output = ()>,
    ) -> T {
        self.lifetime.ends_after(statements);
        let going_on = async {
            self.lifetime.ended().await;
            meanwhile.await;
            self.lifetime.ends_after(NEVER);
        };
        tokio::join!(ask(&self.slow), going_on).0
    }

    /// What both replicas show, by get and by list.
    async fn shown(&self, collection: &str, id: &str) -> Option<(u64, i64)> {
        let mut shown = Vec::new();
        for replica in [&self.slow, &self.other] {
            let (listed, _) = replica.page(collection, "").await.unwrap();
            shown.push(listed.iter().find(|record| record.id == id).map(|record| (record.n, record.version)));
            assert!(listed.len() < 2, "{listed:?}");
            shown.push(replica.get(collection, id).await.ok().map(|record| (record.n, record.version)));
        }
        assert!(shown.iter().all(|seen| *seen == shown[0]), "{shown:?}");
        shown[0]
    }
}

fn wanted(id: &str, n: u64) -> Wanted<'_> {
    Wanted { id, of: "", n, etag: "" }
}

async fn create(replica: &Arc<dyn Contract>, collection: &str, id: &str, write: Write) -> Told<Seen> {
    replica.create(collection, wanted(id, 1), write).await
}

async fn replace(replica: &Arc<dyn Contract>, collection: &str, id: &str, n: u64) -> Told<Seen> {
    replica.replace(collection, wanted(id, n), Write::new(false)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_that_arrives_late_stays_behind_what_was_written_since() {
    let _guard = ALONE.read().await;
    let two = Two::open().await;
    for (collection, deleted) in [("late-insert-update", false), ("late-insert-delete", true)] {
        two.other.define(collection).await.unwrap();
        let write = Write::new(false);
        let id = write.mutation.to_string();
        let meanwhile = async {
            create(&two.other, collection, "", Write { attempt: 1, ..write }).await.unwrap();
            replace(&two.other, collection, &id, 2).await.unwrap();
            if deleted {
                two.other.delete(collection, &id, Write::new(false)).await.unwrap();
            }
        };
        // The definition (of two statements) and the window's note, and then the entry.
        two.stop(3, async |slow| create(slow, collection, "", write).await, meanwhile).await.unwrap();
        assert_eq!(two.shown(collection, &id).await, (!deleted).then_some((2, 2)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_arrives_late_stays_behind_newer_ones() {
    let _guard = ALONE.read().await;
    let two = Two::open().await;
    for (number, deleted) in [(0, false), (1, true)] {
        // Whichever statements come between the head and the entry.
        for statements in 2..9 {
            let collection = &format!("late-copy-{number}-{statements}");
            two.other.define(collection).await.unwrap();
            create(&two.other, collection, "bee", Write::new(false)).await.unwrap();
            let acknowledged = Cell::new(0);
            let meanwhile = async {
                acknowledged.set(replace(&two.other, collection, "bee", 3).await.unwrap().version);
                if deleted {
                    two.other.delete(collection, "bee", Write::new(false)).await.unwrap();
                }
            };
            let late = async |slow: &Arc<dyn Contract>| replace(slow, collection, "bee", 2).await;
            let asked = two.stop(statements, late, meanwhile);
            let Ok(late) = tokio::time::timeout(std::time::Duration::from_secs(10), asked).await else { break };
            let shown = two.shown(collection, "bee").await;
            let late = late.unwrap();
            match shown {
                // It was decided after the others.
                Some((2, version)) => {
                    assert_eq!((late.n, late.version), (2, version), "{statements}");
                    assert!(version > acknowledged.get(), "{statements}: what was acknowledged is hidden");
                }
                Some(shown) => assert_eq!((shown, deleted), ((3, 3), false), "{statements}"),
                None => assert!(deleted, "{statements}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_judged_before_a_deletion_is_not_made_after_it() {
    let _guard = ALONE.read().await;
    let (two, collection) = (Two::open().await, "late-condition");
    two.other.define(collection).await.unwrap();
    let made = create(&two.other, collection, "bee", Write::new(false)).await.unwrap();
    // It counts no version, so that the version alone would not tell.
    let meanwhile = async { two.other.delete(collection, "bee", Write::new(false)).await.unwrap() };
    let wanted = Wanted { etag: &made.etag, ..wanted("bee", 2) };
    let late = async |slow: &Arc<dyn Contract>| slow.replace(collection, wanted, Write::new(false)).await;
    // The definition, the head and the entry are read.
    let late = two.stop(4, late, meanwhile).await;
    assert_eq!((late.map(drop), two.shown(collection, "bee").await), (Err(Code::RecordNotFound), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_admitted_before_a_drop_is_not_acknowledged_after_it() {
    let _guard = ALONE.read().await;
    let two = Two::open().await;
    for (collection, id, statements) in [("late-fresh", "", 2), ("late-fresh-entry", "", 3), ("late-chosen", "bee", 3)]
    {
        two.other.define(collection).await.unwrap();
        let meanwhile = async {
            let name = format!("collections/{collection}");
            let asked = DeleteCollectionRequest { name, force: false };
            two.other.delete_collection(Request::new(asked)).await.unwrap();
        };
        let late = async |slow: &Arc<dyn Contract>| create(slow, collection, id, Write::new(false)).await;
        let late = two.stop(statements, late, meanwhile).await;
        assert_eq!(late.map(drop), Err(Code::CollectionNotFound), "{collection} {id}");
    }
}
