//! The whole house: two gates before three storages on three nodes, with Redis, and any one part of it hurt.
//!
//! Where a storage, a node or Redis is hurt no client repeats anything: what fails once has failed. Where a gate is, its
//! clients go to the other one when they have no answer.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use futures_util::future::{try_join, try_join_all};
use integration::{Cassandra, CassandraOptions, ChaosProxy, House, Process, Program, Redis, Rest, eventually};
use tokio::{net::TcpListener, time::sleep};

use super::{BETWEEN, LASTS};
use crate::{
    load::{Load, Table},
    opened::ALONE,
};

const AT_ONCE: Duration = Duration::ZERO;
const ELSEWHERE: Duration = Duration::from_secs(20);
/// Within which every request is answered where one part dies.
const PROMISED: Duration = Duration::from_secs(3);
/// Slow enough that no record is written more than sixteen times while a call waits for its second attempt.
const PACE: Duration = Duration::from_millis(250);
const STOPPED: Duration = Duration::from_secs(20);
const SLOW: Duration = Duration::from_secs(2);
const OUTAGE: Duration = Duration::from_secs(10);
/// What a call may take, and some room.
const DEADLINE: Duration = Duration::from_secs(11);
const RECOVERED: Duration = Duration::from_secs(2);

struct Houses {
    redis: Redis,
    cluster: Cassandra,
    keyspace: String,
    /// What the gates know: three proxies, each before a storage, and two addresses where there is nobody yet.
    networks: Vec<ChaosProxy>,
    vacant: [SocketAddr; 2],
    storages: Vec<Process>,
    gates: Vec<Process>,
    doors: [Rest; 2],
}

impl Houses {
    async fn start() -> anyhow::Result<Self> {
        let (redis, cluster) = try_join(Redis::start(), Cassandra::start(CassandraOptions::default())).await?;
        let (keyspace, mut networks, mut storages) = (cluster.keyspace(), Vec::new(), Vec::new());
        for number in 2..5 {
            let storage = Program::storage_on(&cluster, &keyspace, House::token())?.start().await?;
            let here = (Ipv4Addr::new(127, 0, 0, number), 0).into();
            networks.push(ChaosProxy::start(here, storage.door("grpc")?).await?);
            storages.push(storage);
        }
        let vacant = [vacant(5).await?, vacant(6).await?];
        let known: Vec<_> = networks.iter().map(ChaosProxy::address).chain(vacant).collect();
        let mut gates = Vec::new();
        for _ in 0..2 {
            let gate = Program::gate_before(&known, House::token())?.env("REDIS_URL", redis.url(false));
            gates.push(gate.start().await?);
        }
        let (one, other) = (gates[0].http("rest")?, gates[1].http("rest")?);
        let one = one.administrator().await?;
        let doors = [one.clone(), other.bearing(one.token())];
        Ok(Self { redis, cluster, keyspace, networks, vacant, storages, gates, doors })
    }

    /// One more storage, at a vacant address.
    async fn add(&mut self, vacant: usize) -> anyhow::Result<()> {
        let program = Program::storage_on(&self.cluster, &self.keyspace, House::token())?;
        let storage = program.env("STORAGE_ADDR", self.vacant[vacant].to_string()).start().await?;
        self.storages.push(storage);
        Ok(())
    }

    /// Loads the gates before, during and after `script`.
    async fn row(
        &mut self,
        table: &mut Table,
        fault: &str,
        patience: Duration,
        script: impl AsyncFnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let doors = self.doors.clone();
        let load = Load::begin(&doors, fault, patience, PROMISED.max(patience)).await.paced(PACE);
        load.during(async {
            sleep(BETWEEN).await;
            script(self).await?;
            sleep(BETWEEN).await;
            Ok(())
        })
        .await?;
        table.push(load.audit().await)
    }
}

async fn vacant(number: u8) -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::new(127, 0, 0, number), 0)).await?.local_addr()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_one_part_may_be_hurt() -> anyhow::Result<()> {
    let _alone = ALONE.write().await;
    let (mut table, mut houses) = (Table::begin()?, Houses::start().await?);
    storages_hurt(&mut table, &mut houses).await?;
    storages_replaced(&mut table, &mut houses).await?;
    all_storages_dead(&mut table, &mut houses).await?;
    gates_hurt(&mut table, &mut houses).await?;
    stores_hurt(&mut table, &mut houses).await?;
    table.judge();
    Ok(())
}

async fn storages_hurt(table: &mut Table, houses: &mut Houses) -> anyhow::Result<()> {
    let during = async |hurt: anyhow::Result<()>, lasts| {
        hurt?;
        sleep(lasts).await;
        anyhow::Ok(())
    };
    houses.row(table, "as ever", AT_ONCE, async |_| during(Ok(()), LASTS).await).await?;
    houses
        .row(table, "storage killed", AT_ONCE, async |houses| {
            during(houses.storages[0].kill().await, LASTS).await?;
            houses.storages[0].restart().await
        })
        .await?;
    houses
        .row(table, "storage stopped by SIGTERM", AT_ONCE, async |houses| {
            anyhow::ensure!(houses.storages[1].terminate().await?.success());
            during(Ok(()), LASTS).await?;
            houses.storages[1].restart().await
        })
        .await?;
    houses
        .row(table, "storage paused for 20 s", AT_ONCE, async |houses| {
            during(houses.storages[2].pause(), STOPPED).await?;
            houses.storages[2].resume()
        })
        .await?;
    houses
        .row(table, "storage accepts, never answers", AT_ONCE, async |houses| {
            houses.networks[0].reset().await?;
            during(houses.networks[0].stall().await, LASTS).await?;
            houses.networks[0].heal().await
        })
        .await?;
    houses
        .row(table, "storage slow by 2 s", AT_ONCE, async |houses| {
            during(houses.networks[1].slow(SLOW).await, LASTS).await?;
            houses.networks[1].heal().await
        })
        .await
}

async fn storages_replaced(table: &mut Table, houses: &mut Houses) -> anyhow::Result<()> {
    houses.row(table, "a fourth storage", AT_ONCE, async |houses| houses.add(0).await).await?;
    houses
        .row(table, "storage killed, back elsewhere", AT_ONCE, async |houses| {
            houses.storages[3].kill().await?;
            houses.storages.pop();
            houses.add(1).await
        })
        .await?;
    houses.row(table, "storages restarted in turn", AT_ONCE, async |houses| in_turn(&mut houses.storages).await).await
}

/// Clients are told in time, and served as soon as there is a storage.
async fn all_storages_dead(table: &mut Table, houses: &mut Houses) -> anyhow::Result<()> {
    houses
        .row(table, "all storages dead for 10 s", OUTAGE * 6, async |houses| {
            for storage in &mut houses.storages {
                storage.kill().await?;
            }
            let (begun, door) = (Instant::now(), houses.doors[0].clone());
            let ask = async || door.get("/v1/collections/no-such-collection/records/a").await;
            while begun.elapsed() < OUTAGE {
                let asked = Instant::now();
                ask().await?.problem(503, "unavailable");
                assert!(asked.elapsed() < DEADLINE);
            }
            let [first, rest @ ..] = &mut houses.storages[..] else { anyhow::bail!("storages") };
            first.restart().await?;
            let back = async || ask().await.is_ok_and(|answer| answer.status == 404).then_some(());
            eventually("a storage that is back is asked", RECOVERED, back).await?;
            try_join_all(rest.iter_mut().map(Process::restart)).await?;
            Ok(())
        })
        .await
}

async fn gates_hurt(table: &mut Table, houses: &mut Houses) -> anyhow::Result<()> {
    houses
        .row(table, "gate killed", ELSEWHERE, async |houses| {
            houses.gates[0].kill().await?;
            sleep(LASTS).await;
            houses.gates[0].restart().await
        })
        .await?;
    houses.row(table, "gates restarted in turn", ELSEWHERE, async |houses| in_turn(&mut houses.gates).await).await
}

/// What is restarted meets what is dead.
async fn stores_hurt(table: &mut Table, houses: &mut Houses) -> anyhow::Result<()> {
    houses
        .row(table, "Redis killed", AT_ONCE, async |houses| {
            houses.redis.kill().await?;
            sleep(LASTS).await;
            houses.redis.restart().await
        })
        .await?;
    houses
        .row(table, "gates restarted, Redis killed", ELSEWHERE, async |houses| {
            houses.redis.kill().await?;
            in_turn(&mut houses.gates).await?;
            sleep(LASTS).await;
            Ok(())
        })
        .await?;
    houses
        .row(table, "storages restarted, one node killed", AT_ONCE, async |houses| {
            houses.cluster.nodes()[0].kill().await?;
            in_turn(&mut houses.storages).await?;
            sleep(LASTS).await;
            Ok(())
        })
        .await
}

async fn in_turn(processes: &mut [Process]) -> anyhow::Result<()> {
    for process in processes {
        anyhow::ensure!(process.terminate().await?.success());
        process.restart().await?;
    }
    Ok(())
}
