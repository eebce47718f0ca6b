//! The stack of `deploy/` on a real Docker Swarm of five machines, and what becomes of it when it is changed and hurt.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod disasters;
mod events;
mod load;
mod logs;
mod sessions;
mod tools;

use std::{
    io::{Write, stderr},
    time::{Duration, Instant},
};

use anyhow::Context;
use integration::{Rest, Stack, Swarm, in_own_namespaces};
use serde_json::json;

use self::load::Load;

type Outcome = anyhow::Result<()>;

const INSIDE: &str = "everything_the_stack_goes_through";
const MACHINES: u8 = 5;
const READY_BOUND: Duration = Duration::from_mins(5);
const NETWORKS: usize = 5;
const FIRST: &str = "1";
const LABELS: [(&str, &[&str]); 5] = [
    ("n1", &["skep.logs"]),
    ("n2", &["skep.cassandra1", "skep.app"]),
    ("n3", &["skep.cassandra2", "skep.app"]),
    ("n4", &["skep.cassandra3", "skep.app"]),
    ("n5", &["skep.app"]),
];

/// The services that can be on that machine alone.
fn bound_to(machine: &str) -> &'static [&'static str] {
    match machine {
        "n1" => &["elasticsearch", "logs-setup"],
        "n2" => &["cassandra1"],
        "n3" => &["cassandra2"],
        "n4" => &["cassandra3"],
        _ => &[],
    }
}

#[test]
fn the_stack_stands_changes_and_is_hurt() -> Outcome {
    in_own_namespaces(INSIDE)
}

#[tokio::test]
#[ignore = "run by the test above, in namespaces of its own"]
async fn everything_the_stack_goes_through() -> Outcome {
    let swarm = clocked("five machines form a swarm", Swarm::start(MACHINES)).await?;
    for (machine, labels) in LABELS {
        swarm.label(machine, labels).await?;
    }

    for (name, bytes) in clocked("our images are pushed", swarm.push_ours(&[FIRST, events::SECOND])).await? {
        tell(&format!("the image of {name}, built as these tests are, has {} MB", bytes / 1_000_000))?;
    }
    swarm.push_bad("storage", FIRST, events::BAD).await?;
    clocked("the image of the parts is pushed", swarm.push_parts()).await?;

    let stack = Stack::new(&swarm).await?;
    let configurations = stack.configurations().await?;
    match configurations.first() {
        Some(stack) => assert_eq!(stack.matches("encrypted: \"\"").count(), NETWORKS, "{stack}"),
        None => tell("!! no docker client here knows `stack config`: left out")?,
    }
    let deployed = async {
        stack.deploy(FIRST, &[]).await?;
        stack.until_full(READY_BOUND).await
    };
    clocked("the stack is at full strength", deployed).await?;
    assert_eq!(stack.unlimited().await?, [""; 0], "services without limits or reservations");

    let all = gates(&swarm, &stack).await?;
    let [first, second, ..] = all.as_slice() else { anyhow::bail!("two gates, not {all:?}") };
    guestbook(first, second).await?;
    clocked("who signs out at one gate is unknown at the other", sessions::are_shared(first, second)).await?;
    for (container, (used, reserved)) in stack.memory().await? {
        tell(&format!("{container} takes {} MB at rest, and reserves {}", used / 1_000_000, reserved / 1_000_000))?;
    }
    let load = Load::start(&swarm, &stack)?;
    let (rows, outcome) = events::all(&swarm, &stack, &load).await;
    tell(&rows)?;
    outcome?;
    load.stop().await?;
    if events::is_full() {
        clocked("all is lost, and restored from a backup", disasters::restored(&stack, &load)).await?;
    }
    clocked("a tool outside is served over gRPC", tools::are_served(&swarm, &stack)).await?;
    let gates = gates(&swarm, &stack).await?;
    logs::are_found(&swarm, gates.first().context("no gate")?).await
}

/// Writes through one machine, and reads through another.
async fn guestbook(first: &Rest, second: &Rest) -> Outcome {
    first.define("guestbook").await?.expect(201);
    let entry = json!({"data": {"author": "Ann", "message": "through one machine"}});
    let written = first.post(load::ENTRIES).json(entry).await?.expect(201).json();
    let id = written["id"].as_str().context("an id")?;
    let read = second.get(format_args!("{}/{id}", load::ENTRIES)).await?.expect(200).json();
    assert_eq!(read, written, "what was written through one machine is read through another");
    let list = second.get(load::ENTRIES).await?.expect(200).json();
    assert_eq!(list["records"][0], written);
    Ok(())
}

/// A client of each gate.
async fn gates(swarm: &Swarm, stack: &Stack<'_>) -> anyhow::Result<Vec<Rest>> {
    let tasks = stack.tasks().await?;
    let machines = tasks.iter().filter(|(service, _)| service == "gate").map(|(_, machine)| swarm.machine(machine));
    machines.map(|machine| stack.gate(machine?)).collect()
}

async fn clocked<T>(what: &str, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    let done = work.await.with_context(|| what.to_owned())?;
    tell(&format!("{what}: after {:.1} s", begun.elapsed().as_secs_f64()))?;
    Ok(done)
}

/// At once, and whether or not the test fails.
fn tell(what: &str) -> Outcome {
    Ok(writeln!(stderr(), "swarm: {what}")?)
}
