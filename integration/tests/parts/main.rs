//! The harness of real Cassandra nodes keeps what it says; the product is not in it.

mod driver;

use std::{
    collections::BTreeSet,
    env,
    fmt::Debug,
    io::{Write, stderr},
    net::{SocketAddr, TcpStream},
    process::Stdio,
    ptr, thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use integration::{Cassandra, CassandraNode, CassandraOptions, eventually};
use scylla::client::session::Session;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    runtime::Runtime,
    sync::Mutex,
    time::timeout,
};

use self::driver::{Counted, sessions};

type Outcome = anyhow::Result<()>;

/// Each needs much of a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
const SOON: Duration = Duration::from_secs(20);
const WRITES: usize = 20;

#[tokio::test]
async fn one_node_killed_or_paused_is_not_missed_and_each_comes_back() -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().await;
    let begun = Instant::now();
    let cluster = Cassandra::start(CassandraOptions::default()).await?;
    let [first, second, third] = cluster.nodes() else { anyhow::bail!("three nodes") };
    tell("three nodes see each other after", begun.elapsed())?;
    let mut table = Counted::create(&cluster).await?;
    tell("slowest pair of writes, all up", table.slowest_of(WRITES).await?)?;

    first.kill().await?;
    tell("slowest, one killed", table.slowest_of(WRITES).await?)?;
    let begun = Instant::now();
    cluster.restart(first).await?;
    cluster.settled().await?;
    tell("the killed one back after", begun.elapsed())?;

    // From here on a quorum needs the node that was just down.
    second.pause().await?;
    tell("slowest, another paused", table.slowest_of(WRITES).await?)?;
    assert!(!second.answers().await);
    second.resume().await?;
    eventually("the resumed node answers", SOON, async || second.answers().await.then_some(())).await?;
    cluster.settled().await?;

    third.kill().await?;
    tell("slowest, the third killed", table.slowest_of(WRITES).await?)?;
    assert!(table.lost().await?.is_empty());
    tell("a node's memory in MiB", first.memory().await? / 1024 / 1024)?;

    second.stop().await?;
    assert!(table.write().await.is_err(), "one of three is no quorum");
    Ok(())
}

/// At once, and whether or not the test fails: the test runner would keep what print! writes to itself.
fn tell(what: &str, figure: impl Debug) -> Outcome {
    Ok(writeln!(stderr(), "cassandra: {what}: {figure:.1?}")?)
}

#[tokio::test]
async fn the_shared_cluster_outlives_the_test_that_started_it() -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().await;
    let another_test = || Runtime::new()?.block_on(Cassandra::shared());
    let started = thread::spawn(another_test).join().expect("no panic")?;
    let shared = Cassandra::shared().await?;
    assert!(ptr::eq(started, shared));
    assert_ne!(shared.keyspace(), shared.keyspace());
    let mut table = Counted::create(shared).await?;
    table.write().await?;
    assert!(table.lost().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn clients_sign_in_under_tls_and_only_through_the_proxies() -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().await;
    let options = CassandraOptions {
        nodes: 2,
        authenticated: true,
        encrypted: true,
        proxied: true,
        ..CassandraOptions::default()
    };
    let cluster = Cassandra::start(options).await?;
    assert!(sessions(&cluster)?.user("cassandra", "wrong").build().await.is_err());
    let plain = scylla::client::session_builder::SessionBuilder::new().known_node_addr(cluster.nodes()[0].address());
    assert!(plain.user("cassandra", "cassandra").build().await.is_err());

    let session = sessions(&cluster)?.build().await?;
    let proxies: BTreeSet<_> = cluster.nodes().iter().map(CassandraNode::address).collect();
    assert_eq!(known_nodes(&session), proxies, "what the nodes tell is the proxies' addresses");

    for node in cluster.nodes() {
        node.chaos()?.cut().await?;
    }
    let mut ask = scylla::statement::Statement::new("SELECT release_version FROM system.local");
    ask.set_is_idempotent(true);
    assert!(session.query_unpaged(ask.clone(), ()).await.is_err());
    for node in cluster.nodes() {
        node.chaos()?.heal().await?;
    }
    eventually("connected again", SOON, async || session.query_unpaged(ask.clone(), ()).await.ok()).await?;
    Ok(())
}

fn known_nodes(session: &Session) -> BTreeSet<SocketAddr> {
    let known = session.get_cluster_state();
    known.get_nodes_info().iter().map(|node| SocketAddr::new(node.address.ip(), node.address.port())).collect()
}

#[tokio::test]
async fn a_node_that_cannot_start_says_why() {
    let options = CassandraOptions { java: vec!["--no-such-option".to_owned()], ..one_node() };
    let error = format!("{:#}", Cassandra::start(options).await.unwrap_err());
    assert!(error.contains("Unrecognized option: --no-such-option"), "{error}");
}

const ENDLESS: &str = "a_test_that_starts_a_node_and_is_killed";

#[tokio::test]
async fn nodes_end_with_the_cluster_and_with_a_killed_test() -> Outcome {
    let _alone = ONE_AT_A_TIME.lock().await;
    let cluster = Cassandra::start(one_node()).await?;
    let dropped = cluster.nodes()[0].address();
    drop(cluster);
    TcpStream::connect(dropped).expect_err("it ended when its cluster was dropped");

    let mut test = Command::new(env::current_exe()?);
    test.args(["--exact", ENDLESS, "--ignored", "--nocapture"]).stdout(Stdio::piped()).kill_on_drop(true);
    let mut test = test.spawn()?;
    let mut output = BufReader::new(test.stdout.take().context("piped")?).lines();
    let node: SocketAddr = loop {
        let line = timeout(Duration::from_mins(4), output.next_line()).await??.context("it ended by itself")?;
        if let Some(address) = line.strip_prefix("node at ") {
            break address.parse()?;
        }
    };
    TcpStream::connect(node).context("the node runs")?;
    test.kill().await?;
    eventually("the node has ended too", SOON, async || TcpStream::connect(node).err()).await?;
    Ok(())
}

#[tokio::test]
#[ignore = "run and killed by the test of how nodes end"]
async fn a_test_that_starts_a_node_and_is_killed() -> Outcome {
    let cluster = Cassandra::start(one_node()).await?;
    // On a line of its own, whatever the test runner wrote before.
    writeln!(std::io::stdout(), "\nnode at {}", cluster.nodes()[0].address())?;
    std::future::pending().await
}

fn one_node() -> CassandraOptions {
    CassandraOptions { nodes: 1, heap: "384M", ..CassandraOptions::default() }
}
