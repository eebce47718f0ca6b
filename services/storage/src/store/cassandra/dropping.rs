//! Dropping a collection, in two phases unless its records are to go with it.

use std::time::Duration;

use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome},
    definitions::REALM,
    errors::unavailable,
    known::{ACKNOWLEDGED, Collection},
};
use crate::store::{Access, Bounds, Definition, Dropped, Result, Row};

const ATTEMPTS: u32 = 6;
/// Beyond [`ACKNOWLEDGED`], for the answer that is on its way.
const MARGIN: Duration = Duration::from_millis(300);
/// A drop that has not ended by then has lost its replica, and the collection is opened again: in microseconds, beyond
/// the minute by which clocks may be apart.
const ABANDONED: i64 = 90 * 1_000_000;
const ANY: Bounds = Bounds { records: 1, bytes: 1 };

impl Database {
    pub(super) async fn drop_collection(&self, definition: &Definition, force: bool) -> Result<Dropped> {
        let Some(collection) = self.settled_collection(&definition.name).await?.filter(|stored| is(stored, definition))
        else {
            return Ok(Dropped::Stale);
        };
        if force {
            return self.remove(&collection, collection.closing).await;
        }
        if !self.is_empty(&collection).await? {
            return Ok(Dropped::NotEmpty);
        }
        if collection.closing.is_some() {
            self.reopen_if_abandoned(&collection).await?;
            return Err(closing());
        }
        let token = mutation::new();
        if !self.close(definition, None, Some(token)).await? {
            return Ok(Dropped::Stale);
        }
        // No write is acknowledged any more by who does not know that it is closing; what was, is seen.
        tokio::time::sleep(ACKNOWLEDGED + MARGIN).await;
        if self.is_empty(&collection).await? {
            return self.remove(&collection, Some(token)).await;
        }
        self.close(definition, Some(token), None).await?;
        Ok(Dropped::NotEmpty)
    }

    /// The collection of a write: refused while it is closing.
    pub(super) async fn admit(&self, uid: Uuid) -> Result<std::sync::Arc<Collection>> {
        let collection = self.collection_of(uid).await?;
        if collection.closing.is_none() {
            return Ok(collection);
        }
        self.reopen_if_abandoned(&collection).await?;
        Err(closing())
    }

    /// Whether a write that was admitted under `collection` can be acknowledged now that it is made.
    ///
    /// Indexes of which the write did not know find its record then.
    pub(super) async fn confirm(&self, collection: &Collection, id: &str, row: &Row) -> Result<()> {
        if collection.covers_acknowledgement() {
            return Ok(());
        }
        let now = self.read_collection(&collection.definition.name).await?;
        match now.filter(|now| now.definition.uid == collection.definition.uid) {
            Some(now) if now.closing.is_none() => {
                if now.maps != collection.maps {
                    self.index(id, &now, row, now.entries(row).iter()).await?;
                }
                Ok(())
            }
            Some(_) => Err(closing()),
            None => Err(Error::new(Code::CollectionNotFound, "the collection was deleted")),
        }
    }

    async fn is_empty(&self, collection: &Collection) -> Result<bool> {
        let mut after = None;
        loop {
            let page = self.list(collection, &Access::All, true, after.as_ref(), ANY).await?;
            match (page.records.is_empty(), page.next) {
                (true, None) => return Ok(true),
                (true, next) => after = next,
                (false, _) => return Ok(false),
            }
        }
    }

    async fn reopen_if_abandoned(&self, collection: &Collection) -> Result<()> {
        let since = collection.closing.and_then(mutation::time).unwrap_or_default();
        if mutation::now() - since > ABANDONED {
            self.close(&collection.definition, collection.closing, None).await?;
        }
        Ok(())
    }

    /// Changes who is dropping the collection; `false` if somebody else did.
    async fn close(&self, definition: &Definition, from: Option<Uuid>, to: Option<Uuid>) -> Result<bool> {
        let _turn = self.known.turn().await;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let values = (to, REALM, &definition.name, definition.etag, from);
            if self.conditional(&self.statements.definition_close, values).await? == Outcome::Applied {
                self.known.forget(&definition.name);
                return Ok(true);
            }
            let stored = self.settled_collection(&definition.name).await?.filter(|stored| is(stored, definition));
            match stored {
                Some(stored) if stored.closing == to => return Ok(true),
                Some(stored) if stored.closing == from => {}
                _ => return Ok(false),
            }
        }
        Err(unavailable())
    }

    async fn remove(&self, collection: &Collection, closing: Option<Uuid>) -> Result<Dropped> {
        let definition = &collection.definition;
        // Before the definition goes, so that a crash between leaves a note too many; whoever clears away looks.
        let values = (REALM, definition.uid, &definition.name, &collection.regimes.0, mutation::now());
        self.run(&self.statements.dropped_note, values).await?;
        for index in collection.maps.keys() {
            self.note_work(definition, *index).await?;
        }
        let _turn = self.known.turn().await;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let values = (REALM, &definition.name, definition.etag, &collection.regimes.0, closing);
            if self.conditional(&self.statements.definition_drop, values).await? == Outcome::Applied {
                self.known.forget(&definition.name);
                return Ok(Dropped::Done);
            }
            match self.settled_collection(&definition.name).await? {
                Some(stored)
                    if is(&stored, definition) && stored.closing == closing && stored.regimes == collection.regimes => {
                }
                Some(stored) if stored.definition.uid == definition.uid => return Ok(Dropped::Stale),
                _ => return Ok(Dropped::Done),
            }
        }
        Err(unavailable())
    }
}

fn is(stored: &Collection, definition: &Definition) -> bool {
    (stored.definition.uid, stored.definition.etag) == (definition.uid, definition.etag)
}

fn closing() -> Error {
    Error::new(Code::Unavailable, "the collection is about to be deleted; ask again")
}
