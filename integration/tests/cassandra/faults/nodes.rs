//! One node hurt, or the way to it.

use std::time::Duration;

use integration::Cassandra;
use tokio::time::sleep;

use super::{BETWEEN, LASTS, PATIENCE, PROMISED};
use crate::load::{Figures, Load, door::Door};

const PAUSE: Duration = Duration::from_secs(30);
/// Longer than a lightweight transaction may take, so that those under way end unknown.
const STALL: Duration = Duration::from_millis(2500);
const ROUNDS: usize = 3;

/// The first node is left dead.
pub(super) async fn killed<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let load = Load::begin(doors, fault, PATIENCE, PROMISED).await;
    load.during(async {
        sleep(BETWEEN).await;
        cluster.nodes()[0].kill().await?;
        sleep(LASTS).await;
        Ok(())
    })
    .await?;
    Ok(load.audit().await)
}

/// The first node was dead and has missed writes; when it is back, a quorum needs it.
pub(super) async fn restarted<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let load = Load::begin(doors, fault, PATIENCE, PROMISED).await;
    let [first, second, _] = cluster.nodes() else { anyhow::bail!("three nodes") };
    load.during(async {
        sleep(BETWEEN).await;
        cluster.restart(first).await?;
        cluster.settled().await?;
        sleep(BETWEEN).await;
        second.kill().await?;
        sleep(LASTS).await;
        Ok(())
    })
    .await?;
    let figures = load.audit().await;
    cluster.restart(second).await?;
    cluster.settled().await?;
    Ok(figures)
}

pub(super) async fn paused<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let load = Load::begin(doors, fault, PATIENCE, PROMISED).await;
    let node = &cluster.nodes()[1];
    load.during(async {
        sleep(BETWEEN).await;
        node.pause().await?;
        sleep(PAUSE).await;
        node.resume().await?;
        sleep(BETWEEN).await;
        Ok(())
    })
    .await?;
    let figures = load.audit().await;
    cluster.settled().await?;
    Ok(figures)
}

pub(super) async fn cut<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let network = cluster.nodes()[0].chaos()?;
    broken(doors, fault, network.cut(), network.heal()).await
}

pub(super) async fn stalled<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let network = cluster.nodes()[2].chaos()?;
    broken(doors, fault, network.stall(), network.heal()).await
}

pub(super) async fn reset<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let network = cluster.nodes()[1].chaos()?;
    broken(doors, fault, network.reset(), network.heal()).await
}

async fn broken<D: Door>(
    doors: &[D],
    fault: &str,
    hurt: impl Future<Output = anyhow::Result<()>>,
    heal: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Figures> {
    let load = Load::begin(doors, fault, PATIENCE, PROMISED).await;
    load.during(async {
        sleep(BETWEEN).await;
        hurt.await?;
        sleep(LASTS).await;
        heal.await?;
        sleep(BETWEEN).await;
        Ok(())
    })
    .await?;
    Ok(load.audit().await)
}

/// Statements reach the nodes or not, and no answer comes back.
pub(super) async fn unknown<D: Door>(cluster: &Cassandra, doors: &[D], fault: &str) -> anyhow::Result<Figures> {
    let load = Load::begin(doors, fault, PATIENCE, PROMISED).await;
    load.during(async {
        for _ in 0..ROUNDS {
            sleep(BETWEEN).await;
            for node in cluster.nodes() {
                node.chaos()?.stall().await?;
            }
            sleep(STALL).await;
            for node in cluster.nodes() {
                node.chaos()?.reset().await?;
                node.chaos()?.heal().await?;
            }
            sleep(BETWEEN).await;
        }
        Ok(())
    })
    .await?;
    Ok(load.audit().await)
}
