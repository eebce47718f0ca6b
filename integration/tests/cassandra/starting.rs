//! A storage process and the ways to its cluster: who it is, whom it trusts, and where the nodes are.

use std::{fs, time::Duration};

use integration::{Cassandra, CassandraOptions, House, Process, Program, eventually};

use crate::opened::ALONE;

/// Within which a storage is ready once its cluster can be reached, or says why it is not.
const FOLLOWED: Duration = Duration::from_secs(10);
/// The schema of a new keyspace, on a slow machine.
const MIGRATED: Duration = Duration::from_mins(3);

/// The reasons that a storage has logged for waiting.
fn reasons(storage: &Process) -> Vec<String> {
    let lines = storage.logs().lines().unwrap();
    let waits = lines.iter().filter(|line| line["message"] == "waiting for cassandra");
    waits.map(|line| line["error.message"].as_str().unwrap().to_owned()).collect()
}

/// Starts a storage that must stay unready, alive, and say a reason with this word in it.
async fn unready(program: Program, word: &str) -> anyhow::Result<Process> {
    let storage = program.open().await?;
    let said = async || reasons(&storage).iter().any(|reason| reason.contains(word)).then_some(());
    if let Err(error) = eventually("it says why", FOLLOWED, said).await {
        anyhow::bail!("{error}: {word}, but {:?}", reasons(&storage));
    }
    let metrics = storage.http("metrics")?;
    assert_eq!(metrics.get("/livez").await?.status, 200);
    assert_eq!(metrics.get("/readyz").await?.status, 503);
    Ok(storage)
}

/// Nothing that the process told anybody has `secret` in it.
fn kept(storage: &Process, secret: &str) {
    let logs: String = storage.logs().files().unwrap().into_iter().map(|(_, text)| text).collect();
    assert!(!logs.contains(secret) && !storage.stderr().contains(secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_signs_in_under_tls_and_says_why_it_cannot() -> anyhow::Result<()> {
    const WRONG: &str = "not-the-password-7d0c";
    let _alone = ALONE.write().await;
    let options = CassandraOptions { nodes: 1, authenticated: true, encrypted: true, ..CassandraOptions::default() };
    let cluster = Cassandra::start(options).await?;
    let keyspace = &cluster.keyspace();
    let program = || Program::storage_on(&cluster, keyspace, House::token());

    let refused = unready(program()?.env("CASSANDRA_PASSWORD", WRONG), "credentials").await?;
    kept(&refused, WRONG);
    let distrusting = program()?;
    let other = distrusting.path("other.pem");
    fs::write(&other, Cassandra::authority()?)?;
    unready(distrusting.env("CASSANDRA_TLS_CA", other.display().to_string()), "certificate").await?;
    unready(program()?.without("CASSANDRA_TLS_CA"), "connection").await?;

    let storage = program()?.open().await?;
    eventually("it is ready", MIGRATED, async || storage.is_ready().await.then_some(())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contact_points_are_resolved_anew() -> anyhow::Result<()> {
    const NAME: &str = "cassandra.invalid";
    const NOWHERE: &str = "127.77.0.1";
    let _guard = ALONE.read().await;
    let cluster = Cassandra::shared().await?;
    let Some(node) = cluster.nodes().first() else { return Ok(()) };
    let program = Program::storage_on(cluster, &cluster.keyspace(), House::token())?;
    // In a mount namespace of its own, so that the names are the test's.
    let hosts = program.path("hosts");
    fs::write(&hosts, "")?;
    let script = format!("mount --bind {} /etc/hosts && exec \"$0\" \"$@\"", hosts.display());
    let program = program.below(&["unshare", "--map-root-user", "--mount", "sh", "-c", &script]);
    let address = node.address();
    let storage = unready(program.env("CASSANDRA_HOSTS", format!("{NAME}:{}", address.port())), "resolve").await?;
    // It resolves to where no node is, and then to a node.
    fs::write(&hosts, format!("{NOWHERE} {NAME}\n"))?;
    let said = || storage.logs().lines().is_ok_and(|lines| lines.iter().any(|line| line.to_string().contains(NOWHERE)));
    let moved = async || said().then_some(());
    eventually("it went to where the name says", FOLLOWED, moved).await?;
    fs::write(&hosts, format!("{} {NAME}\n", address.ip()))?;
    eventually("it is ready", MIGRATED, async || storage.is_ready().await.then_some(())).await
}
