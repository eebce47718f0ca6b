//! What logging costs: requests with lines in files beside requests without, and with a disk that is full. And that of a
//! million lines, written under load while new files begin, none is missing and none is torn.

use std::time::Duration;

use anyhow::ensure;
use integration::{Cassandra, CassandraOptions, House, Process, Program, eventually};

use crate::{
    compare::{self, Case, Round, progress, table},
    load,
    measure::{Plan, insert, some_gets},
};

const LINES: usize = 1_000_000;
/// Of each of the two services, at least.
const FILES: usize = 3;
const MINUTE: u64 = 60;
/// Until then a Cassandra node spends a third of the machine on compiling itself.
const WARM: Duration = Duration::from_secs(15);
/// For how long the full disk is prepared, in minutes.
const FULL: i64 = 12 * 60;

#[derive(Clone, Copy)]
enum Work {
    Insert,
    Get,
}

pub(crate) fn run(plan: Plan) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare(plan))
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
async fn compare(plan: Plan) -> anyhow::Result<()> {
    let (without, files, full) = (one().await?, one().await?, one().await?);
    silence(&without).await?;
    fill(&full.gate)?;
    progress("the disk is full from the next minute on");
    let is_full = async || {
        ask(&full, Work::Insert, Plan { connections: 1, time: Duration::from_millis(1), rounds: 1 }).await.ok()?;
        (lost(&full.gate).await.ok()? > 0).then_some(())
    };
    eventually("lines are lost", Duration::from_secs(2 * MINUTE), is_full).await?;
    tables("one process", [("without a log", &without), ("to files", &files), ("to a full disk", &full)], plan).await?;
    written(files, plan).await?;
    drop((without, full));

    let cluster = Cassandra::start(CassandraOptions::default()).await?;
    let keyspace = cluster.keyspace();
    let (without, files) = (on(&cluster, &keyspace).await?, on(&cluster, &keyspace).await?);
    let defined = files.rest()?.define("guestbook").await?;
    ensure!(defined.status == 201, "{defined:?}");
    silence(&without).await?;
    for house in [&without, &files] {
        progress("warming up");
        ask(house, Work::Insert, Plan { time: WARM, ..plan }).await?;
        ask(house, Work::Get, Plan { time: WARM, ..plan }).await?;
    }
    tables("gate and storage on Cassandra", [("without a log", &without), ("to files", &files)], plan).await
}

/// Each work on all of them, in turn.
async fn tables<const N: usize>(shape: &str, houses: [(&str, &House); N], plan: Plan) -> anyhow::Result<()> {
    for (name, work) in [("insert", Work::Insert), ("get", Work::Get)] {
        let mut cases = houses.map(|(case, _)| Case::new(case));
        for round in 0..=plan.rounds {
            progress(format_args!("{shape}: {name}, round {round} of {}", plan.rounds));
            // The one that begins changes with the round.
            for at in (0..N).map(|turn| (turn + round) % N) {
                let measured = ask(houses[at].1, work, plan).await?;
                if round > 0 {
                    cases[at].rounds.push(measured);
                }
            }
        }
        table(&format!("{shape}: {name}, {} connections", plan.connections), &cases);
    }
    Ok(())
}

/// Asks until a million lines are in several files of each service, ends it, and looks for each line.
#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
async fn written(mut files: House, plan: Plan) -> anyhow::Result<()> {
    let mut asked = 0;
    while 2 * asked < LINES || files.gate.logs().paths()?.len() < 2 * FILES {
        progress(format_args!("{} of {LINES} lines in {} files", 2 * asked, files.gate.logs().paths()?.len()));
        let longer = Plan { time: Duration::from_secs(MINUTE / 4), ..plan };
        asked += ask(&files, Work::Get, longer).await?.outcome.taken.len();
    }
    let lost = lost(&files.gate).await?;
    files.gate.terminate().await?;
    ensure!(lost == 0, "{lost} lines were lost");
    let mut lines = 0;
    for (service, numbers) in files.gate.logs().numbers()? {
        let whole = 1..=u64::try_from(numbers.len())?;
        ensure!(numbers.iter().copied().eq(whole), "lines of {service} are missing");
        lines += numbers.len();
    }
    let number = files.gate.logs().paths()?.len();
    println!("\n{lines} lines in {number} files, written under load: none is missing, none is torn");
    Ok(())
}

async fn one() -> anyhow::Result<House> {
    let skep = Program::skep()?.arg("--example").arg("guestbook").env("LOG_ROTATION", "minutely");
    let house = House { gate: skep.env("LOG_KEEP_BYTES", "8GiB").start().await?, storage: None };
    ask(&house, Work::Insert, Plan { connections: 1, time: Duration::from_millis(100), rounds: 1 }).await?;
    Ok(house)
}

async fn on(cluster: &Cassandra, keyspace: &str) -> anyhow::Result<House> {
    let storage = Program::storage_on(cluster, keyspace, House::token())?.start().await?;
    let gate = Program::gate(&storage, House::token())?.start().await?;
    Ok(House { gate, storage: Some(storage) })
}

async fn silence(house: &House) -> anyhow::Result<()> {
    for process in house.processes() {
        process.http("metrics")?.put("/log").typed("text/plain", "off").await?.expect(200);
    }
    Ok(())
}

async fn ask(house: &House, work: Work, plan: Plan) -> anyhow::Result<Round> {
    let ids = house.processes().map(Process::id).collect::<anyhow::Result<Vec<_>>>()?;
    let (address, before) = (house.gate.door("rest")?, compare::cpu(&ids)?);
    let outcome = match work {
        Work::Insert => load::run(address, plan.connections, plan.time, false, |_, n| insert(n)).await?,
        Work::Get => load::run(address, plan.connections, plan.time, false, some_gets(address).await?).await?,
    };
    ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
    Ok(Round { outcome, cpu: compare::cpu(&ids)? - before, ..Round::default() })
}

/// Lets the disk be full from the next minute on.
fn fill(skep: &Process) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now();
    for minute in 1..FULL {
        let minute = now + jiff::SignedDuration::from_mins(minute);
        ["gate", "storage"].iter().try_for_each(|service| skep.logs().fill(service, minute))?;
    }
    Ok(())
}

async fn lost(skep: &Process) -> anyhow::Result<u64> {
    let lost = skep.metric("skep_log_lines_lost_total").await?;
    Ok(lost.iter().filter(|(labels, _)| labels.contains("\"file\"")).map(|(_, lines)| lines).sum())
}
