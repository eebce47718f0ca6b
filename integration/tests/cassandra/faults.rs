//! Two replicas under load while the cluster is hurt: nothing acknowledged is lost, nothing is made twice.

use std::{
    io::{Write, stderr},
    time::Duration,
};

use integration::{Cassandra, CassandraOptions};
use tokio::time::sleep;

use crate::{
    load::Load,
    opened::{ALONE, replica, settings},
};

/// How long each fault lasts, and the load between two.
const LASTS: Duration = Duration::from_secs(4);
const BETWEEN: Duration = Duration::from_secs(2);
/// Longer than a lightweight transaction may take, so that those under way end unknown.
const STALL: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "breaks a cluster of its own for minutes: cargo test -p integration --test cassandra -- --ignored"]
async fn what_is_acknowledged_outlives_every_fault_of_one_node() -> anyhow::Result<()> {
    let _alone = ALONE.write().await;
    let cluster = Cassandra::start(CassandraOptions { proxied: true, ..CassandraOptions::default() }).await?;
    let [first, second, third] = cluster.nodes() else { anyhow::bail!("three nodes") };
    let settings = settings(cluster.variables(), &cluster.keyspace());
    // Both begin on an empty cluster, at once.
    let (a, b) = tokio::try_join!(replica(settings.clone()), replica(settings))?;
    let load = Load::new(vec![a, b]).await;
    load.during(async {
        sleep(BETWEEN).await;
        first.kill().await?;
        sleep(LASTS).await;
        cluster.restart(first).await?;
        cluster.settled().await?;
        second.pause().await?;
        sleep(LASTS).await;
        second.resume().await?;
        sleep(BETWEEN).await;
        third.chaos()?.stall().await?;
        sleep(LASTS).await;
        third.chaos()?.heal().await?;
        sleep(BETWEEN).await;
        first.chaos()?.cut().await?;
        sleep(LASTS).await;
        first.chaos()?.heal().await?;
        Ok(())
    })
    .await?;
    Ok(writeln!(stderr(), "one node killed, paused, stalled, cut: {}", load.adds_up().await)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "breaks a cluster of its own for minutes: cargo test -p integration --test cassandra -- --ignored"]
async fn a_write_whose_outcome_was_unknown_is_made_once() -> anyhow::Result<()> {
    let _alone = ALONE.write().await;
    let cluster = Cassandra::start(CassandraOptions { proxied: true, ..CassandraOptions::default() }).await?;
    let settings = settings(cluster.variables(), &cluster.keyspace());
    let (a, b) = tokio::try_join!(replica(settings.clone()), replica(settings))?;
    let load = Load::new(vec![a, b]).await;
    load.during(async {
        for _ in 0..3 {
            sleep(BETWEEN).await;
            // Statements reach the nodes or not, and no answer comes back.
            for node in cluster.nodes() {
                node.chaos()?.stall().await?;
            }
            sleep(STALL).await;
            for node in cluster.nodes() {
                node.chaos()?.heal().await?;
            }
            sleep(BETWEEN).await;
            for node in cluster.nodes() {
                node.chaos()?.reset().await?;
                node.chaos()?.heal().await?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(writeln!(stderr(), "every connection stalled and reset: {}", load.adds_up().await)?)
}
