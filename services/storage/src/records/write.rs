//! One write, made once: whoever repeats it, whoever races it, and whatever dies meanwhile.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;
use skep_proto::{Code, Error, mutation};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::naming::{Keyed, Named};
use crate::{
    collections::Collections,
    condition::{Condition, Judged},
    store::{Applied, Definition, Effect, HISTORY, Key, Next, Note, Result, Row, SOFT_ROW_MICROS, Store, Swap},
};

/// How often a write that others overtake is judged again.
const ATTEMPTS: usize = 100;
/// A write named so much earlier than another was made before it, whatever their clocks say, in microseconds: clocks a
/// minute apart, and what an attempt may take.
const MARGIN: i64 = 90 * 1_000_000;
/// Records whose writes are told apart; others may wait for each other without need.
const TURNS: usize = 1024;

/// Lets the writers of one record in one after another: many would judge the same row, and all but one in vain.
#[derive(Clone)]
pub(super) struct Turns(Arc<[Mutex<()>]>);

impl Turns {
    pub(super) fn new() -> Self {
        Self((0..TURNS).map(|_| Mutex::new(())).collect())
    }

    pub(super) async fn take(&self, key: Key<'_>) -> MutexGuard<'_, ()> {
        let mut hash = DefaultHasher::new();
        (key.collection, key.id).hash(&mut hash);
        let turn = usize::try_from(hash.finish() % TURNS as u64).unwrap_or_default();
        self.0[turn].lock().await
    }
}

/// Which record is written.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) collections: &'a Collections,
    /// Of its collection.
    pub(super) definition: &'a Definition,
    pub(super) id: &'a str,
}

/// The row after a write, and what the write did: on the first attempt or on an earlier one.
pub(super) struct Written {
    pub(super) row: Row,
    pub(super) effect: Effect,
}

/// Makes the write that `change` says of the record as it stands (`None`: there is none).
///
/// The condition of the write is the row's newest mutation, so `judged` and `change` are judged on what is replaced.
/// `change` admits only what `condition` does. The schema is asked last: who repeats a write is answered whatever it says
/// by now.
pub(super) async fn apply(
    target: Target<'_>,
    turns: &Turns,
    named: Named,
    judged: Judged,
    condition: Condition,
    change: impl Fn(Option<&Row>) -> Result<Next>,
) -> Result<Written> {
    let Target { store, collections, definition, id } = target;
    let key = Key { collection: definition.uid, id };
    let _turn = turns.take(key).await;
    let mut stored = store.read(key).await?;
    let mut note = None;
    if let Some(keyed) = &named.key {
        let (noted, before) = note_use(store, key.collection, keyed, stored.as_ref().map(Row::mutation)).await?;
        if before {
            // The earlier attempt may have written since we looked.
            stored = store.read(key).await?;
        }
        note = Some(noted);
    }
    for _ in 0..ATTEMPTS {
        if let Some(effect) = stored.as_ref().and_then(|row| row.effect_of(named.mutation)) {
            return repeated(stored, effect);
        }
        if !can_tell(stored.as_ref(), &named, condition, note.as_ref()) {
            return Err(Error::new(
                Code::OutcomeUnknown,
                "the record changed too often since an earlier attempt to tell whether that was made: read the record",
            ));
        }
        let alive = stored.as_ref().filter(|row| row.is_alive());
        judged.admit(alive.map(Row::mutation))?;
        let next = change(alive)?;
        if let Next::Data(data, _) = &next {
            collections.admit(definition, data).await?;
        }
        let row = match (&stored, next) {
            (Some(stored), next) => stored.then(named.mutation, mutation::now(), next),
            (None, Next::Data(data, owner)) => Row::first(named.mutation, mutation::now(), owner, data),
            (None, Next::Deleted) => return Err(Error::new(Code::RecordNotFound, "there is nothing to delete")),
        };
        match store.swap(key, stored.as_ref(), row.clone()).await? {
            Swap::Applied => return Ok(Written { effect: row.history[0].effect, row }),
            Swap::Stale(current) => stored = current,
        }
    }
    Err(contended())
}

/// The record as a write of what `change` says would leave it; all that is not data is that of the record as it stands.
pub(super) async fn preview(
    target: Target<'_>,
    named: Named,
    judged: Judged,
    change: impl Fn(&Row) -> Result<Bytes>,
) -> Result<Row> {
    let Target { store, collections, definition, id } = target;
    let stored = store.read(Key { collection: definition.uid, id }).await?;
    if let Some(effect) = stored.as_ref().and_then(|row| row.effect_of(named.mutation)) {
        return Ok(repeated(stored, effect)?.row);
    }
    let alive = stored.filter(Row::is_alive);
    judged.admit(alive.as_ref().map(Row::mutation))?;
    let row = alive.ok_or_else(|| missing(id))?;
    let data = change(&row)?;
    collections.admit(definition, &data).await?;
    Ok(Row { data, ..row })
}

/// Makes the record that an idempotency key names. Its row keeps the request's fingerprint for good.
///
/// `fits` is what the schema says of the data: where it refuses nothing is written, and what was made before is answered.
pub(super) async fn create_keyed(
    store: &dyn Store,
    key: Key<'_>,
    keyed: &Keyed,
    row: Row,
    fits: Result<()>,
) -> Result<Row> {
    if store.noted(keyed.note).await?.is_some() {
        return Err(reused());
    }
    let row = Row { fingerprint: Some(keyed.fingerprint), ..row };
    let mut before = None;
    let mut next = row.clone();
    for _ in 0..ATTEMPTS {
        let stored = match &fits {
            Err(_) => store.read(key).await?,
            Ok(()) => match store.swap(key, before.as_ref(), next.clone()).await? {
                Swap::Applied => return Ok(next),
                Swap::Stale(stored) => stored,
            },
        };
        next = match &stored {
            Some(made) if made.fingerprint == row.fingerprint => {
                return Ok(repeated(stored, Effect::Created)?.row);
            }
            Some(stored) if stored.fingerprint.is_some() => return Err(reused()),
            Some(stored) if stored.is_alive() => return Err(exists(key.id)),
            // Somebody had chosen this id, and deleted the record.
            Some(soft) => {
                let again = Next::Data(row.data.clone(), row.owner.clone());
                Row { fingerprint: row.fingerprint, ..soft.then(row.mutation(), mutation::now(), again) }
            }
            None => row.clone(),
        };
        before = stored;
        fits.clone()?;
    }
    Err(contended())
}

/// Notes the key's use before its write is made, and refuses the key of another request; `seen` is the
/// record's newest mutation. Returns what is noted, and whether it was before.
pub(super) async fn note_use(
    store: &dyn Store,
    collection: Uuid,
    keyed: &Keyed,
    seen: Option<Uuid>,
) -> Result<(Note, bool)> {
    let derived = keyed.record.to_string();
    let created = store.read(Key { collection, id: &derived }).await?;
    if created.is_some_and(|row| row.fingerprint.is_some()) {
        return Err(reused());
    }
    let note = Note { fingerprint: keyed.fingerprint, seen, expires_at: mutation::now() + SOFT_ROW_MICROS };
    match store.note(keyed.note, note.clone()).await? {
        None => Ok((note, false)),
        Some(earlier) if earlier.fingerprint == keyed.fingerprint => Ok((earlier, true)),
        Some(_) => Err(reused()),
    }
}

/// Whether a mutation that the row does not remember was certainly not made.
///
/// It was not if nothing is forgotten: no row, or a short history (a deleted record is remembered for as long as a note
/// holds), or if what it was to follow is remembered. Else the history must reach back to before the mutation could have
/// been made.
fn can_tell(stored: Option<&Row>, named: &Named, condition: Condition, note: Option<&Note>) -> bool {
    let Some(row) = stored.filter(|row| row.history.len() == HISTORY) else { return true };
    if condition.demanded().is_some_and(|before| row.effect_of(before).is_some()) {
        return true;
    }
    match note {
        Some(note) => note.seen.is_some_and(|seen| row.effect_of(seen).is_some()),
        None if named.again => {
            let made = mutation::time(named.mutation).unwrap_or(i64::MIN);
            let earlier = |applied: &Applied| mutation::time(applied.mutation).is_some_and(|time| time < made - MARGIN);
            row.history.iter().any(earlier)
        }
        None => true,
    }
}

/// The answer to a write that was made before: the record as it is now.
fn repeated(stored: Option<Row>, effect: Effect) -> Result<Written> {
    match stored {
        Some(row) if row.is_alive() || effect == Effect::Deleted => Ok(Written { row, effect }),
        _ => Err(Error::new(Code::RecordDeleted, "this write was made, and the record is deleted since")),
    }
}

pub(super) fn missing(id: &str) -> Error {
    Error::new(Code::RecordNotFound, format!("there is no record with the id {id}"))
}

pub(super) fn exists(id: &str) -> Error {
    Error::new(Code::RecordExists, format!("a record with the id {id} exists"))
}

fn reused() -> Error {
    Error::new(Code::KeyReused, "this idempotency key was used for another request; make a new one for each request")
}

pub(super) fn contended() -> Error {
    Error::new(Code::Overloaded, "the record is being written too often at this moment")
}
