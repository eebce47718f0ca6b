//! Load is spread evenly, over those that were there and those that come.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::time::sleep;

use crate::{
    fleet::{ALONE, Fleet},
    load::Load,
};

/// How long shares are counted.
const WINDOW: Duration = Duration::from_secs(5);
/// How long after it is added a new storage has its share.
const SETTLING: Duration = Duration::from_secs(5);

/// Each has the same share, but for 15 parts in a hundred.
fn assert_even(before: &BTreeMap<SocketAddr, u64>, after: &BTreeMap<SocketAddr, u64>) {
    let calls: Vec<u64> = after.iter().map(|(address, calls)| calls - before[address]).collect();
    let (all, count) = (calls.iter().sum::<u64>(), calls.len() as u64);
    assert!(all > 500, "{calls:?}");
    for share in &calls {
        assert!((85..=115).contains(&(share * count * 100 / all)), "{calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_is_even_also_when_a_storage_is_added() -> anyhow::Result<()> {
    let _alone = ALONE.lock().await;
    let mut fleet = Fleet::start(3).await?;
    let door = fleet.door.clone();
    let load = Load::begin(&door, "shares", Duration::ZERO, Duration::MAX).await;
    load.during(async {
        let before = fleet.calls();
        sleep(WINDOW).await;
        assert_even(&before, &fleet.calls());
        fleet.add(6).await?;
        sleep(SETTLING).await;
        let before = fleet.calls();
        sleep(WINDOW).await;
        assert_even(&before, &fleet.calls());
        Ok(())
    })
    .await
}
