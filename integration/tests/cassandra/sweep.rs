//! What is left in the tables of a collection that was dropped, and of a record after its day: nothing.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use integration::Cassandra;
use skep_proto::{Contract, Local};
use storage::store::cassandra::{Cassandra as CassandraStore, Lifetime};

use crate::{
    dividing::{MONTH, another, defined},
    load::door::{Door, Wanted, Write},
    opened::{self, ALONE, replica, serving, settings, sweep},
    tables::Tables,
};

/// So many that a shard takes more than one step.
const FRESH: usize = 2200;
const KEPT: usize = 100;
const CHOSEN: usize = 30;
const AT_ONCE: usize = 16;

async fn fill(replica: &Arc<dyn Contract>, collection: &str, fresh: usize) {
    replica.define(collection).await.unwrap();
    let ids = (0..fresh).map(|_| String::new()).chain((0..CHOSEN).map(|number| format!("c{number}")));
    let made = stream::iter(ids).map(async |id| {
        let wanted = Wanted { id: &id, of: "", n: 0, etag: "" };
        replica.create(collection, wanted, Write::new(false)).await.unwrap().id
    });
    let made: Vec<_> = made.buffer_unordered(AT_ONCE).collect().await;
    // Some have heads beside their entries, and some heads alone.
    for (number, id) in made.iter().step_by(10).enumerate() {
        let wanted = Wanted { id, of: "", n: 1, etag: "" };
        replica.replace(collection, wanted, Write::new(false)).await.unwrap();
        if number % 2 == 0 {
            replica.delete(collection, id, Write::new(false)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_dropped_collection() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await?;
    let settings = settings(cluster.variables(), &cluster.keyspace());
    let (engine, tables) = (replica(settings.clone()).await?, Tables::of(&settings).await?);
    let dropping: Arc<dyn Contract> = Arc::new(Local::new(engine));
    fill(&dropping, "dropped", FRESH).await;
    fill(&dropping, "kept", KEPT).await;
    let name = || "collections/dropped".to_owned();
    let asked = skep_proto::v1::DeleteCollectionRequest { name: name(), force: true };
    dropping.delete_collection(tonic::Request::new(asked)).await?;
    let uid = tables.dropped().await?["dropped"];
    // The replica that dropped it is gone.
    drop(dropping);

    let other = replica(settings.clone()).await?;
    assert!(!sweep(&other).await?, "a write of another replica may still be under way");
    let before = tables.rows_of(uid).await?;
    assert!(before["record_entries"] > FRESH / 2 && before["heads"] > CHOSEN && before["windows"] > 0, "{before:?}");
    tables.age(uid).await?;
    let mut steps = 0;
    while sweep(&other).await? {
        steps += 1;
    }
    assert!(steps > 4, "in {steps} steps");
    assert_eq!((tables.rows_of(uid).await?, tables.dropped().await?), ([].into(), [].into()));

    let kept: Arc<dyn Contract> = Arc::new(Local::new(other));
    let (mut shown, mut token) = (0, String::new());
    loop {
        let (page, next) = kept.page("kept", &token).await.unwrap();
        (shown, token) = (shown + page.len(), next);
        if token.is_empty() {
            break;
        }
    }
    assert!(shown > KEPT, "what was not dropped: {shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_collection_that_was_divided_while_it_was_dropped() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (settings, _, tables) = defined("parted").await;
    let lifetime = Lifetime::default();
    let engine = serving(CassandraStore::open_for(settings.clone(), lifetime.clone())?).await?;
    let dropping = Local::new(engine.clone());
    // The definition is read, and settled, each with the state of its indexes; the drop is noted twice, and not made yet.
    lifetime.ends_after(6);
    let meanwhile = async {
        lifetime.ended().await;
        tables.divide("parted", &[(i64::MIN, MONTH, 4), (1, MONTH, 16)]).await.unwrap();
        let writing: Arc<dyn Contract> = Arc::new(another(&settings).await);
        fill(&writing, "parted", KEPT).await;
        lifetime.ends_after(u32::MAX);
    };
    let name = "collections/parted".to_owned();
    let asked = skep_proto::v1::DeleteCollectionRequest { name, force: true };
    let (dropped, ()) = tokio::join!(dropping.delete_collection(tonic::Request::new(asked)), meanwhile);
    dropped?;
    let uid = tables.dropped().await?["parted"];
    tables.age(uid).await?;
    while sweep(&engine).await? {}
    assert_eq!((tables.rows_of(uid).await?, tables.dropped().await?), ([].into(), [].into()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_record_is_remembered_for_a_day_and_one_made_again_for_good() -> anyhow::Result<()> {
    const DAY: i32 = 24 * 60 * 60;
    const AGO: i32 = 10 * 60;
    let _guard = ALONE.read().await;
    let (replica, tables) = (opened::shared().await, Tables::of(&opened::shared_settings().await).await?);
    let replica: Arc<dyn Contract> = Arc::new(Local::new(replica));
    let (collection, wanted) = ("remembered", Wanted { id: "remembered", of: "", n: 0, etag: "" });
    replica.define(collection).await.unwrap();
    for again in [true, false] {
        replica.create(collection, wanted, Write::new(false)).await.unwrap();
        assert!(tables.kept(wanted.id).await?.iter().all(Option::is_none), "for good");
        replica.delete(collection, wanted.id, Write::new(false)).await.unwrap();
        let kept = tables.kept(wanted.id).await?;
        assert!(
            kept.iter().all(|kept| kept.is_some_and(|kept| (DAY - AGO..=DAY).contains(&kept))),
            "{again}: {kept:?}"
        );
    }
    let uid = tables.collection_of(wanted.id).await?;
    assert!(tables.expire(uid, wanted.id).await?, "a row without cells stays");
    Ok(())
}
