//! Servers that stand in for each other when one dies; in each group the first is the one to kill.

use anyhow::Context;

use super::{BOUND, PASSWORD, Redis, free_port};
use crate::eventually;

const SENTINELS: usize = 3;
/// Of a cluster; each has a replica.
const MASTERS: usize = 3;
const SLOTS: usize = 16384;

impl Redis {
    /// A master, its replica, and the sentinels that put the one in the other's place; with the address that a client is
    /// told.
    ///
    /// # Errors
    /// Without Debian's package `redis-server`.
    pub async fn sentinels() -> anyhow::Result<(Vec<Self>, String)> {
        let master = Self::start().await?;
        let port = master.port;
        let replica = Self::with(&format!("replicaof 127.0.0.1 {port}\n"), &[]).await?;
        let watch = format!(
            "sentinel monitor main 127.0.0.1 {port} 2\nsentinel auth-pass main {PASSWORD}\n\
             sentinel sentinel-pass {PASSWORD}\nsentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 3000\n"
        );
        let mut servers = vec![master, replica];
        servers[1].until("INFO replication", "master_link_status:up").await?;
        for _ in 0..SENTINELS {
            servers.push(Self::with(&watch, &["--sentinel"]).await?);
        }
        let (first, rest) = servers[2..].split_first().context("no sentinel")?;
        for sentinel in &servers[2..] {
            sentinel.until("INFO sentinel", &format!("slaves=1,sentinels={SENTINELS}")).await?;
        }
        let url = format!(
            "redis-sentinel://:{PASSWORD}@127.0.0.1:{}?{}&sentinelServiceName=main&sentinelPassword={PASSWORD}",
            first.port,
            others(rest)
        );
        Ok((servers, url))
    }

    /// A cluster, with the address that a client is told.
    ///
    /// # Errors
    /// Without Debian's package `redis-server`.
    pub async fn cluster() -> anyhow::Result<(Vec<Self>, String)> {
        let (mut nodes, mut buses) = (Vec::new(), Vec::new());
        for _ in 0..2 * MASTERS {
            let bus = free_port()?;
            let lines = format!(
                "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-port {bus}\ncluster-node-timeout 1000\n"
            );
            nodes.push(Self::with(&lines, &[]).await?);
            buses.push(bus);
        }
        for (number, node) in nodes.iter().enumerate() {
            node.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1)).await?;
            nodes[0].ask(&format!("CLUSTER MEET 127.0.0.1 {} {}", node.port, buses[number])).await?;
        }
        for (number, node) in nodes.iter().enumerate() {
            node.until("CLUSTER INFO", &format!("cluster_known_nodes:{}", nodes.len())).await?;
            if number < MASTERS {
                let (from, to) = (SLOTS * number / MASTERS, SLOTS * (number + 1) / MASTERS - 1);
                node.ask(&format!("CLUSTER ADDSLOTSRANGE {from} {to}")).await?;
            }
        }
        for (master, replica) in nodes.iter().zip(&nodes[MASTERS..]) {
            let master = master.ask("CLUSTER MYID").await?;
            let replicate = async || replica.ask(&format!("CLUSTER REPLICATE {master}")).await.ok();
            eventually("the replica knows its master", BOUND, replicate).await?;
            replica.until("INFO replication", "master_link_status:up").await?;
        }
        for node in &nodes {
            node.until("CLUSTER INFO", "cluster_state:ok").await?;
        }
        let url = format!("redis-cluster://:{PASSWORD}@127.0.0.1:{}?{}", nodes[0].port, others(&nodes[1..]));
        Ok((nodes, url))
    }

    /// Waits until what it answers contains these words.
    async fn until(&self, command: &str, words: &str) -> anyhow::Result<()> {
        let what = format!("{words} in {command}");
        let says = async || self.ask(command).await.ok()?.contains(words).then_some(());
        eventually(&what, BOUND, says).await
    }
}

/// As an address lists those beside the first.
fn others(servers: &[Redis]) -> String {
    servers.iter().map(|server| format!("node=127.0.0.1:{}", server.port)).collect::<Vec<_>>().join("&")
}
