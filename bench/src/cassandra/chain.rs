//! Gate and storage beside the bare chain, and updates of many records beside updates of one.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use integration::{Cassandra, House, Process, Program};
use serde_json::Value;

use super::{
    Plan,
    bare::{self, Rows},
    driver::{self, Opened},
};
use crate::{
    compare::{Case, Round, cpu, machine, progress, table},
    load::{self, Ask},
};

const COLLECTION: &str = "bees";
const SMALL: usize = 60;
/// Distinct records that are read.
const READ: usize = 5000;

/// Something that keeps records: its door, where they are in it, and whose CPU time counts.
#[derive(Clone)]
struct Side {
    address: SocketAddr,
    path: String,
    processes: Vec<u32>,
}

/// Create and get through both chains.
pub(crate) async fn creates_and_gets(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let opened = driver::open(cluster, "info").await?;
    let (_gate, ours) = gate(&opened).await?;
    let hosts = &cluster.variables()["CASSANDRA_HOSTS"];
    let start = async |rows| {
        let chain = bare::start(&opened.session, hosts, &opened.keyspace, rows).await?;
        let side = Side { address: chain.address, path: "/records".into(), processes: chain.ids.to_vec() };
        anyhow::Ok((chain, side))
    };
    let (_least, least) = start(Rows::Own).await?;
    let (_same, same) = start(Rows::Storages).await?;
    let sides = [("bare chain", least), ("bare chain on storage's rows", same), ("gate and storage", ours)];
    for bytes in [plan.bytes, SMALL] {
        let mut records = Vec::new();
        for (name, side) in &sides {
            progress(format_args!("{READ} records of {bytes} bytes, {name}"));
            records.push(Arc::new(side.fill(READ, bytes, Duration::from_secs(2)).await?));
        }
        // Until then a node spends a third of the machine on compiling itself.
        let begun = Instant::now();
        while begun.elapsed() < plan.warm {
            progress(format_args!("warming up, {} s of {}", begun.elapsed().as_secs(), plan.warm.as_secs()));
            for ((_, side), records) in sides.iter().zip(&records) {
                side.creates_then_gets(2 * plan.connections, plan.time, bytes, records).await?;
            }
        }
        for connections in [plan.connections, 2 * plan.connections] {
            let mut creates = sides.each_ref().map(|(name, _)| Case::new(*name));
            let mut gets = sides.each_ref().map(|(name, _)| Case::new(*name));
            for round in 0..=plan.rounds {
                progress(format_args!("{bytes} bytes, {connections} connections, round {round} of {}", plan.rounds));
                // The side that begins changes with the round.
                for at in (0..sides.len()).map(|turn| (turn + round) % sides.len()) {
                    let side = &sides[at].1;
                    let [written, read] = side.creates_then_gets(connections, plan.time, bytes, &records[at]).await?;
                    if round > 0 {
                        creates[at].rounds.push(written);
                        gets[at].rounds.push(read);
                    }
                }
            }
            for (verb, cases) in [("create", creates), ("get", gets)] {
                // Beside each of the bare chains.
                for first in 0..2 {
                    table(&format!("{verb}, {bytes} bytes, {connections} connections"), &cases[first..]);
                }
            }
        }
    }
    Ok(())
}

/// Conditional updates without a precondition, of a thousand records and of one.
#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
pub(crate) async fn updates(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let opened = driver::open(cluster, "info,storage::store::cassandra=debug").await?;
    let (_gate, side) = gate(&opened).await?;
    let mut cases = Vec::new();
    for number in [1000, 1] {
        let records = Arc::new(side.fill(number, SMALL, Duration::from_millis(1)).await?);
        cases.push((Case::new(format!("updates of {number}")), records, 0));
    }
    for round in 0..=plan.rounds {
        progress(format_args!("updates, round {round} of {}", plan.rounds));
        for (case, records, unknown) in &mut cases {
            let (records, before, connections) = (Arc::clone(records), unknowns(&opened.storage)?, plan.connections);
            let body = side.create(SMALL).body;
            let measured = side.load(connections, plan.time, move |connection, n| {
                // No two connections at the same record, unless there is one alone.
                let path = &records[(connection + n * connections) % records.len()];
                Ask { method: "PUT", path: path.clone(), body: body.clone() }
            });
            let measured = measured.await?;
            if round > 0 {
                case.rounds.push(measured);
                *unknown += unknowns(&opened.storage)? - before;
            }
        }
    }
    let unknown: Vec<_> = cases.iter().map(|(_, _, unknown)| *unknown).collect();
    let cases: Vec<_> = cases.into_iter().map(|(case, ..)| case).collect();
    table(&format!("{} connections", plan.connections), &cases);
    println!("\nunknown outcomes of lightweight transactions: {} of the many, {} of the one", unknown[0], unknown[1]);
    Ok(())
}

fn unknowns(storage: &Process) -> anyhow::Result<usize> {
    let is_one = |line: &Value| line["message"] == "the outcome of a conditional write is unknown";
    Ok(storage.logs().lines()?.iter().filter(|line| is_one(line)).count())
}

/// A gate before the storage, with a collection.
async fn gate(opened: &Opened) -> anyhow::Result<(Process, Side)> {
    let gate = Program::gate(&opened.storage, House::token())?.start().await?;
    let defined = gate.http("rest")?.define(COLLECTION).await?;
    ensure!(defined.status == 201, "{defined:?}");
    let path = format!("/v1/collections/{COLLECTION}/records");
    let side = Side { address: gate.door("rest")?, path, processes: vec![gate.id()?, opened.storage.id()?] };
    Ok((gate, side))
}

impl Side {
    fn create(&self, bytes: usize) -> Ask {
        let data = String::from_utf8_lossy(&driver::data(bytes)).into_owned();
        Ask { method: "POST", path: self.path.clone(), body: format!(r#"{{"data":{data}}}"#) }
    }

    async fn creates_then_gets(
        &self,
        connections: usize,
        time: Duration,
        bytes: usize,
        records: &Arc<Vec<String>>,
    ) -> anyhow::Result<[Round; 2]> {
        let (ask, records) = (self.create(bytes), Arc::clone(records));
        let written = self.load(connections, time, move |_, _| ask.clone()).await?;
        let read = self.load(connections, time, move |connection, n| {
            let path = &records[(connection * 131 + n * 17) % records.len()];
            Ask { method: "GET", path: path.clone(), body: String::new() }
        });
        Ok([written, read.await?])
    }

    async fn load(
        &self,
        connections: usize,
        time: Duration,
        next: impl Fn(usize, usize) -> Ask + Clone + Send + Sync + 'static,
    ) -> anyhow::Result<Round> {
        let (before, all) = (cpu(&self.processes)?, machine()?);
        let outcome = load::run(self.address, connections, time, false, next).await?;
        Ok(Round { outcome, cpu: cpu(&self.processes)? - before, machine: machine()? - all })
    }

    /// Creates at least so many records, in steps of so long; their paths.
    async fn fill(&self, number: usize, bytes: usize, step: Duration) -> anyhow::Result<Vec<String>> {
        let mut paths = Vec::new();
        while paths.len() < number {
            let create = self.create(bytes);
            let connections = number.min(32);
            let outcome = load::run(self.address, connections, step, true, move |_, _| create.clone()).await?;
            for body in outcome.bodies {
                let record: Value = serde_json::from_slice(&body)?;
                paths.push(format!("{}/{}", self.path, record["id"].as_str().context("a record without an id")?));
            }
        }
        paths.truncate(number);
        Ok(paths)
    }
}
