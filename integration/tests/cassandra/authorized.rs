//! Cassandra's users after `storage authorize`: by which passwords they sign in, and what they may do.

use std::{process::Output, time::Duration};

use anyhow::Context;
use integration::{Cassandra, CassandraOptions, House, Program, eventually};
use scylla::client::{session::Session, session_builder::SessionBuilder};

use crate::opened::ALONE;

/// Has to be quoted wherever it goes.
const USER: &str = "the \"bees\"";
const FIRST: &str = "it's-the-first-1c9e";
const SECOND: &str = "the-second-77f0";
const TOP: &str = "top-e01b";
const NEWER: &str = "newer-52aa";
/// The schema of a new keyspace, on a slow machine.
const MIGRATED: Duration = Duration::from_mins(3);
/// A node remembers for two seconds who had which password, and which rights.
const FORGOTTEN: Duration = Duration::from_secs(10);

struct Cluster {
    cassandra: Cassandra,
    keyspace: String,
}

impl Cluster {
    fn storage(&self, password: &str) -> anyhow::Result<Program> {
        let program = Program::storage_on(&self.cassandra, &self.keyspace, House::token())?;
        Ok(program.env("CASSANDRA_USERNAME", USER).env("CASSANDRA_PASSWORD", password))
    }

    async fn authorize(&self, password: &str, superuser: &str) -> anyhow::Result<Output> {
        self.storage(password)?.arg("authorize").env("CASSANDRA_SUPERUSER_PASSWORD", superuser).run().await
    }

    async fn sign_in(&self, name: &str, password: &str) -> anyhow::Result<Session> {
        let variables = self.cassandra.variables();
        let tls = kit::trusting(variables["CASSANDRA_TLS_CA"].as_ref())?;
        let session = SessionBuilder::new().known_nodes(variables["CASSANDRA_HOSTS"].split(',')).tls_context(Some(tls));
        Ok(session.user(name, password).build().await?)
    }

    async fn cannot_sign_in(&self, name: &str, password: &str) -> anyhow::Result<()> {
        let refused = async || self.sign_in(name, password).await.is_err().then_some(());
        eventually("the password is of no use", FORGOTTEN, refused).await.with_context(|| name.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_have_the_passwords_that_are_given_and_no_right_that_they_do_not_need() -> anyhow::Result<()> {
    let _alone = ALONE.write().await;
    let options = CassandraOptions { nodes: 1, authenticated: true, encrypted: true, ..CassandraOptions::default() };
    let cassandra = Cassandra::start(options).await?;
    let keyspace = cassandra.keyspace();
    let cluster = Cluster { cassandra, keyspace };

    for time in ["once", "again"] {
        let done = cluster.authorize(FIRST, TOP).await?;
        assert!(done.status.success(), "{time}: {}", String::from_utf8_lossy(&done.stderr));
    }
    cluster.cannot_sign_in("cassandra", "cassandra").await?;
    let storage = cluster.storage(FIRST)?.open().await?;
    eventually("storage is ready", MIGRATED, async || storage.is_ready().await.then_some(())).await?;
    drop(storage);

    let user = cluster.sign_in(USER, FIRST).await?;
    user.query_unpaged(format!("SELECT version FROM {}.migrations", cluster.keyspace), ()).await?;
    for beyond in [
        "SELECT * FROM system_auth.roles",
        "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE ROLE other WITH SUPERUSER = true",
        "ALTER ROLE skep_admin WITH PASSWORD = 'mine'",
        &format!("DROP KEYSPACE {}", cluster.keyspace),
        &format!("GRANT SELECT ON KEYSPACE {} TO skep_admin", cluster.keyspace),
    ] {
        let refused = user.query_unpaged(beyond, ()).await.expect_err(beyond).to_string();
        assert!(refused.contains("have the right to perform"), "{beyond}: {refused}");
    }

    let done = cluster.authorize(SECOND, &format!("{NEWER}\n{TOP}")).await?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    cluster.cannot_sign_in(USER, FIRST).await?;
    cluster.cannot_sign_in("skep_admin", TOP).await?;
    cluster.sign_in("skep_admin", NEWER).await?;
    let storage = cluster.storage(SECOND)?.open().await?;
    eventually("storage is ready", MIGRATED, async || storage.is_ready().await.then_some(())).await?;

    let refused = cluster.authorize(FIRST, "never-was").await?;
    let told = String::from_utf8(refused.stderr)?;
    assert_eq!(
        (refused.status.code(), told.contains("cannot sign in as Cassandra's superuser")),
        (Some(1), true),
        "{told}"
    );
    assert!(!told.contains("never-was") && !told.contains(FIRST), "{told}");
    cluster.sign_in(USER, SECOND).await?;
    Ok(())
}

#[tokio::test]
async fn what_it_must_be_told_is_said_before_anything_happens() -> anyhow::Result<()> {
    let wrong = Program::tool("storage")?.arg("authorize").env("CASSANDRA_USERNAME", "cassandra").run().await?;
    let told = String::from_utf8(wrong.stderr)?;
    assert_eq!(wrong.status.code(), Some(64), "{told}");
    for name in ["CASSANDRA_HOSTS is needed", "CASSANDRA_SUPERUSER_PASSWORD is needed"] {
        assert!(told.contains(name), "{name} in {told}");
    }
    let hosts = "127.0.0.1:1";
    let tool = Program::tool("storage")?.arg("authorize").env("CASSANDRA_HOSTS", hosts);
    let own = tool.env("CASSANDRA_USERNAME", "skep_admin").env("CASSANDRA_PASSWORD", "x");
    let wrong = own.env("CASSANDRA_SUPERUSER_PASSWORD", "y").run().await?;
    let told = String::from_utf8(wrong.stderr)?;
    assert!(wrong.status.code() == Some(64) && told.contains("a user of its own"), "{told}");
    Ok(())
}
