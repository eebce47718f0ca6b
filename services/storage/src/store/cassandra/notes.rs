//! Uses of idempotency keys, each by one lightweight transaction.

use skep_proto::mutation;
use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome},
    errors::unavailable,
};
use crate::store::{Note, Result, codec};

const ATTEMPTS: u32 = 6;

#[derive(scylla::DeserializeRow)]
struct Stored {
    fingerprint: Vec<u8>,
    seen: Option<Uuid>,
    expires_at: i64,
}

impl Stored {
    fn note(self) -> Result<Note> {
        let fingerprint = codec::decode_fingerprint(&self.fingerprint)?;
        Ok(Note { fingerprint, seen: self.seen, expires_at: self.expires_at })
    }
}

impl Database {
    pub(super) async fn noted(&self, key: Uuid) -> Result<Option<Note>> {
        self.row::<Stored>(&self.statements.note_read, (key,)).await?.map(Stored::note).transpose()
    }

    pub(super) async fn write_note(&self, key: Uuid, note: &Note) -> Result<Option<Note>> {
        let seconds = i32::try_from((note.expires_at - mutation::now()) / 1_000_000).unwrap_or(i32::MAX).max(1);
        let values = (key, &note.fingerprint[..], note.seen, note.expires_at, seconds);
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            match self.conditional(&self.statements.note_write, values).await? {
                Outcome::Applied => return Ok(None),
                Outcome::Refused | Outcome::Unknown => {}
            }
            let found = self.settle::<Stored>(&self.statements.note_settle, (key,)).await?;
            if let Some(found) = found.map(Stored::note).transpose()? {
                // One that says the same to the microsecond is ours.
                return Ok(Some(found).filter(|found| found != note));
            }
        }
        Err(unavailable())
    }
}
