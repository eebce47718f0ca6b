//! What a gate remembers of sessions, and the counts of requests.

mod circuit;
mod local;
mod redis;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

pub(super) use self::local::Local;
pub(crate) use self::redis::Redis;
use super::Entry;
use crate::limit::{Count, Rate, Subject};

/// Which session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) account: Uuid,
    pub(crate) session: Uuid,
}

/// A time in microseconds, by the clock of the memory that told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Of this process.
    Local(i64),
    /// Of Redis.
    Redis(i64),
}

/// What is remembered.
#[derive(Debug)]
pub(super) struct Look {
    /// The entry, and how long ago storage confirmed it.
    pub(super) entry: Option<(Entry, Duration)>,
    pub(super) now: Moment,
    /// The request, counted against the account: only if there is an entry, since a token can claim any account.
    pub(super) count: Option<Count>,
}

/// A memory never fails: one that is elsewhere has one here to go on with.
#[async_trait]
pub(super) trait Memory: Send + Sync {
    /// Looks an entry up.
    async fn look(&self, key: Key, rate: Option<Rate>) -> Look;

    /// Keeps what storage said after `confirmed`, which a [`look`](Self::look) told, unless something newer is kept; and
    /// counts the request.
    async fn keep(&self, key: Key, entry: &Entry, confirmed: Moment, rate: Option<Rate>) -> Option<Count>;

    /// Counts a request.
    async fn count(&self, subject: &Subject, rate: Rate) -> Count;

    /// Deletes the entry of a session, or all of an account.
    async fn forget(&self, account: Uuid, session: Option<Uuid>);
}
