//! Heads: where Paxos decides what a record is. Written by lightweight transactions alone, every column each time.

use skep_proto::{Code, Error};
use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome},
    entries::fingerprint,
    errors::unavailable,
    known::Collection,
    rows::{Stored, version},
};
use crate::store::{HISTORY, Key, Result, Row, SOFT_ROW_MICROS, Swap, codec};

/// How often one write is sent again after nothing was known of it, or its condition was named anew.
const ATTEMPTS: u32 = 6;
#[allow(clippy::cast_possible_truncation, reason = "a day in seconds")]
const SOFT_SECONDS: i32 = (SOFT_ROW_MICROS / 1_000_000) as i32;

impl Database {
    /// The head at QUORUM.
    pub(super) async fn head(&self, key: Key<'_>) -> Result<Option<Row>> {
        let values = (key.collection, key.id);
        self.row::<Stored>(&self.statements.head_read, values).await?.map(Stored::row).transpose()
    }

    /// The head after whatever was under way is decided.
    async fn settled(&self, key: Key<'_>) -> Result<Option<Row>> {
        let values = (key.collection, key.id);
        self.settle::<Stored>(&self.statements.head_settle, values).await?.map(Stored::row).transpose()
    }

    /// Decides on the head, then makes the entry follow; whatever head is found instead, its entry follows first.
    pub(super) async fn decide(
        &self,
        key: Key<'_>,
        collection: &Collection,
        before: Option<&Row>,
        row: &Row,
    ) -> Result<Swap<Row>> {
        let expected = before.map(Row::mutation);
        // A fresh record has no head until it is written again.
        let mut condition = expected.filter(|mutation| Uuid::try_parse(key.id).ok() != Some(*mutation));
        let mut unknown = false;
        for attempt in 0..ATTEMPTS {
            if unknown {
                step_aside(attempt).await;
            }
            let outcome = self.send(key, condition, row).await?;
            unknown |= outcome == Outcome::Unknown;
            let head = match outcome {
                Outcome::Applied => {
                    self.copy(key, collection, before, row).await?;
                    return Ok(Swap::Applied);
                }
                Outcome::Refused => self.head(key).await?,
                Outcome::Unknown => self.settled(key).await?,
            };
            let newest = head.as_ref().map(Row::mutation);
            if newest == condition {
                // Not made, and settled: sent again. (A refusal by what has expired meanwhile ends here too.)
                continue;
            }
            let Some(head) = head else { return Ok(Swap::Stale(None)) };
            if unknown && !tells(&head, row.mutation(), condition) {
                let why = "the record changed too often since to tell whether this write was made: read the record";
                return Err(Error::new(Code::OutcomeUnknown, why));
            }
            if newest == expected {
                // The id was chosen like one of ours, and its record has a head.
                condition = expected;
                continue;
            }
            self.copy(key, collection, None, &head).await?;
            return Ok(Swap::Stale(Some(head)));
        }
        Err(unavailable())
    }

    async fn send(&self, key: Key<'_>, condition: Option<Uuid>, row: &Row) -> Result<Outcome> {
        let values = (
            if row.is_alive() { 0 } else { SOFT_SECONDS },
            row.mutation(),
            row.created_at,
            &row.data,
            row.owner.as_deref().unwrap_or_default(),
            row.updated_at,
            version(row),
            codec::encode_history(&row.history),
            fingerprint(row),
            key.collection,
            key.id,
            condition,
        );
        self.conditional(&self.statements.head_swap, values).await
    }
}

/// Whether the head's history tells if `mutation` was made where `condition` was the newest.
fn tells(head: &Row, mutation: Uuid, condition: Option<Uuid>) -> bool {
    head.effect_of(mutation).is_some()
        || match condition {
            Some(before) => head.effect_of(before).is_some(),
            None => head.history.len() < HISTORY,
        }
}
