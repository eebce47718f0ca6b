//! Between the domain and the messages of `skep.v1`.

use prost_types::Timestamp;
use skep_proto::v1;
use uuid::Uuid;

use crate::{
    condition::Condition,
    records::{Count, Record},
    store::{Account, Definition, Index, IndexState, Node, Session, Survey},
};

pub(super) fn record(collection: &str, record: Record) -> v1::Record {
    let row = record.row;
    v1::Record {
        name: format!("{collection}/records/{}", record.id),
        etag: etag(row.mutation()),
        data: row.data,
        owner: row.owner.unwrap_or_default(),
        create_time: Some(timestamp(row.created_at)),
        update_time: Some(timestamp(row.updated_at)),
        version: i64::try_from(row.version).unwrap_or(i64::MAX),
    }
}

/// The collection's name in a record's.
pub(super) fn parent(name: &str) -> &str {
    name.rsplit_once("/records/").map_or(name, |(parent, _)| parent)
}

pub(super) fn collection(definition: &Definition, survey: Option<Survey>) -> v1::Collection {
    v1::Collection {
        name: format!("collections/{}", definition.name),
        schema: definition.schema.clone(),
        indexes: definition.indexes.iter().map(|index| index.path.clone()).collect(),
        index_states: definition.indexes.iter().map(index_state).collect(),
        rules: Some(definition.rules.clone()),
        create_time: Some(timestamp(definition.created_at)),
        update_time: Some(timestamp(definition.updated_at)),
        etag: etag(definition.etag),
        schema_check: survey.map(|Survey { checked, misfits, done, .. }| v1::SchemaCheck {
            checked: i64::try_from(checked).unwrap_or(i64::MAX),
            misfits: i64::try_from(misfits).unwrap_or(i64::MAX),
            done,
        }),
    }
}

fn index_state(index: &Index) -> v1::IndexState {
    let looked_at = match index.state {
        IndexState::Building(looked_at) => i64::try_from(looked_at).unwrap_or(i64::MAX),
        IndexState::Ready => 0,
    };
    v1::IndexState { path: index.path.clone(), ready: index.state == IndexState::Ready, looked_at }
}

pub(super) fn count(count: Count) -> v1::RecordCount {
    v1::RecordCount { records: i64::try_from(count.records).unwrap_or(i64::MAX), more: count.more }
}

pub(super) fn account(account: &Account) -> v1::Account {
    v1::Account {
        name: format!("accounts/{}", account.id),
        login: account.login.clone(),
        roles: account.roles.clone(),
        disabled: account.disabled,
        create_time: Some(timestamp(account.created_at)),
        update_time: Some(timestamp(account.updated_at)),
    }
}

pub(super) fn session(account: Uuid, id: Uuid, session: Session) -> v1::Session {
    v1::Session {
        name: format!("accounts/{account}/sessions/{id}"),
        create_time: Some(timestamp(session.created_at)),
        expire_time: Some(timestamp(session.expires_at)),
        user_agent: session.user_agent,
    }
}

pub(super) fn node(node: Node) -> v1::CassandraNode {
    v1::CassandraNode { address: node.address, datacenter: node.datacenter, up: node.up }
}

/// The mutation that an entity tag of ours names.
pub(super) fn mutation(etag: &str) -> Option<Uuid> {
    Condition::parse(etag).demanded()
}

/// Microseconds since the epoch; what is beyond microseconds is cut off.
pub(super) fn micros(time: Option<Timestamp>) -> Option<i64> {
    let Timestamp { seconds, nanos } = time.filter(|time| (0..1_000_000_000).contains(&time.nanos))?;
    seconds.checked_mul(1_000_000)?.checked_add(i64::from(nanos) / 1000)
}

fn etag(mutation: Uuid) -> String {
    format!("\"{}\"", mutation.simple())
}

pub(super) fn timestamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or_default();
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
