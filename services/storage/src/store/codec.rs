//! Values as stores keep them: Protocol Buffers, so that a later version adds fields and reads old files.

mod accounts;

use bytes::Bytes;
use prost::Message;
use skep_proto::{Code, Error, v1::Rules};
use uuid::Uuid;

pub(super) use self::accounts::{decode_account, decode_session, encode_account, encode_session};
use super::{Applied, Definition, Effect, Index, IndexState, Note, Position, Result, Row, Survey};

const APPLIED: usize = 17;

#[derive(Message)]
struct StoredRow {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
    #[prost(string, optional, tag = "2")]
    owner: Option<String>,
    #[prost(int64, tag = "3")]
    created_at: i64,
    #[prost(int64, tag = "4")]
    updated_at: i64,
    #[prost(uint64, tag = "5")]
    version: u64,
    /// By [`encode_history`].
    #[prost(bytes = "vec", tag = "6")]
    history: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "7")]
    fingerprint: Option<Vec<u8>>,
}

pub(super) fn encode_row(row: Row) -> Vec<u8> {
    let history = encode_history(&row.history);
    StoredRow {
        data: row.data,
        owner: row.owner,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
        history,
        fingerprint: row.fingerprint.map(Vec::from),
    }
    .encode_to_vec()
}

pub(super) fn decode_row(bytes: &[u8]) -> Result<Row> {
    let stored = StoredRow::decode(bytes).map_err(damaged)?;
    Ok(Row {
        data: stored.data,
        owner: stored.owner,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        version: stored.version,
        history: decode_history(&stored.history)?,
        fingerprint: stored.fingerprint.as_deref().map(decode_fingerprint).transpose()?,
    })
}

/// 17 bytes a mutation, newest first: its id and its effect.
pub(super) fn encode_history(history: &[Applied]) -> Vec<u8> {
    history.iter().flat_map(|a| a.mutation.into_bytes().into_iter().chain([a.effect as u8])).collect()
}

pub(super) fn decode_history(bytes: &[u8]) -> Result<Vec<Applied>> {
    let history: Option<Vec<_>> = bytes.chunks(APPLIED).map(applied).collect();
    history.filter(|history| !history.is_empty()).ok_or_else(|| damaged("a history of another form"))
}

pub(super) fn decode_fingerprint(bytes: &[u8]) -> Result<[u8; 16]> {
    bytes.try_into().map_err(|_| damaged("a fingerprint of another length"))
}

fn applied(bytes: &[u8]) -> Option<Applied> {
    let (effect, mutation) = bytes.split_last()?;
    let effect =
        [Effect::Created, Effect::Updated, Effect::Deleted].into_iter().find(|known| *known as u8 == *effect)?;
    Some(Applied { mutation: Uuid::from_slice(mutation).ok()?, effect })
}

#[derive(Message)]
struct StoredNote {
    #[prost(bytes = "vec", tag = "1")]
    fingerprint: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "2")]
    seen: Option<Vec<u8>>,
    #[prost(int64, tag = "3")]
    expires_at: i64,
}

pub(super) fn encode_note(note: &Note) -> Vec<u8> {
    let seen = note.seen.map(|seen| seen.into_bytes().to_vec());
    StoredNote { fingerprint: note.fingerprint.to_vec(), seen, expires_at: note.expires_at }.encode_to_vec()
}

pub(super) fn decode_note(bytes: &[u8]) -> Result<Note> {
    let stored = StoredNote::decode(bytes).map_err(damaged)?;
    Ok(Note {
        fingerprint: decode_fingerprint(&stored.fingerprint)?,
        seen: stored.seen.map(|seen| Uuid::from_slice(&seen)).transpose().map_err(damaged)?,
        expires_at: stored.expires_at,
    })
}

#[derive(Message)]
struct StoredDefinition {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    uid: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    etag: Vec<u8>,
    #[prost(bytes = "bytes", tag = "4")]
    schema: Bytes,
    /// Of before indexes were built.
    #[prost(string, repeated, tag = "5")]
    paths: Vec<String>,
    #[prost(message, optional, tag = "6")]
    rules: Option<Rules>,
    #[prost(int64, tag = "7")]
    created_at: i64,
    #[prost(int64, tag = "8")]
    updated_at: i64,
    #[prost(message, repeated, tag = "9")]
    indexes: Vec<StoredIndex>,
    #[prost(bytes = "vec", optional, tag = "10")]
    survey: Option<Vec<u8>>,
}

#[derive(Message)]
struct StoredIndex {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    /// Records looked at while it is built; absent when it is ready.
    #[prost(uint64, optional, tag = "3")]
    building: Option<u64>,
}

impl From<Index> for StoredIndex {
    fn from(index: Index) -> Self {
        let building = match index.state {
            IndexState::Building(looked) => Some(looked),
            IndexState::Ready => None,
        };
        Self { path: index.path, id: index.id.into_bytes().to_vec(), building }
    }
}

impl StoredIndex {
    fn index(self) -> Result<Index> {
        let state = self.building.map_or(IndexState::Ready, IndexState::Building);
        Ok(Index { path: self.path, id: Uuid::from_slice(&self.id).map_err(damaged)?, state })
    }
}

pub(super) fn encode_definition(definition: Definition) -> Vec<u8> {
    StoredDefinition {
        name: definition.name,
        uid: definition.uid.into_bytes().to_vec(),
        etag: definition.etag.into_bytes().to_vec(),
        schema: definition.schema,
        survey: definition.survey.map(|id| id.into_bytes().to_vec()),
        paths: Vec::new(),
        indexes: definition.indexes.into_iter().map(StoredIndex::from).collect(),
        rules: Some(definition.rules),
        created_at: definition.created_at,
        updated_at: definition.updated_at,
    }
    .encode_to_vec()
}

pub(super) fn decode_definition(bytes: &[u8]) -> Result<Definition> {
    let stored = StoredDefinition::decode(bytes).map_err(damaged)?;
    let unbuilt =
        stored.paths.into_iter().map(|path| Ok(Index { path, id: Uuid::nil(), state: IndexState::Building(0) }));
    Ok(Definition {
        name: stored.name,
        uid: Uuid::from_slice(&stored.uid).map_err(damaged)?,
        etag: Uuid::from_slice(&stored.etag).map_err(damaged)?,
        schema: stored.schema,
        survey: stored.survey.map(|id| Uuid::from_slice(&id)).transpose().map_err(damaged)?,
        indexes: stored.indexes.into_iter().map(StoredIndex::index).chain(unbuilt).collect::<Result<_>>()?,
        rules: stored.rules.unwrap_or_default(),
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

#[derive(Message)]
struct StoredSurvey {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    checked: u64,
    #[prost(uint64, tag = "3")]
    misfits: u64,
    /// Of the record that was looked at last, whose creation stands beside.
    #[prost(string, optional, tag = "4")]
    after: Option<String>,
    #[prost(int64, tag = "5")]
    created_at: i64,
    #[prost(bool, tag = "6")]
    done: bool,
}

/// The same bytes for the same survey.
pub(super) fn encode_survey(survey: &Survey) -> Vec<u8> {
    StoredSurvey {
        id: survey.id.into_bytes().to_vec(),
        checked: survey.checked,
        misfits: survey.misfits,
        after: survey.after.as_ref().map(|after| after.id.clone()),
        created_at: survey.after.as_ref().map_or(0, |after| after.created_at),
        done: survey.done,
    }
    .encode_to_vec()
}

pub(super) fn decode_survey(bytes: &[u8]) -> Result<Survey> {
    let StoredSurvey { id, checked, misfits, after, created_at, done } =
        StoredSurvey::decode(bytes).map_err(damaged)?;
    let after = after.map(|id| Position { created_at, id, ..Position::default() });
    Ok(Survey { id: Uuid::from_slice(&id).map_err(damaged)?, checked, misfits, after, done })
}

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, format!("a stored value cannot be read: {why}"))
}
