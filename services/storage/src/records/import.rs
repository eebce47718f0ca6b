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
    /// Brings a record into the collection of `definition`. With `latest` what was made later stands over what was not,
    /// whatever their versions.
    ///
    /// It is a conditional write, as every other, so whoever writes the record meanwhile is not overtaken.
    pub(crate) async fn import(&self, definition: &Definition, archived: Archived, latest: bool) -> Result<Brought> {
        check(&archived)?;
        let key = Key { collection: definition.uid, id: &archived.id };
        let _turn = self.turns.take(key).await;
        let mut stored = self.store.read(key).await?;
        let (mut least, mut done) = (archived.version, Brought::Made);
        for _ in 0..ATTEMPTS {
            let same = stored.as_ref().filter(|row| row.is_alive() && archived.is_same_life(row));
            let shown = match same {
                Some(row) => self.store.shows(key, row).await?,
                None => true,
            };
            match stored.as_ref().filter(|row| row.is_alive()) {
                Some(row) if archived.yields_to(row, latest) && shown => return Ok(Brought::Kept),
                // Something of the same creation was deleted here that had been written more often.
                Some(row) if archived.yields_to(row, latest) => least = row.version.saturating_mul(2),
                Some(_) => done = Brought::Replaced,
                None => {}
            }
            let row = archived.after(stored.as_ref(), least, shown);
            match self.store.swap(key, stored.as_ref(), row.clone()).await {
                Ok(Swap::Stale(current)) => stored = current,
                Ok(Swap::Applied) if row.is_alive() && self.store.shows(key, &row).await? => return Ok(done),
                Ok(Swap::Applied) => stored = Some(row),
                // What is there by now tells.
                Err(error) if error.code == Code::OutcomeUnknown => stored = self.store.read(key).await?,
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }
}

impl Archived {
    /// A list finds a record by its creation and its owner.
    fn is_same_life(&self, row: &Row) -> bool {
        row.created_at == self.created_at && row.owner == self.owner
    }

    /// Whether what is there stays. Of one life that is what was written as often and as late: what was deleted here and came
    /// again counted on, however old it is.
    fn yields_to(&self, row: &Row, latest: bool) -> bool {
        if self.is_same_life(row) {
            row.version >= self.version && row.updated_at >= self.updated_at
        } else if latest && row.created_at != self.created_at {
            row.created_at > self.created_at
        } else {
            row.version >= self.version
        }
    }

    /// The next row on the way from `stored` to this one, which then has at least the version `least`. One of another life is
    /// deleted first. `shown` says whether `stored` is, if it is of this life.
    fn after(&self, stored: Option<&Row>, least: u64, shown: bool) -> Row {
        if let Some(other) = stored.filter(|row| row.is_alive() && !self.is_same_life(row)) {
            return other.then(mutation::new(), mutation::now(), Next::Deleted);
        }
        let version = least.max(stored.map_or(0, |row| row.version + 1));
        // No two states share an entity tag.
        let own = self.mutation.unwrap_or_else(|| self.digest());
        let is_own = version == self.version && stored.is_none_or(|row| row.effect_of(own).is_none());
        let mutation = if is_own { own } else { mutation::new() };
        // What was not shown is made anew, so that all that leads to it follows.
        let is_updated = shown && stored.is_some_and(Row::is_alive);
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
        let row = archived.after(None, 3, true);
        assert_eq!((row.version, row.created_at, row.updated_at), (3, 5, 9));
        assert_eq!((Some(row.mutation()), row.history[0].effect), (archived.mutation, Effect::Created));
        let later = Archived { version: 4, mutation: Some(Uuid::now_v7()), ..archived };
        let next = later.after(Some(&row), 4, true);
        assert_eq!((next.version, next.history[0].effect, next.history.len()), (4, Effect::Updated, 2));
    }

    #[test]
    fn what_was_counted_further_counts_on_under_another_tag() {
        let archived = archived(3);
        let soft = Row { version: 7, ..archived.after(None, 3, true) }.then(Uuid::now_v7(), 20, Next::Deleted);
        let row = archived.after(Some(&soft), 3, true);
        assert_eq!((row.version, row.created_at, row.history[0].effect), (8, 5, Effect::Created));
        assert_ne!(Some(row.mutation()), archived.mutation);
        // Not shown: again, further on.
        let again = archived.after(Some(&row), 16, false);
        assert_eq!((again.version, again.history[0].effect), (16, Effect::Created));
        assert_ne!(again.mutation(), row.mutation());
    }

    #[test]
    fn what_is_there_stays_if_it_is_as_far_and_as_late() {
        let archived = archived(3);
        let row =
            |version, created_at, updated_at| Row { created_at, updated_at, ..archived.after(None, version, true) };
        for (row, version, latest) in [
            (row(3, 5, 9), true, true),
            (row(4, 5, 9), true, true),
            (row(2, 5, 9), false, false),
            // It was deleted, and came again as it was before.
            (row(4, 5, 8), false, false),
            // Other lives.
            (row(9, 4, 20), true, false),
            (row(1, 6, 6), false, true),
        ] {
            assert_eq!((archived.yields_to(&row, false), archived.yields_to(&row, true)), (version, latest), "{row:?}");
        }
    }

    #[test]
    fn another_life_ends_first() {
        let archived = archived(3);
        let other = Row { owner: Some("ann".into()), ..archived.after(None, 1, true) };
        let soft = archived.after(Some(&other), 3, true);
        assert!(!soft.is_alive());
        let row = archived.after(Some(&soft), 3, true);
        assert_eq!((row.is_alive(), row.version, row.owner), (true, 3, None));
    }

    #[test]
    fn a_tag_that_is_not_told_follows_from_the_content() {
        let bare = Archived { mutation: None, ..archived(1) };
        let tag = |archived: &Archived| archived.after(None, 1, true).mutation();
        assert_eq!(tag(&bare), tag(&bare.clone()));
        assert_ne!(tag(&bare), tag(&Archived { data: Bytes::from_static(b"{}"), ..bare.clone() }));
    }
}
