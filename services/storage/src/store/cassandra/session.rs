//! The driver's session: how the cluster is reached, and what a node's silence costs at most.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use rustls::ClientConfig;
use scylla::{
    client::{
        execution_profile::{ExecutionProfile, ExecutionProfileHandle},
        session::Session,
        session_builder::SessionBuilder,
    },
    cluster,
    errors::{ExecutionError, RowsError},
    policies::{retry::FallthroughRetryPolicy, speculative_execution::SimpleSpeculativeExecutionPolicy},
    response::query_result::{QueryResult, QueryRowsResult},
    serialize::row::SerializeRow,
    statement::{Consistency, SerialConsistency, Statement, prepared::PreparedStatement},
};

use super::settings::Settings;
use crate::store::Node;

/// What a statement that may be repeated can take, its repetitions with it.
const REQUEST: Duration = Duration::from_millis(1500);
/// Beyond what a coordinator itself gives a contended Paxos round.
const CONDITIONAL: Duration = Duration::from_secs(2);
const SCHEMA: Duration = Duration::from_secs(15);
/// A node that is silent for so long is asked for a sign of life, and given as long again to answer:
/// only this makes the driver leave a node that hangs.
const KEEPALIVE: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_secs(2);
/// When a repeatable statement is also sent to another node.
const SPECULATE: Duration = Duration::from_millis(150);

/// The ways in which statements are sent; all at QUORUM.
pub(super) struct Profiles {
    /// May be sent twice, and to two nodes at once.
    pub(super) repeatable: ExecutionProfileHandle,
    /// Changes of the schema: slow, and sent once.
    pub(super) plain: ExecutionProfileHandle,
    /// Lightweight transactions: what became of one that failed is asked, never tried by the driver.
    pub(super) conditional: ExecutionProfileHandle,
}

impl Profiles {
    pub(super) fn new() -> Self {
        let quorum = || {
            ExecutionProfile::builder()
                .consistency(Consistency::Quorum)
                .serial_consistency(Some(SerialConsistency::Serial))
        };
        let speculative = SimpleSpeculativeExecutionPolicy { max_retry_count: 2, retry_interval: SPECULATE };
        let repeatable =
            quorum().request_timeout(Some(REQUEST)).speculative_execution_policy(Some(Arc::new(speculative)));
        let once = |time| quorum().request_timeout(Some(time)).retry_policy(Arc::new(FallthroughRetryPolicy));
        Self {
            repeatable: repeatable.build().into_handle(),
            plain: once(SCHEMA).build().into_handle(),
            conditional: once(CONDITIONAL).build().into_handle(),
        }
    }
}

/// Trust in the authorities that the settings name, if they ask for TLS. The driver goes to addresses, also of nodes that it
/// was told of; a certificate for a host that the settings name is as good.
pub(super) fn tls(settings: &Settings) -> anyhow::Result<Option<Arc<ClientConfig>>> {
    let names = || settings.hosts.iter().map(|host| host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name));
    let trusted = settings.authority.as_deref().map(|file| kit::trusting_names(file, names())).transpose();
    trusted.context("CASSANDRA_TLS_CA does not name a PEM file with authorities")
}

/// The way to the cluster: every statement that a store sends is sent here.
pub(super) struct Link {
    pub(super) session: Session,
    pub(super) profiles: Profiles,
    #[cfg(feature = "conformance")]
    pub(super) lifetime: super::Lifetime,
}

impl Link {
    /// Connects. Host names are resolved anew by the driver when none of the nodes it knows is left.
    pub(super) async fn connect(settings: &Settings, tls: Option<Arc<ClientConfig>>) -> anyhow::Result<Self> {
        let profiles = Profiles::new();
        let mut builder = SessionBuilder::new()
            .known_nodes(&settings.hosts)
            .default_execution_profile_handle(profiles.plain.clone())
            .keyspaces_to_fetch([settings.keyspace.to_string()])
            .connection_timeout(CONNECT)
            .hostname_resolution_timeout(Some(CONNECT))
            .keepalive_interval(KEEPALIVE)
            .keepalive_timeout(KEEPALIVE)
            .schema_agreement_timeout(SCHEMA)
            .tls_context(tls);
        if let Some((name, password)) = &settings.user {
            builder = builder.user(name, password.expose());
        }
        Ok(Self {
            session: builder.build().await?,
            profiles,
            #[cfg(feature = "conformance")]
            lifetime: super::Lifetime::default(),
        })
    }

    /// The nodes that the driver knows.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let known = self.session.get_cluster_state();
        let node = |node: &Arc<cluster::Node>| Node {
            address: SocketAddr::new(node.address.ip(), node.address.port()).to_string(),
            datacenter: node.datacenter.clone().unwrap_or_default(),
            up: node.is_connected(),
        };
        known.get_nodes_info().iter().map(node).collect()
    }

    /// Sends a prepared statement.
    pub(super) async fn execute(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryResult, ExecutionError> {
        #[cfg(feature = "conformance")]
        self.lifetime.spend().await;
        let answer = self.session.execute_unpaged(statement, values).await;
        #[cfg(feature = "conformance")]
        if self.lifetime.loses() {
            return Err(ExecutionError::RequestTimeout(Duration::ZERO));
        }
        answer
    }

    /// Sends a statement of the schema.
    pub(super) async fn query(
        &self,
        statement: impl Into<Statement>,
        values: impl SerializeRow,
    ) -> Result<QueryResult, ExecutionError> {
        #[cfg(feature = "conformance")]
        self.lifetime.spend().await;
        self.session.query_unpaged(statement, values).await
    }
}

/// Whether a lightweight transaction was applied: the first column of the answer; the others differ with the outcome.
pub(super) fn applied(rows: &QueryRowsResult) -> Result<bool, RowsError> {
    let mut found = rows.rows::<scylla::value::Row>()?;
    let first = found.next().and_then(Result::ok);
    Ok(first.and_then(|row| row.columns.first()?.as_ref()?.as_boolean()).unwrap_or(false))
}
