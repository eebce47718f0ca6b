//! Moving a collection to its next regime, before its partitions become too large or its windows too many.

use std::time::Duration;

use skep_proto::mutation;
use uuid::Uuid;

use super::{
    database::{Database, Outcome},
    definitions::REALM,
    filling::Observed,
    known::Collection,
};
use crate::store::Result;

/// How often it is looked whether a window is full.
const EVERY: Duration = Duration::from_secs(5);
/// For how long a turn lasts, in seconds: who stops in the middle of it divides nothing when it goes on.
const TURN_SECONDS: i32 = 10;
/// More processes than write to a collection; how many did is asked only when that many would matter.
const PROCESSES: u64 = 16;

impl Database {
    /// Looks after what this process writes to, for as long as it runs.
    pub(super) async fn keep_divided(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            for (uid, observed) in self.filling.observed() {
                let Some(name) = self.known.name(uid) else {
                    self.filling.forget(uid);
                    continue;
                };
                let Some(collection) = self.known.get(&name) else { continue };
                if let Err(error) = self.divide(&collection, &observed).await {
                    tracing::debug!(error.message = error.detail, "a collection was not divided anew");
                }
            }
        }
    }

    /// Appends the next regime if what all processes together do demands it.
    async fn divide(&self, collection: &Collection, observed: &Observed) -> Result<()> {
        let (regimes, uid) = (&collection.regimes, collection.definition.uid);
        let due = |processes| regimes.next(mutation::now(), &observed.times(processes));
        let watched = observed.watched.1 >= regimes.patience();
        if due(PROCESSES).is_none() && !watched {
            return Ok(());
        }
        // Each process that writes to a window has noted it.
        let windows = self.windows(uid, i64::MAX, true).await?;
        let processes = windows.first().map_or(1, |window| window.notes().max(1) as u64);
        if watched {
            self.filling.watch_anew(uid);
        }
        if due(processes).is_none() {
            return Ok(());
        }
        let (name, etag) = (&collection.definition.name, collection.definition.etag);
        let _alone = self.known.turn().await;
        let turn = Uuid::now_v7();
        let values = (TURN_SECONDS, turn, REALM, name, etag, &regimes.0);
        if self.conditional(&self.statements.definition_turn, values).await? != Outcome::Applied {
            self.known.forget(name);
            return Ok(());
        }
        // When it begins is reckoned within the turn.
        let Some(next) = due(processes) else { return Ok(()) };
        let divided: Vec<_> = regimes.0.iter().copied().chain([next]).collect();
        let values = (divided, REALM, name, etag, &regimes.0, turn);
        let outcome = self.conditional(&self.statements.definition_divide, values).await?;
        // Refused: somebody else did it, or changed the definition. Unknown: looked at again as it will be read.
        self.known.forget(name);
        if outcome == Outcome::Applied {
            let (from, length, shards) = next;
            tracing::info!(collection = name, from, length, shards, "collection divided anew");
        }
        Ok(())
    }
}
