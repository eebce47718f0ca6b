//! Lists by an index: its leaves in order, each leaf's shards merged, and of each entry the row that it hints at.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use futures_util::future::try_join_all;
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{
    database::Database,
    gathered::{Found, Gathered, merged},
    indexed::{SHARDS, keyed},
    known::Collection,
    leaves::route,
    list::{ENOUGH, at},
    rows::{Stored, stamp},
};
use crate::store::{Bounds, EntryKind, Key, Page, Position, Result, Row, SOFT_ROW_MICROS, Slice, indexing::Entry};

/// All that was written again.
pub(super) fn updated(collection: Uuid) -> Slice {
    Slice { index: collection, kind: EntryKind::Own, from: vec![], until: vec![u8::MAX; 9] }
}

/// An entry as its leaf has it; its key begins with the kind.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub(super) at: Position,
    pub(super) stamp: i64,
}

/// Entries between two places, neither included.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) low: Position,
    pub(super) high: Position,
}

impl Span {
    /// All entries from one key on to before another.
    pub(super) fn of(from: Vec<u8>, until: Vec<u8>) -> Self {
        Self { low: Position { key: from, ..at(i64::MIN) }, high: Position { key: until, ..at(i64::MIN) } }
    }

    /// What of it comes behind `here`.
    pub(super) fn go_on(&mut self, descending: bool, here: Position) {
        *(if descending { &mut self.high } else { &mut self.low }) = here;
    }
}

impl Database {
    /// The live records with entries in `slice` behind `after`.
    pub(super) async fn seek(
        &self,
        collection: &Collection,
        slice: &Slice,
        descending: bool,
        after: Option<&Position>,
        bounds: Bounds,
    ) -> Result<Page> {
        let dropped = || Error::new(Code::NotIndexed, "the index was dropped meanwhile: ask again");
        let map = collection.maps.get(&slice.index).ok_or_else(dropped)?;
        let (from, until) = (keyed(slice.kind, &slice.from), keyed(slice.kind, &slice.until));
        let (begun, mut page, mut span) = (Instant::now(), Gathered::new(bounds), Span::of(from, until));
        let mut here = match after {
            Some(after) => {
                span.go_on(descending, Position { key: keyed(slice.kind, &after.key), ..after.clone() });
                after.clone()
            }
            None if descending => Position { key: slice.until.clone(), ..at(i64::MIN) },
            None => Position { key: slice.from.clone(), ..at(i64::MIN) },
        };
        let mut leaves: Vec<Uuid> = map.live(&route(&span.low), &route(&span.high)).map(|leaf| leaf.id).collect();
        if descending {
            leaves.reverse();
        }
        // A place that no entry told is none in a list that is merged of several.
        let mut is_place = false;
        for leaf in leaves {
            loop {
                let limit = page.limit(collection.weight(), SHARDS.unsigned_abs() as usize);
                let (mut noted, mut more) = self.noted_in(leaf, &span, descending, limit).await?;
                if noted.len() > page.wanted() {
                    noted.truncate(page.wanted());
                    more = noted.last().map(|noted| noted.at.clone());
                }
                let found = self.believed(collection, slice, &noted).await?;
                if let Some(heaviest) = found.iter().map(|(_, row)| row.data.len()).max() {
                    collection.weighed(heaviest);
                }
                if page.take(found, &mut here) {
                    return Ok(page.ended());
                }
                if let Some(Noted { at, .. }) = noted.last() {
                    (here, is_place) = (Position { key: at.key[1..].to_vec(), ..at.clone() }, true);
                }
                if is_place && begun.elapsed() > ENOUGH {
                    return Ok(page.unfinished(here));
                }
                let Some(more) = more else { break };
                span.go_on(descending, more);
            }
        }
        Ok(page.ended())
    }

    /// The next entries of a leaf, and up to where these are all, if there may be more.
    pub(super) async fn noted_in(
        &self,
        leaf: Uuid,
        span: &Span,
        descending: bool,
        limit: usize,
    ) -> Result<(Vec<Noted>, Option<Position>)> {
        let shards = (0..SHARDS).map(|shard| self.noted_in_shard((leaf, shard), span, descending, limit));
        Ok(merged(try_join_all(shards).await?, limit, descending, |noted| noted.at.clone()))
    }

    pub(super) async fn noted_in_shard(
        &self,
        (leaf, shard): (Uuid, i32),
        Span { low, high }: &Span,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<Noted>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let (high, low) = ((&high.key, high.created_at, &high.id), (&low.key, low.created_at, &low.id));
        let values = (leaf, shard, high.0, high.1, high.2, low.0, low.1, low.2, limit);
        let statements = (&self.statements.index_slice, &self.statements.index_slice_up);
        let statement = if descending { statements.0 } else { statements.1 };
        let rows: Vec<(Vec<u8>, i64, String, i64)> = self.rows(statement, values).await?;
        let noted = |(key, created_at, id, stamp)| Noted { at: Position { key, created_at, id }, stamp };
        Ok(rows.into_iter().map(noted).collect())
    }

    /// The rows that are as the entries say. An entry whose row never will be is taken out.
    async fn believed(&self, collection: &Collection, slice: &Slice, noted: &[Noted]) -> Result<Found> {
        let rows = self.rows_at(collection, noted).await?;
        let (mut found, mut strays) = (Found::new(), Vec::new());
        for Noted { at, .. } in noted {
            let entry = Entry { index: slice.index, kind: slice.kind, key: at.key[1..].to_vec() };
            match rows.get(&(at.created_at, &at.id[..])) {
                Some(row) if collection.shows(row, &entry) => {
                    // A record can have several entries in a slice.
                    found.push((Position { key: entry.key, ..at.clone() }, row.clone()));
                }
                row => strays.push(self.take_out(collection, entry, at, row.map(stamp))),
            }
        }
        try_join_all(strays).await?;
        Ok(found)
    }

    async fn rows_at<'n>(&self, collection: &Collection, noted: &'n [Noted]) -> Result<HashMap<(i64, &'n str), Row>> {
        let mut partitions = BTreeMap::<(i64, i32), Vec<(i64, &str)>>::new();
        for Noted { at, .. } in noted {
            let place = collection.regimes.place(at.created_at, &at.id);
            let wanted = partitions.entry((place.window, place.shard)).or_default();
            if !wanted.contains(&(at.created_at, &at.id)) {
                wanted.push((at.created_at, &at.id));
            }
        }
        let uid = collection.definition.uid;
        let asked = partitions.into_iter().map(|((window, shard), wanted)| async move {
            let stored = self.rows::<Stored>(&self.statements.entry_some, (uid, window, shard, &wanted)).await?;
            let rows = stored.into_iter().map(Stored::named).collect::<Result<Vec<_>>>()?;
            let at = |id: &str, row: &Row| wanted.iter().find(|wanted| **wanted == (row.created_at, id)).copied();
            Ok::<_, Error>(rows.into_iter().filter_map(|(id, row)| Some((at(&id, &row)?, row))).collect::<Vec<_>>())
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    /// Takes out an entry that its row, whose stamp is `shown`, does not show, if that or its head tells that it never
    /// will.
    async fn take_out(&self, collection: &Collection, entry: Entry, at: &Position, shown: Option<i64>) -> Result<()> {
        let key = Key { collection: collection.definition.uid, id: &at.id };
        let stamp = match shown {
            Some(stamp) => stamp,
            None => match self.head(key).await? {
                // A later life of the record, which stands elsewhere.
                Some(head) if head.created_at != at.created_at => at.created_at,
                Some(head) if !head.is_alive() => stamp(&head),
                // Its head is gone too; or it never had one, and whoever was to write it is gone.
                None if at.created_at + SOFT_ROW_MICROS < mutation::now() => at.created_at,
                _ => return Ok(()),
            },
        };
        self.unindex(&at.id, collection, (at.created_at, stamp), std::iter::once(&entry)).await
    }
}
