//! Accounts and their sessions: what concerns one account is one partition, so that one read tells whether a session is
//! in force.
//!
//! The account is the partition's static columns, written by lightweight transactions alone, both columns each time. A
//! session is a row for each stage that it has reached, written plainly. No cell is ever written both ways, so that they
//! share a partition takes nothing from either: Paxos decides on the statics, and a plain write neither waits for it
//! nor is judged by it. Nothing here is ever deleted but by its TTL, and what hides something outlives it, so that a node
//! which missed a write brings nothing back.

use async_trait::async_trait;
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{
    Cassandra,
    contention::step_aside,
    database::{Database, Outcome},
    errors::unavailable,
};
use crate::store::{Account, AccountStore, DELETED_ACCOUNT_MICROS, MARGIN, MAX_LIFETIME, Result, Session, Swap, codec};

const ATTEMPTS: u32 = 6;
/// Rows of a session at most.
const STAGES: usize = 3;

#[async_trait]
impl AccountStore for Cassandra {
    async fn account(&self, id: Uuid) -> Result<Option<Account>> {
        let database = self.database()?;
        decode(database.row(&database.statements.account_read, (id,)).await?)
    }

    async fn swap_account(&self, expected: Option<Uuid>, account: Account) -> Result<Swap<Account>> {
        self.database()?.write_account(expected, &account).await
    }

    async fn claimant(&self, name: Uuid) -> Result<Option<Uuid>> {
        self.database()?.claimant(name).await
    }

    async fn claim(&self, name: Uuid, from: Option<Uuid>, to: Option<Uuid>) -> Result<Swap<Uuid>> {
        self.database()?.write_claim(name, from, to).await
    }

    async fn claims(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Uuid)>> {
        self.database()?.claims(after, limit).await
    }

    async fn session(&self, account: Uuid, id: Uuid) -> Result<Option<(Account, Session)>> {
        let database = self.database()?;
        // The furthest stage comes first.
        let found: Option<(Option<Vec<u8>>, Vec<u8>)> =
            database.row(&database.statements.session_read, (account, id)).await?;
        let Some((Some(details), content)) = found else { return Ok(None) };
        Ok(Some((codec::decode_account(account, &details)?, codec::decode_session(&content)?)))
    }

    async fn sessions(&self, account: Uuid, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Session)>> {
        let database = self.database()?;
        // So many rows that the first stages of the last session asked for are among them.
        let rows = i32::try_from(limit.saturating_mul(STAGES)).unwrap_or(i32::MAX);
        let values = (account, after.unwrap_or_default(), rows);
        let mut found: Vec<(Uuid, Vec<u8>)> = database.rows(&database.statements.session_slice, values).await?;
        found.dedup_by_key(|(id, _)| *id);
        found.truncate(limit);
        found.into_iter().map(|(id, content)| Ok((id, codec::decode_session(&content)?))).collect()
    }

    async fn write_session(&self, account: Uuid, id: Uuid, session: Session) -> Result<()> {
        let database = self.database()?;
        let stage = i8::try_from(session.stage as u8).unwrap_or(i8::MAX);
        let life = seconds(session.expires_at - mutation::now()).max(0) + 1;
        let values = (account, id, stage, codec::encode_session(&session), stamp(&session), life);
        database.run(&database.statements.session_write, values).await
    }
}

/// A partition's key and its statics, which it may not have.
type Stored = (Uuid, Option<Vec<u8>>);

fn decode(stored: Option<Stored>) -> Result<Option<Account>> {
    let Some((id, Some(details))) = stored else { return Ok(None) };
    codec::decode_account(id, &details).map(Some)
}

impl Database {
    async fn write_account(&self, expected: Option<Uuid>, account: &Account) -> Result<Swap<Account>> {
        let (id, mutation) = (account.id, account.mutation());
        let life = if account.deleted { seconds(DELETED_ACCOUNT_MICROS) } else { 0 };
        let values = (life, mutation, codec::encode_account(account), id, expected);
        let mut unknown = false;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let found: Option<Stored> = match self.conditional(&self.statements.account_swap, &values).await? {
                Outcome::Applied => return Ok(Swap::Applied),
                Outcome::Refused => self.row(&self.statements.account_read, (id,)).await?,
                Outcome::Unknown => {
                    unknown = true;
                    self.settle(&self.statements.account_settle, (id,)).await?
                }
            };
            let stored = decode(found)?;
            if stored.as_ref().map(Account::mutation) == expected {
                // Not made, and settled: sent again.
                continue;
            }
            if let Some(stored) = stored.as_ref().filter(|_| unknown) {
                if stored.remembers(mutation) {
                    return Ok(Swap::Applied);
                }
                if expected.is_some_and(|before| !stored.remembers(before)) {
                    let why = "the account changed too often since to tell whether this was done: read the account";
                    return Err(Error::new(Code::OutcomeUnknown, why));
                }
            }
            return Ok(Swap::Stale(stored));
        }
        Err(unavailable())
    }
}

/// The timestamp of a session's row: of two writes of one stage the later expiry stands, whatever the clocks say. It
/// lies behind every clock's now, so that a person who deletes a row by hand does.
fn stamp(session: &Session) -> i64 {
    session.expires_at - MAX_LIFETIME - 2 * MARGIN
}

fn seconds(micros: i64) -> i32 {
    i32::try_from(micros / 1_000_000).unwrap_or(i32::MAX)
}
