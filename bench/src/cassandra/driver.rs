//! The driver, set up as storage sets it up: QUORUM, token-aware, prepared, lightweight transactions never repeated.

use std::{sync::Arc, time::Duration};

use integration::{Cassandra, House, Process, Program};
use rand::distr::{Alphanumeric, SampleString};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    deserialize::row::DeserializeRow,
    policies::retry::FallthroughRetryPolicy,
    response::query_result::QueryRowsResult,
    serialize::row::SerializeRow,
    statement::{Consistency, SerialConsistency, prepared::PreparedStatement},
};

const TIME: Duration = Duration::from_secs(10);

/// A keyspace with the schema of storage, which a storage has just made, and that storage.
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) storage: Process,
    pub(crate) keyspace: String,
}

/// Starts a storage on a new keyspace, logging by these directives, and connects beside it.
pub(crate) async fn open(cluster: &Cassandra, log: &str) -> anyhow::Result<Opened> {
    let keyspace = cluster.keyspace();
    let variables = cluster.variables();
    let mut storage = Program::storage(House::token())?.without("DATA_DIR").env("CASSANDRA_KEYSPACE", &keyspace);
    for (name, value) in variables {
        storage = storage.env(name, value);
    }
    let storage = storage.env("LOG", log).start().await?;
    let session = connect(&variables["CASSANDRA_HOSTS"], &keyspace).await?;
    Ok(Opened { session, storage, keyspace })
}

pub(crate) async fn connect(hosts: &str, keyspace: &str) -> anyhow::Result<Session> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::Quorum)
        .serial_consistency(Some(SerialConsistency::Serial))
        .request_timeout(Some(TIME))
        .retry_policy(Arc::new(FallthroughRetryPolicy))
        .build();
    let builder = SessionBuilder::new()
        .known_nodes(hosts.split(','))
        .default_execution_profile_handle(profile.into_handle())
        .use_keyspace(keyspace, true);
    Ok(builder.build().await?)
}

/// The rows that a statement answers.
pub(crate) async fn rows<R>(
    session: &Session,
    statement: &PreparedStatement,
    values: impl SerializeRow,
) -> anyhow::Result<Vec<R>>
where
    R: for<'f, 'm> DeserializeRow<'f, 'm>,
{
    let answer = session.execute_unpaged(statement, values).await?.into_rows_result()?;
    Ok(answer.rows::<R>()?.collect::<Result<_, _>>()?)
}

/// Whether a lightweight transaction was applied.
pub(crate) fn applied(rows: &QueryRowsResult) -> anyhow::Result<bool> {
    let first = rows.rows::<scylla::value::Row>()?.next().transpose()?;
    Ok(first.and_then(|row| row.columns.first()?.as_ref()?.as_boolean()).unwrap_or(false))
}

/// JSON text of about so many bytes that does not compress as repetitions would.
pub(crate) fn data(bytes: usize) -> Vec<u8> {
    let text = Alphanumeric.sample_string(&mut rand::rng(), bytes.saturating_sub(11));
    format!(r#"{{"text":"{text}"}}"#).into_bytes()
}
