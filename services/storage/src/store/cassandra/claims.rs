//! Who has claimed a name: one row each, written by lightweight transactions alone.

use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome},
    errors::unavailable,
};
use crate::store::{Result, Swap};

const ATTEMPTS: u32 = 6;

type Holder = (Option<Uuid>,);

impl Database {
    pub(super) async fn claimant(&self, name: Uuid) -> Result<Option<Uuid>> {
        let found = self.row::<Holder>(&self.statements.claim_read, (name,)).await?;
        Ok(found.and_then(|(account,)| account))
    }

    pub(super) async fn write_claim(&self, name: Uuid, from: Option<Uuid>, to: Option<Uuid>) -> Result<Swap<Uuid>> {
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            if self.conditional(&self.statements.claim_swap, (to, name, from)).await? == Outcome::Applied {
                return Ok(Swap::Applied);
            }
            let found = self.settle::<Holder>(&self.statements.claim_settle, (name,)).await?;
            let holder = found.and_then(|(account,)| account);
            if holder == to {
                return Ok(Swap::Applied);
            }
            if holder != from {
                return Ok(Swap::Stale(holder));
            }
        }
        Err(unavailable())
    }

    /// Claims in the order of the ring.
    pub(super) async fn claims(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<(Uuid, Uuid)>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        match after {
            Some(after) => self.rows(&self.statements.claim_slice, (after, limit)).await,
            None => self.rows(&self.statements.claim_first, (limit,)).await,
        }
    }
}
