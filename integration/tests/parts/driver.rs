use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use integration::Cassandra;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    statement::{Consistency, SerialConsistency, prepared::PreparedStatement},
};

const KEEPALIVE: Duration = Duration::from_secs(1);
const REQUEST_BOUND: Duration = Duration::from_secs(10);

/// How storage is told to connect, put to the driver.
pub(super) fn sessions(cluster: &Cassandra) -> anyhow::Result<SessionBuilder> {
    let settings = cluster.variables();
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::Quorum)
        .serial_consistency(Some(SerialConsistency::Serial))
        .request_timeout(Some(REQUEST_BOUND))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(settings["CASSANDRA_HOSTS"].split(','))
        .default_execution_profile_handle(profile.into_handle())
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE);
    if let (Some(name), Some(password)) = (settings.get("CASSANDRA_USERNAME"), settings.get("CASSANDRA_PASSWORD")) {
        builder = builder.user(name, password);
    }
    if let Some(authority) = settings.get("CASSANDRA_TLS_CA") {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_file(authority)?)?;
        let tls = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
        builder = builder.tls_context(Some(Arc::new(tls)));
    }
    Ok(builder)
}

/// A table that counts, in a keyspace of its own on all nodes of a cluster.
pub(super) struct Counted {
    session: Session,
    insert: PreparedStatement,
    insert_if_absent: PreparedStatement,
    select: PreparedStatement,
    acknowledged: i32,
}

impl Counted {
    pub(super) async fn create(cluster: &Cassandra) -> anyhow::Result<Self> {
        let session = sessions(cluster)?.build().await?;
        let table = format!("{}.counted", cluster.keyspace());
        let factor = &cluster.variables()["CASSANDRA_REPLICATION_FACTOR"];
        let keyspace = table.trim_end_matches(".counted");
        let replication = format!("{{'class': 'NetworkTopologyStrategy', 'replication_factor': {factor}}}");
        session.query_unpaged(format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"), ()).await?;
        session.query_unpaged(format!("CREATE TABLE {table} (id int PRIMARY KEY)"), ()).await?;
        session.use_keyspace(keyspace, false).await?;
        let mut insert = session.prepare("INSERT INTO counted (id) VALUES (?)").await?;
        let mut insert_if_absent = session.prepare("INSERT INTO counted (id) VALUES (?) IF NOT EXISTS").await?;
        let mut select = session.prepare("SELECT id FROM counted WHERE id = ?").await?;
        // Nobody else writes these ids, so that every statement may be sent again.
        for statement in [&mut insert, &mut insert_if_absent, &mut select] {
            statement.set_is_idempotent(true);
        }
        Ok(Self { session, insert, insert_if_absent, select, acknowledged: 0 })
    }

    /// Writes a row plainly and one by a lightweight transaction, both at QUORUM.
    pub(super) async fn write(&mut self) -> anyhow::Result<()> {
        for statement in [&self.insert, &self.insert_if_absent] {
            let text = statement.get_statement();
            self.session.execute_unpaged(statement, (self.acknowledged,)).await.context(text.to_owned())?;
            self.acknowledged += 1;
        }
        Ok(())
    }

    /// The slowest of `count` such writes.
    pub(super) async fn slowest_of(&mut self, count: usize) -> anyhow::Result<Duration> {
        let mut slowest = Duration::ZERO;
        for _ in 0..count {
            let begun = Instant::now();
            self.write().await?;
            slowest = slowest.max(begun.elapsed());
        }
        Ok(slowest)
    }

    /// Which acknowledged rows a QUORUM read does not show.
    pub(super) async fn lost(&self) -> anyhow::Result<Vec<i32>> {
        let mut lost = Vec::new();
        for id in 0..self.acknowledged {
            let rows = self.session.execute_unpaged(&self.select, (id,)).await?.into_rows_result()?;
            if rows.rows_num() != 1 {
                lost.push(id);
            }
        }
        Ok(lost)
    }
}
