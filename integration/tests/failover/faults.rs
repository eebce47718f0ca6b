//! One storage of three is hurt under load: no client notices more than a moment.

use std::time::{Duration, Instant};

use integration::eventually;
use tokio::time::sleep;

use crate::{
    fleet::{ALONE, Fleet, metric},
    load::{Load, Table},
};

/// No client repeats anything: what fails once has failed.
const PATIENCE: Duration = Duration::ZERO;
const PROMISED: Duration = Duration::from_secs(3);
/// Slow enough that no record is written more often than sixteen times while a call waits for its second attempt: who
/// repeats it could not be told what became of it.
const PACE: Duration = Duration::from_millis(250);
const BETWEEN: Duration = Duration::from_secs(1);
const LASTS: Duration = Duration::from_secs(4);
/// Of a process that is stopped (SIGSTOP).
const STOPPED: Duration = Duration::from_secs(20);
const OUTAGE: Duration = Duration::from_secs(10);
/// What a call may take, and a little more.
const DEADLINE: Duration = Duration::from_secs(11);
/// Within which storages that are back are asked again.
const RECOVERED: Duration = Duration::from_secs(2);

/// Loads `fleet` before, during and after `script`.
async fn row(
    table: &mut Table,
    fleet: &mut Fleet,
    fault: &str,
    script: impl AsyncFnOnce(&mut Fleet) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let door = fleet.door.clone();
    let load = Load::begin(&door, fault, PATIENCE, PROMISED).await.paced(PACE);
    load.during(async {
        sleep(BETWEEN).await;
        script(fleet).await?;
        sleep(BETWEEN).await;
        Ok(())
    })
    .await?;
    table.push(load.audit().await)?;
    fleet.tell();
    fleet.all_serve().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_that_is_hurt_fails_no_request() -> anyhow::Result<()> {
    let _alone = ALONE.lock().await;
    let (mut table, fleet) = (Table::begin()?, &mut Fleet::start(3).await?);
    row(&mut table, fleet, "none", async |_| {
        sleep(LASTS).await;
        Ok(())
    })
    .await?;
    row(&mut table, fleet, "killed", async |fleet| {
        fleet.storages[0].network.reset().await?;
        fleet.storages[0].network.cut().await?;
        sleep(LASTS).await;
        fleet.storages[0].network.heal().await
    })
    .await?;
    row(&mut table, fleet, "hangs for 20 s", async |fleet| {
        fleet.storages[1].network.stall().await?;
        sleep(STOPPED).await;
        fleet.storages[1].network.heal().await
    })
    .await?;
    row(&mut table, fleet, "accepts and never answers", async |fleet| {
        fleet.storages[2].network.reset().await?;
        fleet.storages[2].network.stall().await?;
        sleep(LASTS).await;
        fleet.storages[2].network.heal().await
    })
    .await?;
    row(&mut table, fleet, "slow by 2 s", async |fleet| {
        fleet.storages[0].network.slow(Duration::from_secs(2)).await?;
        sleep(LASTS).await;
        fleet.storages[0].network.heal().await
    })
    .await?;
    row(&mut table, fleet, "stopped, and another in its place", async |fleet| {
        fleet.storages[0].terminate().await?;
        fleet.storages.remove(0);
        sleep(LASTS).await;
        fleet.add(5).await
    })
    .await?;
    assert!(metric("skep_backend_ejections_total") >= 5, "those that were hurt were left out");
    assert!(metric("skep_backend_returns_total") >= 8, "and taken back");
    table.judge();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_are_dead_that_is_told_in_time_and_is_over_when_it_is() -> anyhow::Result<()> {
    let _alone = ALONE.lock().await;
    let fleet = Fleet::start(3).await?;
    for storage in &fleet.storages {
        storage.network.cut().await?;
    }
    let begun = Instant::now();
    while begun.elapsed() < OUTAGE {
        let asked = Instant::now();
        assert!(!fleet.is_answered().await, "by whom?");
        assert!(asked.elapsed() < DEADLINE);
    }
    for storage in &fleet.storages {
        storage.network.heal().await?;
    }
    eventually("storages that are back are asked", RECOVERED, async || fleet.is_answered().await.then_some(())).await
}
