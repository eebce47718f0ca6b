//! Surveys of the records that were there before a schema: by several replicas at once, one of which dies over it.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use integration::{Cassandra, eventually};
use skep_proto::{Contract, Local, v1::*};
use storage::{
    grpc::Engine,
    store::cassandra::{Cassandra as CassandraStore, Lifetime},
};
use tonic::Request;

use crate::{
    load::door::{Door, Wanted, Write},
    opened::{ALONE, replica, serving, settings, sweep},
    tables::Tables,
};

/// Of which a step looks at 500.
const RECORDS: u32 = 1700;
const AT_ONCE: usize = 16;
const NAME: &str = "collections/surveyed";
/// Far beyond what it takes until a survey begins.
const BEGUN: Duration = Duration::from_mins(2);
/// Statements of about one step.
const STATEMENTS: u32 = 20;

async fn give(replica: &Arc<dyn Contract>, schema: &'static str) {
    let collection = Some(Collection { name: NAME.into(), schema: schema.into(), ..Default::default() });
    let asked = UpdateCollectionRequest { collection, allow_missing: true, ..Default::default() };
    replica.update_collection(Request::new(asked)).await.unwrap();
}

async fn check(replica: &Arc<dyn Contract>) -> SchemaCheck {
    let asked = Request::new(GetCollectionRequest { name: NAME.into() });
    replica.get_collection(asked).await.unwrap().collection.unwrap().schema_check.unwrap()
}

/// Sweeps until something is seen of the survey.
async fn begin(engine: &Engine, contract: &Arc<dyn Contract>) -> anyhow::Result<SchemaCheck> {
    let some = async || {
        sweep(engine).await.unwrap();
        Some(check(contract).await).filter(|known| known.checked > 0)
    };
    eventually("the survey has begun", BEGUN, some).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_survey_at_once_count_each_record_once() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await?;
    let settings = settings(cluster.variables(), &cluster.keyspace());
    let engines = [replica(settings.clone()).await?, replica(settings.clone()).await?];
    let contract: Arc<dyn Contract> = Arc::new(Local::new(Arc::clone(&engines[0])));
    let tables = Tables::of(&settings).await?;
    give(&contract, "").await;
    let made = stream::iter(0..RECORDS).map(async |number| {
        let wanted = Wanted { id: "", of: "", n: u64::from(number % 4), etag: "" };
        contract.create("surveyed", wanted, Write::new(false)).await.unwrap();
    });
    made.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;

    give(&contract, r#"{"properties":{"n":{"maximum":2}}}"#).await;
    let begun = begin(&engines[0], &contract).await?;
    let lifetime = Lifetime::default();
    let mortal = serving(CassandraStore::open_for(settings.clone(), lifetime.clone())?).await?;
    lifetime.ends_after(STATEMENTS);
    tokio::select! {
        () = lifetime.ended() => {}
        () = async { while mortal.sweep().await.unwrap_or(true) {} } => {}
    }
    drop(mortal);
    let known = check(&contract).await;
    assert!(known.checked >= begun.checked && !known.done, "after {begun:?}: {known:?}");

    let surveying = engines.each_ref().map(async |engine| {
        while !check(&contract).await.done {
            sweep(engine).await.unwrap();
        }
    });
    futures_util::future::join_all(surveying).await;
    let (all, some) = (i64::from(RECORDS), i64::from(RECORDS / 4));
    assert_eq!(check(&contract).await, SchemaCheck { checked: all, misfits: some, done: true });
    while sweep(&engines[0]).await? {}
    assert_eq!((tables.count("surveys").await?, tables.count("survey_work").await?), (1, 0));

    give(&contract, "false").await;
    begin(&engines[1], &contract).await?;
    while sweep(&engines[1]).await? {}
    assert_eq!(check(&contract).await, SchemaCheck { checked: all, misfits: all, done: true });
    assert_eq!((tables.count("surveys").await?, tables.count("survey_work").await?), (2, 0));

    let asked = DeleteCollectionRequest { name: NAME.into(), force: true };
    contract.delete_collection(Request::new(asked)).await?;
    let uid = tables.dropped().await?["surveyed"];
    tables.age(uid).await?;
    while sweep(&engines[0]).await? {}
    assert_eq!(tables.count("surveys").await?, 0);
    Ok(())
}
