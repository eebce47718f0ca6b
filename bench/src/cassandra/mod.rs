//! The second store on three real Cassandra nodes, beside the least that could be done on the same nodes.

mod bare;
mod chain;
mod driver;
mod model;
mod models;
mod owners;
mod pages;
mod rows;
mod work;

use std::{env, ops::Range, process, time::Duration};

use anyhow::{Context, ensure};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use integration::{Cassandra, CassandraOptions, House, Program};

use self::bare::Rows;
use crate::{compare::progress, measure};

const ABOUT: &str = "Measures the store on Cassandra, on three nodes that it starts (or those of CASSANDRA_HOSTS)";
const AFTER: &str = "Every measurement is repeated round by round beside the others of its table, after a round that \
warms up; ratios are taken within a round and told as median (least–greatest). Three nodes and the load share the \
machine: read the ratios, not the numbers.

Build first, then measure, for instance:
  cargo build --release -p gate -p storage -p bench
  target/release/bench cassandra pages --millis 500 --rounds 20";

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
    /// Load before the first round of what is measured over HTTP.
    pub(crate) warm: Duration,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

pub(crate) fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).default_value(default).value_parser(value_parser!(usize)).global(true).help(help)
    };
    let part = |name: &'static str, about: &'static str| Command::new(name).about(about);
    Command::new("cassandra")
        .about(ABOUT)
        .after_help(AFTER)
        .subcommand_required(true)
        .arg(number("connections", "32", "Clients that ask at once"))
        .arg(number("millis", "1000", "How long each measurement takes, in milliseconds"))
        .arg(number("rounds", "15", "How often each is repeated; many short rounds see through a noisy machine"))
        .arg(number("warm", "60", "How long the nodes are warmed up, in seconds, where that matters"))
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Starts nodes as the tests do: compiled once, so that they are warm in seconds, and slower than they could be"),
        )
        .arg(
            Arg::new("apart")
                .long("apart")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Gives the nodes half of the cores and everything else the other half, as on machines of their own"),
        )
        .arg(number("records", "8000", "Records in a collection, where that matters"))
        .arg(number("bytes", "1000", "Bytes of a record's data"))
        .subcommand(part("chain", "Create and get through gate and storage, beside a bare axum, tonic, driver chain"))
        .subcommand(part("updates", "Updates of a thousand records, beside updates of one"))
        .subcommand(part("queries", "Pages that indexes serve, of 1,000 records beside those of many"))
        .subcommand(part("models", "Create, update, page: entries with heads, beside buckets that hold the records"))
        .subcommand(part("owners", "Creates with an owner, and pages of what one owns, beside those without"))
        .subcommand(part("rows", "Bytes that a record takes in its partition"))
        .subcommand(part("pages", "A page of 30 by the shards of a window, and by the windows it is put together from"))
}

/// The two processes of the bare chain; each prints its address, and serves until killed.
pub(crate) fn hidden() -> [Command; 2] {
    [
        Command::new("bare-storage").hide(true).args(["hosts", "keyspace", "rows"].map(Arg::new)),
        Command::new("bare-gate").hide(true).arg(Arg::new("storage")),
    ]
}

/// Serves one of them.
pub(crate) fn serve(asked: &ArgMatches) -> anyhow::Result<()> {
    let text = |name: &str| asked.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match asked.try_contains_id("storage") {
            Ok(true) => bare::gate(text("storage")).await,
            _ => bare::storage(text("hosts"), text("keyspace"), Rows::of(text("rows"))).await,
        }
    })
}

pub(crate) fn run(asked: &ArgMatches) -> anyhow::Result<()> {
    let Some((part, asked)) = asked.subcommand() else { return Ok(()) };
    let number = |name: &str| asked.get_one::<usize>(name).copied().unwrap_or_default();
    let plan = Plan {
        connections: number("connections"),
        time: Duration::from_millis(number("millis").try_into()?),
        rounds: number("rounds"),
        warm: Duration::from_secs(number("warm").try_into()?),
        records: number("records"),
        bytes: number("bytes"),
    };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let started;
        let cluster = if env::var_os("CASSANDRA_HOSTS").is_some() {
            Cassandra::shared().await?
        } else {
            progress("starting three nodes");
            let (apart, cores) = (asked.get_flag("apart"), std::thread::available_parallelism()?.get());
            if apart {
                pin(0..cores / 2).await?;
            }
            // A node of the tests is compiled for a quick start.
            let level = if asked.get_flag("quick") { 1 } else { 4 };
            let java = vec![format!("-XX:TieredStopAtLevel={level}"), "-XX:ReservedCodeCacheSize=192M".into()];
            started = Cassandra::start(CassandraOptions { heap: "1G", java, ..CassandraOptions::default() }).await?;
            if apart {
                pin(cores / 2..cores).await?;
            }
            &started
        };
        match part {
            "chain" => chain::creates_and_gets(cluster, plan).await,
            "updates" => chain::updates(cluster, plan).await,
            "queries" => queries(cluster, plan).await,
            "models" => models::measure(cluster, plan).await,
            "owners" => owners::measure(cluster, plan).await,
            "rows" => rows::measure(cluster, plan).await,
            _ => pages::measure(cluster, plan).await,
        }
    })
}

async fn queries(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let opened = driver::open(cluster, "info").await?;
    let gate = Program::gate(&opened.storage, House::token())?.start().await?;
    let Plan { connections, time, rounds, .. } = plan;
    crate::queries::compare(&gate, &opened.storage, measure::Plan { connections, time, rounds }, plan.records).await
}

/// Moves this process to some of the cores, and with it whatever it starts from then on.
async fn pin(cores: Range<usize>) -> anyhow::Result<()> {
    ensure!(!cores.is_empty(), "there is one core, which cannot be shared out");
    let list = format!("{}-{}", cores.start, cores.end - 1);
    let mut taskset = tokio::process::Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &list, &process::id().to_string()]);
    let output = taskset.output().await.context("taskset, of util-linux")?;
    ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
