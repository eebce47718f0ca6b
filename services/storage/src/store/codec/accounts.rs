use prost::Message;
use uuid::Uuid;

use super::damaged;
use crate::store::{Account, Result, Session, Stage};

#[derive(Message)]
#[prost(skip_debug)]
struct StoredAccount {
    #[prost(string, tag = "1")]
    login: String,
    #[prost(string, repeated, tag = "2")]
    roles: Vec<String>,
    #[prost(bool, tag = "3")]
    disabled: bool,
    #[prost(bool, tag = "4")]
    deleted: bool,
    #[prost(string, tag = "5")]
    password: String,
    #[prost(bytes = "vec", tag = "6")]
    epoch: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "7")]
    spared: Option<Vec<u8>>,
    #[prost(int64, tag = "8")]
    created_at: i64,
    #[prost(int64, tag = "9")]
    updated_at: i64,
    /// 16 bytes a mutation, newest first.
    #[prost(bytes = "vec", tag = "10")]
    history: Vec<u8>,
}

pub(in crate::store) fn encode_account(account: &Account) -> Vec<u8> {
    StoredAccount {
        login: account.login.clone(),
        roles: account.roles.clone(),
        disabled: account.disabled,
        deleted: account.deleted,
        password: account.password.expose().to_owned(),
        epoch: account.epoch.into_bytes().to_vec(),
        spared: account.spared.map(|spared| spared.into_bytes().to_vec()),
        created_at: account.created_at,
        updated_at: account.updated_at,
        history: account.history.iter().flat_map(|mutation| mutation.into_bytes()).collect(),
    }
    .encode_to_vec()
}

pub(in crate::store) fn decode_account(id: Uuid, bytes: &[u8]) -> Result<Account> {
    let stored = StoredAccount::decode(bytes).map_err(damaged)?;
    let history: std::result::Result<Vec<_>, _> = stored.history.chunks(16).map(Uuid::from_slice).collect();
    let history = history.map_err(damaged)?;
    if history.is_empty() {
        return Err(damaged("a history of another form"));
    }
    Ok(Account {
        id,
        login: stored.login,
        roles: stored.roles,
        disabled: stored.disabled,
        deleted: stored.deleted,
        password: stored.password.into(),
        epoch: Uuid::from_slice(&stored.epoch).map_err(damaged)?,
        spared: stored.spared.map(|spared| Uuid::from_slice(&spared)).transpose().map_err(damaged)?,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
        history,
    })
}

#[derive(Message)]
struct StoredSession {
    #[prost(uint32, tag = "1")]
    stage: u32,
    #[prost(bytes = "vec", tag = "2")]
    epoch: Vec<u8>,
    #[prost(int64, tag = "3")]
    created_at: i64,
    #[prost(int64, tag = "4")]
    expires_at: i64,
    #[prost(string, tag = "5")]
    user_agent: String,
}

pub(in crate::store) fn encode_session(session: &Session) -> Vec<u8> {
    StoredSession {
        stage: session.stage as u32,
        epoch: session.epoch.into_bytes().to_vec(),
        created_at: session.created_at,
        expires_at: session.expires_at,
        user_agent: session.user_agent.clone(),
    }
    .encode_to_vec()
}

pub(in crate::store) fn decode_session(bytes: &[u8]) -> Result<Session> {
    let stored = StoredSession::decode(bytes).map_err(damaged)?;
    let stage = [Stage::Begun, Stage::Extended, Stage::Over].into_iter().find(|known| *known as u32 == stored.stage);
    Ok(Session {
        stage: stage.ok_or_else(|| damaged("a session of another form"))?,
        epoch: Uuid::from_slice(&stored.epoch).map_err(damaged)?,
        created_at: stored.created_at,
        expires_at: stored.expires_at,
        user_agent: stored.user_agent,
    })
}
