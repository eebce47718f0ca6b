//! What docs/OPERATIONS.md tells an operator to do when much is lost, or more is needed, done as it says.

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use integration::{Machine, Stack, Swarm, eventually};
use tokio::process::Command;

use crate::{
    Outcome,
    events::{SECOND, Table, lost},
    load::Load,
};

const BOUND: Duration = Duration::from_mins(6);
/// A node of Cassandra, as `nodetool status` shows it: its state, and its address.
type Node = (String, String);

/// With load.
pub(crate) async fn under_load(table: &mut Table<'_>, swarm: &Swarm, stack: &Stack<'_>) -> Outcome {
    table.row("a Cassandra node's machine is lost for good", replaced(swarm, stack)).await?;
    // So that the one that has streamed is one of two that answer.
    let second = swarm.machine("n3")?;
    table.row("the power of another is cut", lost(stack, second)).await?;
    let back = async {
        second.power_on().await?;
        until_up(stack, 3).await
    };
    table.row("it comes back", back).await?;
    table.row("there is a fourth", grown(swarm, stack)).await?;
    Ok(())
}

/// "A lost Cassandra disk"
async fn replaced(swarm: &Swarm, stack: &Stack<'_>) -> Outcome {
    let (old, new) = (swarm.machine("n4")?, swarm.machine("n5")?);
    old.power_cut().await?;
    stack.until_machine(&old.name(), "down", BOUND).await?;
    let down = async || {
        let nodes = nodes(stack).await.ok()?;
        nodes.into_iter().find_map(|(state, address)| (state == "DN").then_some(address))
    };
    let gone = eventually("the others know that it is gone", BOUND, down).await?;
    let left: Vec<_> = nodes(stack).await?.into_iter().map(|(_, address)| address).filter(|at| *at != gone).collect();
    let [first, second] = left.as_slice() else { anyhow::bail!("two are left, not {left:?}") };
    for keyspace in ["skep", "system_auth"] {
        let repair = ["repair", "--full", "--in-hosts", first, "--in-hosts", second, keyspace];
        nodetool(stack, "cassandra1", &repair).await?;
    }
    swarm.manager().docker(&["node", "update", "--label-rm", "skep.cassandra3", &old.name()]).await?;
    swarm.label(&new.name(), &["skep.cassandra3"]).await?;
    let place = format!("REPLACE={gone}");
    swarm.manager().docker(&["service", "update", "--detach", "--env-add", &place, "skep_cassandra3"]).await?;
    until_up(stack, 3).await
}

/// "More than three Cassandra nodes"
async fn grown(swarm: &Swarm, stack: &Stack<'_>) -> Outcome {
    stack.prepare(&["--cassandra", "6"]).await?;
    stack.deploy_with(&["cassandra-six"], SECOND, &[]).await?;
    until_up(stack, 3).await?;
    stack.until_full_without(&["cassandra4", "cassandra5", "cassandra6"], BOUND).await?;
    swarm.label("n1", &["skep.cassandra4"]).await?;
    until_up(stack, 4).await?;
    for node in ["cassandra1", "cassandra2", "cassandra3"] {
        nodetool(stack, node, &["cleanup"]).await?;
    }
    Ok(())
}

/// "Backup": all that there is is lost, and comes back. Nobody writes meanwhile.
pub(crate) async fn restored(stack: &Stack<'_>, load: &Load) -> Outcome {
    let mut copies = Vec::new();
    for node in ["cassandra1", "cassandra2", "cassandra3", "cassandra4"] {
        nodetool(stack, node, &["snapshot", "-t", "today"]).await?;
        let (volume, copy) = (format!("skep_{node}"), format!("/run/{node}-today.tar.gz"));
        let machine = stack.place(node).await?;
        let save = "find data -path '*/snapshots/today/*' -type f | tar --create --gzip --files-from - --file";
        within(&machine.volume(&volume), &format!("{save} {copy}")).await?;
        copies.push((machine, volume, copy));
    }
    stack.remove(BOUND).await?;
    for (machine, volume, copy) in &copies {
        machine.docker(&["volume", "rm", volume]).await?;
        let label = "com.docker.stack.namespace=skep";
        machine.docker(&["volume", "create", "--label", label, volume]).await?;
        let back = "tar --extract --gzip --transform 's,/snapshots/today/,/,' --file";
        within(&machine.volume(volume), &format!("{back} {copy} && chown --recursive 999:999 .")).await?;
    }
    stack.deploy_with(&["cassandra-six"], SECOND, &[]).await?;
    stack.until_full_without(&["cassandra5", "cassandra6"], BOUND).await?;
    until_up(stack, 4).await?;
    let seen = load.look().await?;
    ensure!(seen.lost == 0, "{} are not in the backup", seen.lost);
    Ok(())
}

async fn until_up(stack: &Stack<'_>, count: usize) -> Outcome {
    let mut last = Vec::new();
    let up = eventually("all of Cassandra's nodes are up", BOUND, async || {
        last = nodes(stack).await.ok()?;
        (last.len() == count && last.iter().all(|(state, _)| state == "UN")).then_some(())
    });
    let waited = up.await;
    waited.with_context(|| format!("{last:?}"))
}

async fn nodes(stack: &Stack<'_>) -> anyhow::Result<Vec<Node>> {
    let told = nodetool(stack, "cassandra1", &["status"]).await?;
    let rows = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let nodes = rows.filter(|row| row.len() > 2 && row[0].len() == 2 && row[1].contains('.'));
    Ok(nodes.map(|row| (row[0].to_owned(), row[1].to_owned())).collect())
}

async fn nodetool(stack: &Stack<'_>, node: &str, args: &[&str]) -> anyhow::Result<String> {
    let machine: &Machine = stack.place(node).await?;
    machine.exec(node, &[&["nodetool"], args].concat()).await
}

/// Runs a line of shell in a folder.
async fn within(folder: &Path, line: &str) -> Outcome {
    let output = Command::new("bash").args(["-o", "pipefail", "-c", line]).current_dir(folder).output().await?;
    ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
