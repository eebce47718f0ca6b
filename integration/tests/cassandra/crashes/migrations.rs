//! The schema, made and completed by replicas that die over it or begin at the same time.

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use integration::Cassandra;
use skep_proto::{Contract, Local, v1::*};
use storage::store::cassandra::{Cassandra as CassandraStore, Lifetime, Settings};
use tokio::sync::Mutex;
use tonic::Request;

use crate::{
    opened::{ALONE, replica, serving, settings},
    tables::Tables,
};

/// Keyspaces made at the same time: changes of the schema wait for each other in all of a cluster.
const AT_ONCE: usize = 2;
/// So do the tests here.
static TURN: Mutex<()> = Mutex::const_new(());

/// Whether a replica there does its work.
async fn works(settings: Settings) -> anyhow::Result<()> {
    let replica = Local::new(replica(settings).await?);
    let collection = Some(Collection { name: "collections/first".into(), ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    replica.update_collection(Request::new(asked)).await?;
    let record = Some(Record { data: "{}".into(), ..Default::default() });
    let asked = CreateRecordRequest { parent: "collections/first".into(), record, ..Default::default() };
    let made = replica.create_record(Request::new(asked)).await?.record;
    let name = made.as_ref().unwrap().name.clone();
    assert_eq!(replica.get_record(Request::new(GetRecordRequest { name })).await?.record, made);
    Ok(())
}

/// Whether a replica completed the schema before it died.
async fn migrated(settings: &Settings, statements: u32) -> anyhow::Result<bool> {
    let lifetime = Lifetime::default();
    lifetime.ends_after(statements);
    let store = CassandraStore::open_for(settings.clone(), lifetime.clone())?;
    tokio::select! {
        biased;
        serving = serving(store) => serving.map(|_| true),
        () = lifetime.ended() => Ok(false),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_whose_maker_died_over_it_is_completed_by_the_next() -> anyhow::Result<()> {
    let (_guard, _turn) = (ALONE.read().await, TURN.lock().await);
    let cluster = Cassandra::shared().await?;
    // All that is done once and the first tables; the others are made alike, each after the lock is held anew.
    let deaths = (0..8).chain((8..).step_by(5));
    let tries = stream::iter(deaths).map(async |statements| {
        let settings = settings(cluster.variables(), &cluster.keyspace());
        let done = migrated(&settings, statements).await?;
        anyhow::Ok((settings, done))
    });
    let mut tries = std::pin::pin!(tries.buffered(AT_ONCE));
    let mut left = Vec::new();
    while let Some(tried) = tries.next().await {
        let (settings, done) = tried?;
        left.push(settings);
        if done {
            break;
        }
    }
    // The first waits until the lock of the dead is over, and that of the others is soon.
    stream::iter(left).map(works).buffered(AT_ONCE).try_collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_begin_at_once_on_an_empty_cluster_and_on_the_version_before() -> anyhow::Result<()> {
    let (_guard, _turn) = (ALONE.read().await, TURN.lock().await);
    let cluster = Cassandra::shared().await?;
    let settings = settings(cluster.variables(), &cluster.keyspace());
    let three = async || try_join_all([(); 3].map(|()| works(settings.clone()))).await;
    three().await?;
    let tables = Tables::of(&settings).await?;
    let newest = tables.versions().await?.into_iter().max().unwrap();
    // What the newest version made is not there.
    tables.run("ALTER TABLE collections DROP dividing").await?;
    tables.run(&format!("DELETE FROM migrations WHERE realm = 'schema' AND version = {newest}")).await?;
    three().await?;
    assert_eq!(tables.versions().await?.into_iter().max(), Some(newest));
    assert!(!tables.is_being_divided("first").await?);
    Ok(())
}
