//! What is done in the background: indexes are built. And clearing away: records of dropped collections, soft rows and notes whose day is over, deleted accounts and sessions
//! that have expired.

use redb::{Error, ReadableTable};

use super::{
    codec, keys,
    tables::{Outcome, Tables},
};
use crate::store::SOFT_ROW_MICROS;

/// Entries that one step removes at most, so that no commit is long.
const STEP: usize = 1000;

/// One step; `true` if there is more to do at `now`.
pub(super) fn step(tables: &mut Tables<'_>, now: i64) -> Outcome<bool> {
    let dropped = tables.dropped.first()?.map(|(uid, _)| uid.value().to_vec());
    if let Some(uid) = dropped {
        return clear_collection(tables, &uid).map(Ok);
    }
    match tables.build()? {
        Ok(false) => Ok(Ok(tables.unindex()? || clear_expired(tables, now)?)),
        built => Ok(built),
    }
}

fn clear_collection(tables: &mut Tables<'_>, uid: &[u8]) -> Result<bool, Error> {
    let end = [uid, &[0xff; 130][..]].concat();
    for table in [
        &mut tables.records,
        &mut tables.places,
        &mut tables.owned,
        &mut tables.updated,
        &mut tables.indexed,
        &mut tables.building,
        &mut tables.unindexed,
        &mut tables.surveys,
        &mut tables.graves,
    ] {
        let mut removed = 0;
        while removed < STEP {
            let first = table.range(uid..&end[..])?.next().transpose()?.map(|(key, _)| key.value().to_vec());
            let Some(key) = first else { break };
            table.remove(&key[..])?;
            removed += 1;
        }
        if removed == STEP {
            return Ok(true);
        }
    }
    tables.dropped.remove(uid)?;
    Ok(true)
}

fn clear_expired(tables: &mut Tables<'_>, now: i64) -> Result<bool, Error> {
    for _ in 0..STEP {
        let Some((key, kind)) =
            tables.expiries.first()?.map(|(key, kind)| (key.value().to_vec(), kind.value().to_vec()))
        else {
            return Ok(false);
        };
        let (expires_at, target) = keys::expiring(&key);
        if expires_at > now {
            return Ok(false);
        }
        match &kind[..] {
            b"note" => drop(tables.notes.remove(target)?),
            b"account" => drop(tables.accounts.remove(target)?),
            b"session" => tables.clear_session(target, now)?,
            _ if grave_expired(tables, target, now)? => drop(tables.graves.remove(target)?),
            _ => {}
        }
        tables.expiries.remove(&key[..])?;
    }
    Ok(true)
}

/// The record may have been made and deleted again since the entry was written.
fn grave_expired(tables: &Tables<'_>, key: &[u8], now: i64) -> Result<bool, Error> {
    let row = tables.graves.get(key)?.and_then(|row| codec::decode_row(row.value()).ok());
    Ok(row.is_some_and(|row| row.updated_at + SOFT_ROW_MICROS <= now))
}
