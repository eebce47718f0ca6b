//! Accounts, the names they have claimed, and their sessions.

use std::ops::Bound;

use async_trait::async_trait;
use redb::ReadableTable;
use uuid::Uuid;

use super::{
    Embedded, codec, keys,
    tables::{ACCOUNTS, NAMES, Outcome, SESSIONS, Tables},
};
use crate::store::{Account, AccountStore, DELETED_ACCOUNT_MICROS, Result, Session, Swap};

#[async_trait]
impl AccountStore for Embedded {
    async fn account(&self, id: Uuid) -> Result<Option<Account>> {
        self.file.look(|transaction| find(&transaction.open_table(ACCOUNTS)?, id))
    }

    async fn swap_account(&self, expected: Option<Uuid>, account: Account) -> Result<Swap<Account>> {
        self.writer.write(move |tables| tables.swap_account(expected, &account)).await
    }

    async fn claimant(&self, name: Uuid) -> Result<Option<Uuid>> {
        self.file.look(|transaction| holder(&transaction.open_table(NAMES)?, name))
    }

    async fn claim(&self, name: Uuid, from: Option<Uuid>, to: Option<Uuid>) -> Result<Swap<Uuid>> {
        self.writer.write(move |tables| tables.claim(name, from, to)).await
    }

    async fn claims(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Uuid)>> {
        self.file.look(|transaction| {
            let names = transaction.open_table(NAMES)?;
            let start = after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(&after.as_bytes()[..]));
            let range = names.range::<&[u8]>((start, Bound::Unbounded))?.take(limit);
            let claim = |entry: redb::Result<(redb::AccessGuard<'_, _>, redb::AccessGuard<'_, _>), _>| {
                entry.map(|(name, account)| (keys::uuid(name.value()), keys::uuid(account.value())))
            };
            Ok(Ok(range.map(claim).collect::<std::result::Result<_, _>>()?))
        })
    }

    async fn session(&self, account: Uuid, id: Uuid) -> Result<Option<(Account, Session)>> {
        self.file.look(|transaction| {
            let found = find(&transaction.open_table(ACCOUNTS)?, account)?;
            let session = transaction.open_table(SESSIONS)?.get(&keys::pair(account, id)[..])?;
            let session = session.map(|session| codec::decode_session(session.value())).transpose();
            Ok(found.and_then(|found| Ok(found.zip(session?))))
        })
    }

    async fn sessions(&self, account: Uuid, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Session)>> {
        let start = after.map_or_else(|| account.as_bytes().to_vec(), |after| keys::pair(account, after).to_vec());
        let end = keys::pair(account, Uuid::max());
        self.file.look(|transaction| {
            let sessions = transaction.open_table(SESSIONS)?;
            let range = sessions.range::<&[u8]>((Bound::Excluded(&start[..]), Bound::Included(&end[..])))?;
            let mut found = Vec::new();
            for entry in range.take(limit) {
                let (key, session) = entry?;
                match codec::decode_session(session.value()) {
                    Ok(session) => found.push((keys::uuid(&key.value()[16..]), session)),
                    Err(damaged) => return Ok(Err(damaged)),
                }
            }
            Ok(Ok(found))
        })
    }

    async fn write_session(&self, account: Uuid, id: Uuid, session: Session) -> Result<()> {
        self.writer.write(move |tables| tables.write_session(account, id, &session)).await
    }
}

impl Tables<'_> {
    fn swap_account(&mut self, expected: Option<Uuid>, account: &Account) -> Outcome<Swap<Account>> {
        let stored = match find(&self.accounts, account.id)? {
            Ok(stored) => stored,
            Err(damaged) => return Ok(Err(damaged)),
        };
        if stored.as_ref().map(Account::mutation) != expected {
            return Ok(Ok(Swap::Stale(stored)));
        }
        let key = account.id.as_bytes();
        self.accounts.insert(&key[..], &codec::encode_account(account)[..])?;
        if account.deleted {
            let expiry = keys::expiry(account.updated_at + DELETED_ACCOUNT_MICROS, key);
            self.expiries.insert(&expiry[..], &b"account"[..])?;
        }
        Ok(Ok(Swap::Applied))
    }

    fn claim(&mut self, name: Uuid, from: Option<Uuid>, to: Option<Uuid>) -> Outcome<Swap<Uuid>> {
        let stored = match holder(&self.names, name)? {
            Ok(stored) => stored,
            Err(damaged) => return Ok(Err(damaged)),
        };
        if stored != from {
            return Ok(Ok(Swap::Stale(stored)));
        }
        match to {
            Some(to) => drop(self.names.insert(&name.as_bytes()[..], &to.as_bytes()[..])?),
            None => drop(self.names.remove(&name.as_bytes()[..])?),
        }
        Ok(Ok(Swap::Applied))
    }

    fn write_session(&mut self, account: Uuid, id: Uuid, session: &Session) -> Outcome<()> {
        let key = keys::pair(account, id);
        let stored = self.sessions.get(&key[..])?.map(|stored| codec::decode_session(stored.value())).transpose();
        let further = |stored: &Session| (stored.stage, stored.expires_at) >= (session.stage, session.expires_at);
        match stored {
            Err(damaged) => return Ok(Err(damaged)),
            Ok(stored) if stored.as_ref().is_some_and(further) => return Ok(Ok(())),
            Ok(_) => {}
        }
        self.sessions.insert(&key[..], &codec::encode_session(session)[..])?;
        self.expiries.insert(&keys::expiry(session.expires_at, &key)[..], &b"session"[..])?;
        Ok(Ok(()))
    }

    /// Forgets a session unless it was extended since, or ended.
    pub(super) fn clear_session(&mut self, key: &[u8], now: i64) -> std::result::Result<(), redb::Error> {
        let session = self.sessions.get(key)?.and_then(|session| codec::decode_session(session.value()).ok());
        if session.is_some_and(|session| session.expires_at <= now) {
            self.sessions.remove(key)?;
        }
        Ok(())
    }
}

fn find<T: ReadableTable<&'static [u8], &'static [u8]>>(accounts: &T, id: Uuid) -> Outcome<Option<Account>> {
    let stored = accounts.get(&id.as_bytes()[..])?;
    Ok(stored.map(|stored| codec::decode_account(id, stored.value())).transpose())
}

fn holder<T: ReadableTable<&'static [u8], &'static [u8]>>(names: &T, name: Uuid) -> Outcome<Option<Uuid>> {
    Ok(Ok(names.get(&name.as_bytes()[..])?.map(|account| keys::uuid(account.value()))))
}
