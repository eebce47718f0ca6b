//! Records that come as they were elsewhere or before.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{
    Records, data,
    naming::{MAX_AHEAD, check_account},
    write::contended,
};
use crate::{
    brought::Brought,
    names,
    store::{Applied, Definition, Effect, HISTORY, Key, Next, Result, Row, Swap},
};

/// How often one is tried again that others overtake, or that is not shown.
const ATTEMPTS: usize = 64;

/// A record as it was.
#[derive(Clone, Debug)]
pub struct Archived {
    /// Its id in the collection.
    pub id: String,
    /// JSON text.
    pub data: Bytes,
    /// The account that made it.
    pub owner: Option<String>,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
    /// From 1.
    pub version: u64,
    /// Its last write, which is its entity tag; `None` has one made up from what the record says.
    pub mutation: Option<Uuid>,
}

impl Records {
    /// Brings a record into the collection of `definition`.
    ///
    /// It is a conditional write, as every other, so whoever writes the record meanwhile is not overtaken.
    pub(crate) async fn import(&self, definition: &Definition, archived: Archived) -> Result<Brought> {
        check(&archived)?;
        let key = Key { collection: definition.uid, id: &archived.id };
        let _turn = self.turns.take(key).await;
        let mut stored = self.store.read(key).await?;
        let (mut least, mut done) = (archived.version, Brought::Made);
        for _ in 0..ATTEMPTS {
            let alive = stored.as_ref().filter(|row| row.is_alive());
            if let Some(row) = alive.filter(|row| row.version >= least) {
                if row.created_at != archived.created_at || self.store.shows(key, row).await? {
                    return Ok(Brought::Kept);
                }
                // Something of the same creation was deleted here that had been written more often.
                least = row.version.saturating_mul(2);
            } else if alive.is_some_and(|row| row.version < archived.version) {
                done = Brought::Replaced;
            }
            let row = archived.after(stored.as_ref(), least);
            match self.store.swap(key, stored.as_ref(), row.clone()).await? {
                Swap::Stale(current) => stored = current,
                Swap::Applied if !row.is_alive() => stored = Some(row),
                Swap::Applied if self.store.shows(key, &row).await? => return Ok(done),
                Swap::Applied => {
                    least = row.version.saturating_mul(2);
                    stored = Some(row);
                }
            }
        }
        Err(contended())
    }
}

impl Archived {
    /// The next row on the way from `stored` to this one, which then has at least the version `least`. A list finds a record
    /// by its creation and its owner: one that has others is deleted first.
    fn after(&self, stored: Option<&Row>, least: u64) -> Row {
        let same = |row: &Row| row.created_at == self.created_at && row.owner == self.owner;
        if let Some(other) = stored.filter(|row| row.is_alive() && !same(row)) {
            return other.then(mutation::new(), mutation::now(), Next::Deleted);
        }
        let counted = stored.map_or(0, |row| row.version + 1);
        let version = least.max(if stored.is_some_and(Row::is_alive) { 0 } else { counted });
        // No two states share an entity tag.
        let own = self.mutation.unwrap_or_else(|| self.digest());
        let is_own = version == self.version && stored.is_none_or(|row| row.effect_of(own).is_none());
        let mutation = if is_own { own } else { mutation::new() };
        // A record that was not shown is made anew: so that all that leads to it follows.
        let is_updated = stored.is_some_and(|row| row.is_alive() && row.version < self.version);
        let effect = if is_updated { Effect::Updated } else { Effect::Created };
        let before = stored.map(|row| row.history.as_slice()).unwrap_or_default();
        let newest = Applied { mutation, effect };
        Row {
            data: self.data.clone(),
            owner: self.owner.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            version,
            history: std::iter::once(newest).chain(before.iter().copied()).take(HISTORY).collect(),
            fingerprint: stored.and_then(|row| row.fingerprint),
        }
    }

    fn digest(&self) -> Uuid {
        let mut hash = Sha256::new_with_prefix(&self.data);
        for number in [self.created_at.cast_unsigned(), self.updated_at.cast_unsigned(), self.version] {
            hash.update(number.to_be_bytes());
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hash.chain_update(&self.id).finalize()[..16]);
        Uuid::new_v8(half)
    }
}

fn check(archived: &Archived) -> Result<()> {
    names::check_id(&archived.id)?;
    data::check(&archived.data)?;
    check_account(archived.owner.as_deref().unwrap_or_default())?;
    let wrong = |why: &str| Err(Error::new(Code::InvalidArgument, why));
    // Counted further it must still fit into what the contract has.
    if !(1..=u64::from(u32::MAX)).contains(&archived.version) {
        return wrong("a version is 1 to 4,294,967,295");
    }
    if archived.created_at < 0 || archived.updated_at < archived.created_at {
        return wrong("a record is made in 1970 or later, and last written then or later");
    }
    if archived.updated_at > mutation::now() + MAX_AHEAD {
        return wrong("a record comes from the future: set the clock right");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archived(version: u64) -> Archived {
        let data = Bytes::from_static(b"{\"n\":1}");
        let mutation = Some(Uuid::now_v7());
        Archived { id: "a".into(), data, owner: None, created_at: 5, updated_at: 9, version, mutation }
    }

    #[test]
    fn it_is_as_it_was() {
        let archived = archived(3);
        let row = archived.after(None, 3);
        assert_eq!((row.version, row.created_at, row.updated_at), (3, 5, 9));
        assert_eq!((Some(row.mutation()), row.history[0].effect), (archived.mutation, Effect::Created));
        let later = Archived { version: 4, mutation: Some(Uuid::now_v7()), ..archived };
        let next = later.after(Some(&row), 4);
        assert_eq!((next.version, next.history[0].effect, next.history.len()), (4, Effect::Updated, 2));
    }

    #[test]
    fn what_was_counted_further_counts_on_under_another_tag() {
        let archived = archived(3);
        let soft = Row { version: 7, ..archived.after(None, 3) }.then(Uuid::now_v7(), 20, Next::Deleted);
        let row = archived.after(Some(&soft), 3);
        assert_eq!((row.version, row.created_at, row.history[0].effect), (8, 5, Effect::Created));
        assert_ne!(Some(row.mutation()), archived.mutation);
        // Not shown: again, further on.
        let again = archived.after(Some(&row), 16);
        assert_eq!((again.version, again.history[0].effect), (16, Effect::Created));
        assert_ne!(again.mutation(), row.mutation());
    }

    #[test]
    fn another_life_ends_first() {
        let archived = archived(3);
        let other = Row { owner: Some("ann".into()), ..archived.after(None, 1) };
        let soft = archived.after(Some(&other), 3);
        assert!(!soft.is_alive());
        let row = archived.after(Some(&soft), 3);
        assert_eq!((row.is_alive(), row.version, row.owner), (true, 3, None));
    }

    #[test]
    fn a_tag_that_is_not_told_follows_from_the_content() {
        let bare = Archived { mutation: None, ..archived(1) };
        let tag = |archived: &Archived| archived.after(None, 1).mutation();
        assert_eq!(tag(&bare), tag(&bare.clone()));
        assert_ne!(tag(&bare), tag(&Archived { data: Bytes::from_static(b"{}"), ..bare.clone() }));
    }
}
