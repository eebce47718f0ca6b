//! Gates and storages as processes, asked over REST.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use integration::{Call, Cassandra, House, Process, Program, Rest, eventually};
use serde_json::json;
use tokio::time::sleep;

use super::{BETWEEN, Houses, LASTS, PATIENCE, PROMISED};
use crate::load::{Figures, Load};

/// What a gate gives a call, and some room.
const DEADLINE: Duration = Duration::from_secs(13);
/// How long nodes take to start again, at worst.
const OUTAGE: Duration = Duration::from_mins(4);
/// Within which `/readyz` follows what there is.
const FOLLOWED: Duration = Duration::from_secs(10);
/// How long it is asked while no quorum is there.
const PROBED: Duration = Duration::from_secs(12);

pub(super) async fn as_ever(doors: &[Rest], fault: &str) -> anyhow::Result<Figures> {
    let load = Load::begin(doors, fault, PATIENCE, PROMISED).await;
    load.during(async {
        sleep(LASTS * 2).await;
        Ok(())
    })
    .await?;
    Ok(load.audit().await)
}

/// Each storage is killed in turn; its clients go to the other gate, with the same keys.
pub(super) async fn killed(houses: &mut Houses, fault: &str) -> anyhow::Result<Figures> {
    let doors = houses.doors()?;
    let load = Load::begin(&doors, fault, PATIENCE, PROMISED).await;
    load.during(async {
        for storage in &mut houses.storages {
            sleep(BETWEEN).await;
            storage.kill().await?;
            sleep(LASTS).await;
            storage.restart().await?;
        }
        sleep(BETWEEN).await;
        Ok(())
    })
    .await?;
    Ok(load.audit().await)
}

/// No quorum: every request is told so in time, and what was told otherwise before or after is true.
pub(super) async fn two_dead(cluster: &Cassandra, houses: &Houses, fault: &str) -> anyhow::Result<Figures> {
    let doors = houses.doors()?;
    let load = Load::begin(&doors, fault, OUTAGE, OUTAGE).await;
    let [_, second, third] = cluster.nodes() else { anyhow::bail!("three nodes") };
    let administrators = try_join_all(doors.iter().map(Rest::administrator)).await?;
    load.during(async {
        sleep(BETWEEN).await;
        second.kill().await?;
        third.kill().await?;
        let probing = doors.iter().zip(&administrators).enumerate();
        let probing = try_join_all(probing.map(|(number, (door, admin))| probe(&load, door, admin, number)));
        let (unready, probed) = tokio::join!(followed(houses, false), probing);
        unready.and(probed)?;
        cluster.restart(second).await?;
        followed(houses, true).await?;
        cluster.restart(third).await?;
        cluster.settled().await?;
        sleep(BETWEEN).await;
        Ok(())
    })
    .await?;
    Ok(load.audit().await)
}

async fn followed(houses: &Houses, ready: bool) -> anyhow::Result<()> {
    for storage in &houses.storages {
        let followed = async || (storage.is_ready().await == ready).then_some(());
        eventually(&format!("/readyz says {ready}"), FOLLOWED, followed).await?;
        assert_eq!(storage.http("metrics")?.get("/livez").await?.status, 200, "alive whatever is with its store");
    }
    Ok(())
}

/// One request of each kind at a time, never repeated.
async fn probe(load: &Load<'_, Rest>, door: &Rest, admin: &Rest, number: usize) -> anyhow::Result<()> {
    let (begun, records) = (Instant::now(), format!("/v1/collections/{}/records", load.collection()));
    for round in 0.. {
        if begun.elapsed() > PROBED {
            break;
        }
        let of = |kind: &str| load.nothing_is_known_of(&format!("probe-{kind}-{number}-{round}"));
        let (fresh, chosen, put) = (of("fresh"), of("chosen"), of("put"));
        let calls: Vec<Call> = vec![
            door.post(&records).json(json!({"data": {"of": fresh, "n": 0}})),
            door.post(&records).json(json!({"id": chosen, "data": {"of": chosen, "n": 0}})),
            door.put(format!("{records}/{put}")).json(json!({"data": {"of": put, "n": 0}})),
            door.patch(format!("{records}/{put}")).typed("application/merge-patch+json", "{}"),
            door.delete(format!("{records}/{chosen}")),
            door.get(format!("{records}/count")),
            door.get(&records),
            admin.put("/v1/collections/while-two-are-dead").json(json!({})),
        ];
        let asked = calls.into_iter().map(async |call| {
            let begun = Instant::now();
            (call.await, begun.elapsed())
        });
        for (answer, took) in join_all(asked).await {
            let answer = answer?;
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|after| after > 0), "{answer:?}");
            assert!(took < DEADLINE, "{took:?}: {answer:?}");
        }
    }
    Ok(())
}

/// A storage that is started while no node is up says so, and serves as soon as they are.
pub(super) async fn begun_before_the_cluster(cluster: &Cassandra, keyspace: &str) -> anyhow::Result<()> {
    for node in cluster.nodes() {
        node.kill().await?;
    }
    let storage = Program::storage_on(cluster, keyspace, House::token())?.open().await?;
    let metrics = storage.http("metrics")?;
    eventually("it says that it waits", FOLLOWED, async || waits(&storage).then_some(())).await?;
    assert_eq!(metrics.get("/livez").await?.status, 200);
    assert_eq!(metrics.get("/readyz").await?.status, 503);
    try_join_all(cluster.nodes().iter().map(|node| cluster.restart(node))).await?;
    eventually("it is ready", FOLLOWED, async || storage.is_ready().await.then_some(())).await
}

fn waits(storage: &Process) -> bool {
    storage.logs().lines().is_ok_and(|lines| lines.iter().any(|line| line["message"] == "waiting for cassandra"))
}
