//! Whoever builds an index and cuts it dies before any of its statements; another goes on.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use integration::{Cassandra, eventually};
use skep_proto::{Contract, Local, mutation, v1::*};
use storage::store::cassandra::{Lifetime, Pace, Settings};
use tokio::sync::Mutex;
use tonic::Request;

use super::{CHANGED, audit, built, define, paced};
use crate::{
    dividing::patiently,
    opened::{ALONE, serving, settings},
    tables::Tables,
};

/// Nobody else writes, so nobody need be waited for; leaves are cut as soon as they hold something.
const PACE: Pace =
    Pace { settled: Duration::ZERO, idle: Duration::from_millis(200), abandoned: Duration::from_millis(500), full: 2 };
const RECORDS: usize = 12;
/// One of so many statements is the last in a run of the test; which they are is drawn, so that runs together try all.
const STRIDE: u32 = 12;
/// Deaths tried at the same time, each in a keyspace of its own.
const AT_ONCE: usize = 3;

async fn furnish(replica: &dyn Contract, parent: &str) {
    for number in 0..RECORDS {
        let data = format!(r#"{{"n":{},"tags":["a",{number}]}}"#, number % 5);
        let record = Some(Record { data: data.into(), ..Default::default() });
        let mutation_id = mutation::new().to_string();
        let asked = CreateRecordRequest { parent: parent.into(), record, mutation_id, ..Default::default() };
        patiently(async || replica.create_record(Request::new(asked.clone())).await).await;
    }
}

/// Writes that fill what was built, until it is cut.
async fn fill(replica: &dyn Contract, parent: &str, tables: &Tables) -> anyhow::Result<()> {
    let is_cut = async || {
        furnish(replica, parent).await;
        tables.leaves().await.ok()?.iter().any(|leaves| *leaves > 2).then_some(())
    };
    eventually("an index is cut", CHANGED, is_cut).await
}

/// `true` if the replica had all done before it would have died.
async fn die_after(statements: u32, settings: &Settings, parent: &str) -> anyhow::Result<bool> {
    let before = paced(settings, PACE).await;
    define(&before, parent, &[]).await?;
    furnish(&before, parent).await;
    drop(before);
    let tables = Tables::of(settings).await?;
    let lifetime = Lifetime::at(PACE);
    let store = storage::store::cassandra::Cassandra::open_for(settings.clone(), lifetime.clone())?;
    let mortal: Arc<dyn Contract> = Arc::new(Local::new(serving(store).await?));
    lifetime.ends_after(statements);
    let build = async {
        define(&*mortal, parent, &["n", "tags"]).await?;
        built(&*mortal, parent).await?;
        fill(&*mortal, parent, &tables).await
    };
    let done = tokio::select! {
        biased;
        done = build => { done?; true }
        () = lifetime.ended() => false,
    };
    drop(mortal);
    let heir = paced(settings, PACE).await;
    // Whoever asked does not know whether it was done, and asks again.
    define(&heir, parent, &["n", "tags"]).await?;
    built(&heir, parent).await?;
    let filters = ["", "n = 3", "n > 1", r#"tags:"a""#, "tags:7", "n = 0 AND tags:5"];
    let shown = audit(&heir, parent, &filters, &["", "n", "updated_at"]).await?;
    anyhow::ensure!(shown > RECORDS, "{shown} after {statements}");
    let asked = DeleteCollectionRequest { name: parent.into(), force: true };
    patiently(async || heir.delete_collection(Request::new(asked.clone())).await).await;
    Ok(done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_built_and_cut_whoever_dies() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await?;
    let lanes: Vec<_> = (0..AT_ONCE).map(|_| Mutex::new(settings(cluster.variables(), &cluster.keyspace()))).collect();
    let start = rand::random_range(0..STRIDE);
    let deaths = (start..).step_by(STRIDE as usize).map(|statements| {
        let lane = &lanes[(statements / STRIDE) as usize % AT_ONCE];
        async move { die_after(statements, &*lane.lock().await, &format!("collections/dies-{statements}")).await }
    });
    let mut deaths = std::pin::pin!(stream::iter(deaths).buffered(AT_ONCE));
    let mut deaths_survived = 0;
    while let Some(done) = deaths.next().await {
        if done? {
            break;
        }
        deaths_survived += 1;
    }
    eprintln!("{deaths_survived} deaths, from statement {start} on before each {STRIDE}th");
    assert!(deaths_survived > 5, "{deaths_survived}");
    Ok(())
}
