use bytes::Bytes;
use skep_proto::mutation;
use uuid::Uuid;

/// How many mutations a row remembers.
pub const HISTORY: usize = 16;

/// How long a deleted record's row stays, in microseconds: a day.
pub const SOFT_ROW_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// What a mutation did to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Effect {
    /// Made it.
    Created = 1,
    /// Changed it.
    Updated = 2,
    /// Deleted it.
    Deleted = 3,
}

/// A mutation that a row remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The write's id.
    pub mutation: Uuid,
    /// What it did.
    pub effect: Effect,
}

/// A record as a store keeps it, alive or soft (deleted, and remembered for a day).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// JSON text; empty in a soft row.
    pub data: Bytes,
    /// The account that made the record. A soft row keeps it, for who takes the record out of its owner's list.
    pub owner: Option<String>,
    /// Microseconds since the epoch.
    pub created_at: i64,
    /// Microseconds since the epoch.
    pub updated_at: i64,
    /// Counts the writes; a deletion does not count.
    pub version: u64,
    /// The newest mutations, newest first: never empty, at most [`HISTORY`].
    pub history: Vec<Applied>,
    /// Of the keyed request that made the record, for good.
    pub fingerprint: Option<[u8; 16]>,
}

impl Row {
    /// A new record's first row.
    pub fn first(mutation: Uuid, created_at: i64, owner: Option<String>, data: Bytes) -> Self {
        let history = vec![Applied { mutation, effect: Effect::Created }];
        Self { data, owner, created_at, updated_at: created_at, version: 1, history, fingerprint: None }
    }

    /// The newest mutation: the condition of the next write, and the entity tag.
    pub fn mutation(&self) -> Uuid {
        self.history[0].mutation
    }

    /// Whether the record exists, or is only remembered.
    pub fn is_alive(&self) -> bool {
        self.history[0].effect != Effect::Deleted
    }

    /// What `mutation` did here, if it is remembered.
    pub fn effect_of(&self, mutation: Uuid) -> Option<Effect> {
        self.history.iter().find(|applied| applied.mutation == mutation).map(|applied| applied.effect)
    }

    /// The row after one more mutation at `now`. What is deleted loses its data; what is made again counts on.
    #[must_use]
    pub fn then(&self, mutation: Uuid, now: i64, next: Next) -> Self {
        let now = now.max(self.updated_at);
        let (data, owner, created_at, effect) = match next {
            Next::Data(data, _) if self.is_alive() => (data, self.owner.clone(), self.created_at, Effect::Updated),
            Next::Data(data, owner) => (data, owner, now, Effect::Created),
            Next::Deleted => (Bytes::new(), self.owner.clone(), self.created_at, Effect::Deleted),
        };
        let version = if effect == Effect::Deleted { self.version } else { self.version + 1 };
        let newest = Applied { mutation, effect };
        let history = std::iter::once(newest).chain(self.history.iter().copied()).take(HISTORY).collect();
        Self { data, owner, created_at, updated_at: now, version, history, fingerprint: self.fingerprint }
    }
}

/// What a write makes of a record.
#[derive(Clone, Debug)]
pub enum Next {
    /// This data; the owner is that of a record that is made by it.
    Data(Bytes, Option<String>),
    /// Nothing.
    Deleted,
}

/// The use of an idempotency key, noted before its write is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Of the request.
    pub fingerprint: [u8; 16],
    /// The record's newest mutation at that time: while the row remembers it, the row can tell whether the write was made.
    pub seen: Option<Uuid>,
    /// When the note may be forgotten, in microseconds since the epoch.
    pub expires_at: i64,
}

/// The creation time that an id tells by itself: then no other table need be asked for it.
pub(super) fn told_time(id: &str) -> Option<i64> {
    let uuid = Uuid::try_parse(id).ok()?;
    // Another spelling of the same UUID is another id.
    let spelled = uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == id;
    mutation::time(uuid).filter(|_| spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_remembers_sixteen_and_counts_on_after_a_deletion() {
        let mutations: Vec<_> = (0..20).map(|_| Uuid::now_v7()).collect();
        let data = || Next::Data(Bytes::from_static(b"{}"), Some("ann".into()));
        let mut row = Row::first(mutations[0], 10, None, Bytes::from_static(b"{}"));
        for &mutation in &mutations[1..] {
            row = row.then(mutation, 5, data());
        }
        assert_eq!((row.version, row.updated_at, row.owner.as_deref()), (20, 10, None));
        assert_eq!(row.history.len(), HISTORY);
        assert_eq!(row.effect_of(mutations[4]), Some(Effect::Updated));
        assert_eq!(row.effect_of(mutations[3]), None);

        let soft = row.then(Uuid::now_v7(), 30, Next::Deleted);
        assert!(!soft.is_alive() && soft.data.is_empty());
        let again = soft.then(Uuid::now_v7(), 40, data());
        assert_eq!((again.version, again.created_at, again.owner.as_deref()), (21, 40, Some("ann")));
    }

    #[test]
    fn only_the_plain_spelling_tells_a_time() {
        let id = mutation::new().to_string();
        assert!(told_time(&id).is_some());
        assert_eq!(told_time(&id.to_uppercase()), None);
        assert_eq!(told_time("bee"), None);
    }
}
