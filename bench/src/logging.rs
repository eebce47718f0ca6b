//! What logging costs: requests with lines in files beside requests without, and with a disk that is full. And that of a
//! million lines, written under load while new files begin, none is missing and none is torn.

use std::time::Duration;

use anyhow::ensure;
use integration::{Process, Program, eventually};

use crate::{
    compare::{self, Case, Round, progress, table},
    load,
    measure::{Plan, insert, some_gets},
};

const LINES: usize = 1_000_000;
/// Of each of the two services, at least.
const FILES: usize = 3;
const MINUTE: u64 = 60;
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
    let (without, mut files, full) = (start().await?, start().await?, start().await?);
    without.http("metrics")?.put("/log").typed("text/plain", "off").await?.expect(200);
    fill(&full)?;
    progress("the disk is full from the next minute on");
    let is_full = async || {
        ask(&full, Work::Insert, Plan { connections: 1, time: Duration::from_millis(1), rounds: 1 }).await.ok()?;
        (lost(&full).await.ok()? > 0).then_some(())
    };
    eventually("lines are lost", Duration::from_secs(2 * MINUTE), is_full).await?;

    for (name, work) in [("insert", Work::Insert), ("get", Work::Get)] {
        let mut cases = ["without a log", "to files", "to a full disk"].map(Case::new);
        for round in 0..=plan.rounds {
            progress(format_args!("{name}, round {round} of {}", plan.rounds));
            for (process, case) in [&without, &files, &full].into_iter().zip(&mut cases) {
                let measured = ask(process, work, plan).await?;
                if round > 0 {
                    case.rounds.push(measured);
                }
            }
        }
        table(&format!("{name}, {} connections", plan.connections), &cases);
    }

    let mut asked = 0;
    while 2 * asked < LINES || files.logs().paths()?.len() < 2 * FILES {
        progress(format_args!("{} of {LINES} lines in {} files", 2 * asked, files.logs().paths()?.len()));
        let longer = Plan { time: Duration::from_secs(MINUTE / 4), ..plan };
        asked += ask(&files, Work::Get, longer).await?.outcome.taken.len();
    }
    let lost = lost(&files).await?;
    files.terminate().await?;
    ensure!(lost == 0, "{lost} lines were lost");
    let mut lines = 0;
    for (service, numbers) in files.logs().numbers()? {
        let whole = 1..=u64::try_from(numbers.len())?;
        ensure!(numbers.iter().copied().eq(whole), "lines of {service} are missing");
        lines += numbers.len();
    }
    let number = files.logs().paths()?.len();
    println!("\n{lines} lines in {number} files, written under load: none is missing, none is torn");
    Ok(())
}

async fn start() -> anyhow::Result<Process> {
    let skep = Program::skep()?.arg("--example").arg("guestbook").env("LOG_ROTATION", "minutely");
    let skep = skep.env("LOG_KEEP_BYTES", "8GiB").start().await?;
    ask(&skep, Work::Insert, Plan { connections: 1, time: Duration::from_millis(100), rounds: 1 }).await?;
    Ok(skep)
}

async fn ask(skep: &Process, work: Work, plan: Plan) -> anyhow::Result<Round> {
    let (address, before) = (skep.door("rest")?, compare::cpu(&[skep.id()?])?);
    let outcome = match work {
        Work::Insert => load::run(address, plan.connections, plan.time, false, |_, n| insert(n)).await?,
        Work::Get => load::run(address, plan.connections, plan.time, false, some_gets(address).await?).await?,
    };
    ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
    Ok(Round { outcome, cpu: compare::cpu(&[skep.id()?])? - before, ..Round::default() })
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
