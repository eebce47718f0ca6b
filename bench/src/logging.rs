//! What logging costs: requests with lines in files beside requests without, and with a disk that is full. And that of a
//! million lines, written under load while new files begin, none is missing and none is torn.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use integration::{Process, Program, eventually};
use serde_json::Value;

use crate::{
    compare::{self, Case, Round, progress, table},
    load,
    measure::{Plan, insert, read, some_ids},
};

const LINES: usize = 1_000_000;
/// Of each of the two services, at least.
const FILES: usize = 3;
const MINUTE: u64 = 60;
/// For how long the full disk is prepared, in minutes.
const FULL: u64 = 12 * 60;

#[derive(Clone, Copy, PartialEq)]
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
    while 2 * asked < LINES || paths(&files)?.len() < 2 * FILES {
        progress(format_args!("{} of {LINES} lines in {} files", 2 * asked, paths(&files)?.len()));
        let longer = Plan { time: Duration::from_secs(MINUTE / 4), ..plan };
        asked += ask(&files, Work::Get, longer).await?.outcome.taken.len();
    }
    let lost = lost(&files).await?;
    files.terminate().await?;
    ensure!(lost == 0, "{lost} lines were lost");
    let (lines, number) = (whole(&files)?, paths(&files)?.len());
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
        Work::Get => {
            let ids = some_ids(address).await?;
            let get =
                move |connection: usize, n: usize| read(&format!("/{}", ids[(connection * 131 + n * 17) % ids.len()]));
            load::run(address, plan.connections, plan.time, false, get).await?
        }
    };
    ensure!(outcome.failed == 0, "{} requests failed", outcome.failed);
    Ok(Round { outcome, cpu: compare::cpu(&[skep.id()?])? - before, ..Round::default() })
}

/// Puts the kernel's full disk where the files of the next minutes will be.
fn fill(skep: &Process) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs() / MINUTE * MINUTE;
    for path in paths(skep)? {
        let name = path.file_name().and_then(|name| name.to_str()).context("a name that is no text")?;
        let (prefix, _) = name.trim_end_matches(".ndjson").rsplit_once('.').context("a file without a time")?;
        for minute in 1..FULL {
            let begin = jiff::Timestamp::from_second(i64::try_from(now + minute * MINUTE)?)?.strftime("%Y-%m-%d-%H-%M");
            symlink("/dev/full", path.with_file_name(format!("{prefix}.{begin}.ndjson")))?;
        }
    }
    Ok(())
}

async fn lost(skep: &Process) -> anyhow::Result<u64> {
    let told = skep.http("metrics")?.get("/metrics").await?.expect(200).text;
    let counts =
        told.lines().filter(|line| line.starts_with("skep_log_lines_lost_total{") && line.contains("\"file\""));
    Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

fn paths(skep: &Process) -> anyhow::Result<Vec<PathBuf>> {
    let found = fs::read_dir(skep.program().path("logs-1"))?.map(|entry| Ok(entry?.path()));
    found.collect()
}

/// How many lines there are, each of which is whole, and numbered within its service from 1 on without a gap.
fn whole(skep: &Process) -> anyhow::Result<usize> {
    let mut seen = BTreeMap::<String, HashSet<u64>>::new();
    for path in paths(skep)? {
        for line in BufReader::new(File::open(&path)?).lines() {
            let line: Value =
                serde_json::from_str(&line?).with_context(|| format!("{} has a torn line", path.display()))?;
            let service = line["service.name"].as_str().context("a line of no service")?;
            let number = line["event.sequence"].as_u64().context("a line without a number")?;
            ensure!(seen.entry(service.to_owned()).or_default().insert(number), "twice: {line}");
        }
    }
    for (service, seen) in &seen {
        let last = seen.iter().max().copied().unwrap_or_default();
        ensure!(last == u64::try_from(seen.len())?, "{service} numbered {last} lines, and {} are there", seen.len());
    }
    Ok(seen.values().map(HashSet::len).sum())
}
