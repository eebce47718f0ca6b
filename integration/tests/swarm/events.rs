//! What is done to the stack under load.

use std::{
    collections::BTreeSet,
    env, fs,
    time::{Duration, Instant},
};

use anyhow::ensure;
use integration::{Machine, Stack, Swarm, eventually};

use crate::{
    Outcome, disasters,
    load::{Load, Seen},
    tell,
};

pub(crate) const SECOND: &str = "2";
pub(crate) const BAD: &str = "bad";
const BOUND: Duration = Duration::from_mins(4);
/// The volume of the third Cassandra node.
const THIRD: &str = "skep_cassandra3";
const QUIET: Duration = Duration::from_secs(10);

/// Everything, in order; the rows of what came to its end, and whether all did.
pub(crate) async fn all(swarm: &Swarm, stack: &Stack<'_>, load: &Load) -> (String, Outcome) {
    let mut table = Table { rows: String::new(), load };
    let mut outcome = if wish() == "disasters" { Ok(()) } else { table.fill(swarm, stack).await };
    if outcome.is_ok() && is_full() {
        outcome = disasters::under_load(&mut table, swarm, stack).await;
    }
    let head = format!(
        "{:<46} {:>8} {:>6} {:>7} {:>5} {:>10} {:>11}",
        "event", "requests", "again", "failed", "lost", "slowest", "full after"
    );
    (format!("\n{head}\n{}", table.rows), outcome)
}

/// Whether what takes long is asked for: with everything (`full`) or alone (`disasters`).
pub(crate) fn is_full() -> bool {
    matches!(&*wish(), "full" | "disasters")
}

fn wish() -> String {
    env::var("SWARM").unwrap_or_default()
}

pub(crate) struct Table<'a> {
    rows: String,
    load: &'a Load,
}

impl Table<'_> {
    async fn fill(&mut self, swarm: &Swarm, stack: &Stack<'_>) -> Outcome {
        let worker = swarm.machine("n5")?;
        let third = swarm.machine("n4")?;
        self.row("nothing", self.load.passes(QUIET)).await?;
        self.planned("each Cassandra node has repaired its share", repaired(swarm)).await?;

        self.planned("storage from 2 to 4", scaled(stack, 4)).await?;
        self.planned("storage from 4 to 2", scaled(stack, 2)).await?;

        self.planned("storage rolled to another version", rolled(stack, "storage", SECOND, "completed")).await?;
        self.planned("gate rolled to another version", rolled(stack, "gate", SECOND, "completed")).await?;
        self.planned("storage rolled to a bad image, and back", rolled(stack, "storage", BAD, "rollback_completed"))
            .await?;
        let image = stack.image("storage").await?;
        ensure!(image.contains(&format!("storage:{SECOND}@")), "after a rollback: {image}");

        self.planned("certificates and passwords are replaced", rotated(stack)).await?;
        self.planned("so is that of a Cassandra node", node_rotated(stack)).await?;
        let everything = async || {
            stack.bring("storage", &worker.name(), BOUND).await?;
            stack.bring("gate", &worker.name(), BOUND).await
        };
        everything().await?;
        self.planned("a machine is drained", drained(stack, worker)).await?;
        self.planned("it has tasks again", undrained(stack, worker)).await?;
        self.row("a storage and a gate are killed", killed(swarm, stack)).await?;
        everything().await?;
        self.row("a machine's cable is pulled", unplugged(stack, worker)).await?;
        self.row("it is plugged in again", plugged(stack, worker)).await?;
        everything().await?;
        self.row("a worker's power is cut", lost(stack, worker)).await?;
        self.row("it comes back", returned(stack, worker)).await?;
        let leader = swarm.leader().await?;
        self.row("the power of the leading manager is cut", lost(stack, leader)).await?;
        ensure!(swarm.leader().await?.name() != leader.name(), "who has no power leads");
        self.row("it comes back", returned(stack, leader)).await?;
        let begun = starts(third)?;
        self.row("the power of a Cassandra node is cut", lost(stack, third)).await?;
        let back = async {
            returned(stack, third).await?;
            let again = async || (starts(third).ok()? > begun).then_some(());
            eventually("the Cassandra node has started again", BOUND, again).await
        };
        self.row("it comes back", back).await?;

        for service in ["gate", "storage"] {
            stack.scale(service, 2).await?;
        }
        stack.until_full(BOUND).await?;
        self.planned("deployed again, with other configs", redeployed(stack)).await?;
        self.row("a Cassandra node's disk is empty", refused(stack, third)).await?;
        self.row("it has its data again", filled(stack, third)).await?;
        Ok(())
    }

    /// A row of what an operator does on purpose: nothing may fail, or have to be sent again but for what was sent on a
    /// connection in the moment in which it was closed as idle, which HTTP/1.1 leaves to clients.
    async fn planned(&mut self, event: &str, work: impl Future<Output = Outcome>) -> Outcome {
        let seen = self.row(event, work).await?;
        ensure!(seen.failed == 0, "{event}: {} requests failed", seen.failed);
        ensure!(seen.again <= 1 + seen.requests / 1000, "{event}: {} were sent again", seen.again);
        Ok(())
    }

    pub(crate) async fn row(&mut self, event: &str, work: impl Future<Output = Outcome>) -> anyhow::Result<Seen> {
        self.load.look().await?;
        let begun = Instant::now();
        let done = work.await;
        let full = begun.elapsed();
        let seen = self.load.look().await?;
        let Seen { requests, again, failed, slowest, lost, ref faults } = seen;
        let row = format!(
            "{event:<46} {requests:>8} {again:>6} {failed:>7} {lost:>5} {:>8.1} s {:>9.1} s",
            slowest.as_secs_f64(),
            full.as_secs_f64()
        );
        tell(&row)?;
        for (fault, count) in faults {
            tell(&format!("  {count} × {fault}"))?;
        }
        self.rows += &row;
        self.rows.push('\n');
        done?;
        ensure!(lost == 0, "{event}: {lost} acknowledged entries are lost");
        ensure!(requests > failed, "{event}: nothing went well");
        Ok(seen)
    }
}

/// As each does for the first time when it has just begun.
async fn repaired(swarm: &Swarm) -> Outcome {
    for (machine, volume) in [("n2", "skep_cassandra1"), ("n3", "skep_cassandra2"), ("n4", THIRD)] {
        let marked = swarm.machine(machine)?.volume(volume).join("repaired");
        eventually("the node has repaired its share", BOUND, async || marked.exists().then_some(())).await?;
    }
    Ok(())
}

async fn scaled(stack: &Stack<'_>, storages: u32) -> Outcome {
    stack.scale("storage", storages).await?;
    stack.until_full(BOUND).await
}

async fn rolled(stack: &Stack<'_>, service: &str, version: &str, end: &str) -> Outcome {
    stack.roll(service, version).await?;
    let ended = stack.until_updated(service, BOUND).await?;
    ensure!(ended == end, "the update of {service} ends as {ended}\n{}", stack.story().await);
    stack.until_full(BOUND).await
}

/// Until all is at full strength again, but for what can only be on that machine.
pub(crate) async fn lost(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    machine.power_cut().await?;
    stack.until_machine(&machine.name(), "down", BOUND).await?;
    stack.until_full_without(crate::bound_to(&machine.name()), BOUND).await
}

/// All that shows or believes one of them runs with the next version.
async fn rotated(stack: &Stack<'_>) -> Outcome {
    let authorized = stack.completed("cassandra-users").await?;
    let names = ["gate", "gate_inside", "storage", "redis", "redis_password", "cassandra_password"];
    stack.rotate(&[&names[..], &["cassandra_superuser_password"]].concat()).await?;
    replaced(stack, &["gate", "storage", "redis"]).await?;
    ensure!(stack.completed("cassandra-users").await? > authorized, "Cassandra does not know the passwords");
    Ok(())
}

/// Twice, so that its first version is of no use any more.
async fn node_rotated(stack: &Stack<'_>) -> Outcome {
    stack.rotate(&["cassandra1"]).await?;
    stack.rotate(&["cassandra1"]).await?;
    replaced(stack, &["cassandra1"]).await?;
    stack.prune().await?;
    let kept = stack.secrets().await?;
    let is_kept = |name: &str| kept.iter().any(|kept| kept == name);
    ensure!(is_kept("skep_cassandra1_key_3") && is_kept("skep_cassandra1_key_2"), "{kept:?}");
    ensure!(!is_kept("skep_cassandra1_key_1") && is_kept("skep_gate_key_1"), "{kept:?}");
    Ok(())
}

/// Deploys what has been changed, until other tasks of these services run.
async fn replaced(stack: &Stack<'_>, services: &[&str]) -> Outcome {
    let before = running(stack, services).await?;
    stack.deploy(SECOND, &[]).await?;
    let replaced = async || {
        let after = running(stack, services).await.ok()?;
        before.iter().zip(&after).all(|(before, after)| !after.is_empty() && before.is_disjoint(after)).then_some(())
    };
    eventually("all are replaced", BOUND, replaced).await?;
    stack.until_full(BOUND).await
}

/// The tasks of each of these services.
async fn running(stack: &Stack<'_>, services: &[&str]) -> anyhow::Result<Vec<BTreeSet<String>>> {
    let mut running = Vec::new();
    for service in services {
        running.push(stack.running(service).await?);
    }
    Ok(running)
}

/// Its tasks are elsewhere, but for what has its data there.
async fn drained(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    stack.drain(&machine.name(), "drain").await?;
    let left = async || {
        let tasks = stack.tasks().await.ok()?;
        tasks.iter().all(|(_, at)| *at != machine.name()).then_some(())
    };
    eventually("no task is left on it", BOUND, left).await?;
    stack.until_full(BOUND).await
}

async fn undrained(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    stack.drain(&machine.name(), "active").await?;
    stack.until_full(BOUND).await
}

/// One of each.
async fn killed(swarm: &Swarm, stack: &Stack<'_>) -> Outcome {
    for service in ["storage", "gate"] {
        let before = stack.running(service).await?;
        let mut killed = 0;
        for machine in swarm.machines() {
            if killed == 0 {
                killed = machine.kill(service).await?;
            }
        }
        ensure!(killed > 0, "no {service} runs");
        let replaced = async || (stack.running(service).await.ok()? != before).then_some(());
        eventually("it is missed", BOUND, replaced).await?;
        stack.until_full(BOUND).await?;
    }
    Ok(())
}

async fn unplugged(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    machine.plug(false).await?;
    stack.until_machine(&machine.name(), "down", BOUND).await?;
    stack.until_full(BOUND).await
}

async fn plugged(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    machine.plug(true).await?;
    rejoined(stack, machine).await
}

async fn returned(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    machine.power_on().await?;
    rejoined(stack, machine).await
}

async fn rejoined(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    stack.until_machine(&machine.name(), "ready", BOUND).await?;
    stack.until_full(BOUND).await
}

/// What has not changed goes on as it was.
async fn redeployed(stack: &Stack<'_>) -> Outcome {
    let kept = ["cassandra1", "cassandra2", "cassandra3", "gate", "storage"];
    let (before, setup) = (running(stack, &kept).await?, stack.completed("logs-setup").await?);
    stack.deploy(SECOND, &[("CONFIGS", "2")]).await?;
    let again = async || (stack.completed("logs-setup").await.ok()? > setup).then_some(());
    eventually("what Elasticsearch is told is told again", BOUND, again).await?;
    stack.until_full(BOUND).await?;
    ensure!(
        running(stack, &kept).await? == before,
        "tasks were replaced that nothing has changed for\n{}",
        stack.story().await
    );
    Ok(())
}

/// It has to say so and end, for it would answer for what it does not have.
async fn refused(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    stack.scale("cassandra3", 0).await?;
    stack.until_full(BOUND).await?;
    let folder = machine.volume(THIRD);
    fs::rename(folder.join("data"), folder.join("aside"))?;
    stack.scale("cassandra3", 1).await?;
    let told = async || {
        let logs = stack.logs("cassandra3").await.ok()?;
        logs.contains("the disk is empty, but cassandra1 serves already").then_some(())
    };
    eventually("the node refuses to start", BOUND, told).await?;
    ensure!(!folder.join("data").exists(), "it has started all the same");
    Ok(())
}

async fn filled(stack: &Stack<'_>, machine: &Machine) -> Outcome {
    let begun = starts(machine)?;
    let folder = machine.volume(THIRD);
    fs::rename(folder.join("aside"), folder.join("data"))?;
    let again = async || (starts(machine).ok()? > begun).then_some(());
    eventually("the Cassandra node has started again", BOUND, again).await?;
    stack.until_full(BOUND).await
}

/// How often the Cassandra node of that machine has come up.
fn starts(machine: &Machine) -> anyhow::Result<usize> {
    let log = fs::read_to_string(machine.volume(THIRD).join("system.log"))?;
    Ok(log.matches("Startup complete").count())
}
