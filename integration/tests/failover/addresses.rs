//! What the name of storage is answered with.

use std::{net::SocketAddr, time::Duration};

use integration::eventually;
use tokio::time::sleep;

use crate::{
    fleet::{ALONE, Fleet, Storage},
    load::{Load, Table},
};

const LASTS: Duration = Duration::from_secs(3);
const PROMISED: Duration = Duration::from_secs(3);
/// As slow as where storages are hurt.
const PACE: Duration = Duration::from_millis(250);
const FOLLOWED: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_server_that_is_hurt_fails_no_request() -> anyhow::Result<()> {
    let _alone = ALONE.lock().await;
    let mut fleet = Fleet::start(3).await?;
    let (mut table, door) = (Table::begin()?, fleet.door.clone());
    let load = Load::begin(&door, "names", Duration::ZERO, PROMISED).await.paced(PACE);
    load.during(async {
        fleet.names.say(None);
        sleep(LASTS).await;
        fleet.names.say(Some(Vec::new()));
        sleep(LASTS).await;

        // Answers that are old: one of them is dead, and nobody was ever at another.
        let nobody = SocketAddr::from(([127, 0, 0, 9], 9));
        let old = fleet.storages.iter().map(Storage::address).chain([nobody]).collect();
        fleet.names.say(Some(old));
        fleet.storages[0].network.cut().await?;
        sleep(LASTS).await;

        // It is back at another address, while all others are gone from the answers.
        let left = fleet.storages.split_off(1);
        fleet.storages.clear();
        fleet.add(7).await?;
        let moved = async || (fleet.calls().values().sum::<u64>() > 100).then_some(());
        eventually("the new address is asked", FOLLOWED, moved).await?;
        drop(left);
        sleep(LASTS).await;
        Ok(())
    })
    .await?;
    table.push(load.audit().await)?;
    table.judge();
    Ok(())
}
