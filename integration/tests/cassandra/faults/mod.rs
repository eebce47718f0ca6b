//! Replicas under load while the cluster, or one of them, is hurt: nothing acknowledged is lost, nothing is made twice,
//! nothing fails, and nothing old is shown. One cluster for all faults, and a collection for each.

mod failover;
mod nodes;
mod processes;

use std::{sync::Arc, time::Duration};

use integration::{Cassandra, CassandraOptions, House, Process, Program, Rest};
use skep_proto::{Contract, Local};

use crate::{
    load::Table,
    opened::{ALONE, replica, settings},
};

/// How long a client repeats what nobody answers, where one node or replica is hurt.
const PATIENCE: Duration = Duration::from_mins(1);
/// Within which every request is answered then, its repetitions with it: three times what a gate gives a call.
const PROMISED: Duration = Duration::from_secs(30);
/// How long a fault lasts, and the load between two.
const LASTS: Duration = Duration::from_secs(4);
const BETWEEN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_outlives_every_fault() -> anyhow::Result<()> {
    let _alone = ALONE.write().await;
    let cluster = &Cassandra::start(CassandraOptions { proxied: true, ..CassandraOptions::default() }).await?;
    let keyspace = &cluster.keyspace();
    let mut table = Table::begin()?;
    {
        let settings = settings(cluster.variables(), keyspace);
        let (a, b) = tokio::try_join!(replica(settings.clone()), replica(settings))?;
        let replicas = [a, b].map(|engine| Arc::new(Local::new(engine)) as Arc<dyn Contract>);
        table.push(nodes::killed(cluster, &replicas, "one node killed").await?)?;
        table.push(nodes::restarted(cluster, &replicas, "it comes back, another is killed").await?)?;
        table.push(nodes::paused(cluster, &replicas, "one node paused for 30 s").await?)?;
        table.push(nodes::cut(cluster, &replicas, "connections to one node cut").await?)?;
        table.push(nodes::stalled(cluster, &replicas, "connections to one node stalled").await?)?;
        table.push(nodes::reset(cluster, &replicas, "connections to one node reset").await?)?;
        table.push(nodes::unknown(cluster, &replicas, "all connections stalled, then reset").await?)?;
    }
    let apart = Houses::start(cluster, keyspace, [30, -30]).await?;
    table.push(processes::as_ever(&apart.doors()?, "REST: clocks a minute apart").await?)?;
    drop(apart);
    let mut houses = Houses::start(cluster, keyspace, [0, 0]).await?;
    table.push(processes::killed(&mut houses, "REST: a storage killed").await?)?;
    table.push(nodes::killed(cluster, &houses.doors()?, "REST: one node killed").await?)?;
    table.push(nodes::restarted(cluster, &houses.doors()?, "REST: it comes back, another is killed").await?)?;
    table.push(processes::two_dead(cluster, &houses, "REST: two nodes dead").await?)?;
    drop(houses);
    processes::begun_before_the_cluster(cluster, keyspace).await?;

    table.judge();
    Ok(())
}

/// Two gates, each before a storage of its own, all of them processes.
struct Houses {
    storages: [Process; 2],
    gates: [Process; 2],
}

impl Houses {
    /// With clocks that are wrong by so many seconds.
    async fn start(cluster: &Cassandra, keyspace: &str, clocks: [i32; 2]) -> anyhow::Result<Self> {
        let storage =
            async |clock: i32| Program::storage_on(cluster, keyspace, House::token())?.clock(clock)?.start().await;
        let [first, second] = clocks;
        let storages: [Process; 2] = tokio::try_join!(storage(first), storage(second))?.into();
        let gate = async |number: usize| {
            Program::gate(&storages[number], House::token())?.clock(clocks[number])?.start().await
        };
        let gates = tokio::try_join!(gate(0), gate(1))?.into();
        Ok(Self { storages, gates })
    }

    fn doors(&self) -> anyhow::Result<[Rest; 2]> {
        let [first, second] = &self.gates;
        Ok([first.http("rest")?, second.http("rest")?])
    }
}
