//! The maps of indexes: read with the definitions, changed by lightweight transactions alone.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome, all},
    definitions::Retired,
    errors::{damaged, unavailable},
    known::Collection,
    leaves::{Leaf, Map, Mode},
};
use crate::store::{Definition, IndexState, Position, Result};

const ATTEMPTS: u32 = 6;

/// By index; that of what was written again is under the collection's own uid.
pub(super) type Maps = HashMap<Uuid, Arc<Map>>;

type Cut = (Vec<u8>, Vec<u8>, Uuid, i8);

#[derive(scylla::DeserializeRow)]
struct Stored {
    version: Option<Uuid>,
    leaves: Vec<Cut>,
    looked: i64,
    copied: Option<(Vec<u8>, i64, String)>,
}

impl Stored {
    fn map(self) -> Result<Map> {
        let leaf = |(start, until, id, mode)| {
            let mode = match mode {
                0 => Mode::Live,
                1 => Mode::Filling,
                2 => Mode::Draining,
                _ => return Err(damaged("a leaf of no mode")),
            };
            Ok(Leaf { start, until, id, mode })
        };
        let leaves = self.leaves.into_iter().map(leaf).collect::<Result<_>>()?;
        let copied = self.copied.map(|(key, created_at, id)| Position { key, created_at, id });
        Ok(Map { version: self.version, leaves, looked: self.looked.unsigned_abs(), copied })
    }
}

impl Database {
    /// The maps of a collection's indexes. What is in `known` at its version is not read again.
    pub(super) async fn maps(
        &self,
        definition: &Definition,
        retired: &[Retired],
        known: Option<&Collection>,
    ) -> Result<Maps> {
        let uid = definition.uid;
        let changed: Vec<(Uuid, Option<Uuid>)> = self.rows(&self.statements.map_versions, (uid,)).await?;
        let changed = changed.into_iter().map(|(index, version)| async move {
            let same = known.and_then(|known| known.maps.get(&index)).filter(|map| map.version == version);
            let map = match same {
                Some(map) => Some(Arc::clone(map)),
                None => self.map(uid, index).await?.map(Arc::new),
            };
            Ok((index, map))
        });
        let changed = all(changed).await?;
        let declared = definition.indexes.iter().map(|index| (index.id, index.state));
        let readable = retired.iter().map(|(index, ..)| *index).chain([uid]);
        let unchanged = declared.chain(readable.map(|index| (index, IndexState::Ready)));
        let mut maps: Maps = unchanged.map(|(index, state)| (index, Arc::new(Map::unchanged(index, state)))).collect();
        maps.extend(changed.into_iter().filter_map(|(index, map)| Some((index, map?))));
        Ok(maps)
    }

    /// The map of an index, if it was ever changed.
    pub(super) async fn map(&self, collection: Uuid, index: Uuid) -> Result<Option<Map>> {
        self.row::<Stored>(&self.statements.map_read, (collection, index)).await?.map(Stored::map).transpose()
    }

    /// Puts `to` in the place of `from`; `None` if something else is there by now, else the new version.
    pub(super) async fn change_map(
        &self,
        (collection, index): (Uuid, Uuid),
        from: Option<Uuid>,
        to: &Map,
    ) -> Result<Option<Uuid>> {
        let version = Uuid::now_v7();
        let mode = |leaf: &Leaf| match leaf.mode {
            Mode::Live => 0,
            Mode::Filling => 1,
            Mode::Draining => 2,
        };
        let leaves: Vec<Cut> =
            to.leaves.iter().map(|leaf| (leaf.start.clone(), leaf.until.clone(), leaf.id, mode(leaf))).collect();
        let copied = to.copied.as_ref().map(|at| (&at.key, at.created_at, &at.id));
        let looked = i64::try_from(to.looked).unwrap_or(i64::MAX);
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            let values = (version, &leaves, looked, copied, collection, index, from);
            if self.conditional(&self.statements.map_swap, values).await? == Outcome::Applied {
                return Ok(Some(version));
            }
            let stored = self.settle::<Stored>(&self.statements.map_settle, (collection, index)).await?;
            match stored.and_then(|stored| stored.version) {
                stored if stored == Some(version) => return Ok(stored),
                stored if stored == from => {}
                _ => return Ok(None),
            }
        }
        Err(unavailable())
    }
}
