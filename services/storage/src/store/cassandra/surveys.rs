//! Surveys of records that were there before their collection's schema: noted before the definition that names them, and
//! changed by lightweight transactions alone, each in a partition of its collection.

use std::sync::Arc;

use skep_proto::mutation;
use uuid::Uuid;

use super::{
    contention::step_aside,
    database::{Database, Outcome},
    definitions::REALM,
    errors::unavailable,
    known::Collection,
};
use crate::store::{Definition, Result, Survey, Swap, codec};

/// Notes that are read at once.
const SLICE: i32 = 100;
/// How long after it is noted a survey begins, in microseconds: its definition is written, and every replica's lease on the
/// one before is over.
const SETTLED: i64 = 10 * 1_000_000;
/// How long a survey stays noted that no definition names: that may be on the way. In microseconds.
const NOTED: i64 = 2 * 60 * 1_000_000;
const ATTEMPTS: u32 = 6;

impl Database {
    /// Notes the survey that a definition begins, if it names another than is known.
    pub(super) async fn note_new_survey(&self, known: Option<&Collection>, definition: &Definition) -> Result<()> {
        let known = known.and_then(|known| known.definition.survey);
        let Some(id) = definition.survey.filter(|id| known != Some(*id)) else { return Ok(()) };
        let values = (REALM, id, definition.uid, &definition.name, mutation::now());
        self.run(&self.statements.survey_note, values).await
    }

    /// How far a survey is.
    pub(super) async fn survey(&self, collection: Uuid, id: Uuid) -> Result<Option<Survey>> {
        let stored = self.row::<(Vec<u8>,)>(&self.statements.survey_read, (collection, id)).await?;
        stored.map(|(state,)| codec::decode_survey(&state)).transpose()
    }

    /// The definitions of surveys that are not done. What is noted of others is cleared away.
    pub(super) async fn surveys(&self) -> Result<Vec<Arc<Definition>>> {
        let (now, mut found) = (mutation::now(), Vec::new());
        let notes: Vec<(Uuid, Uuid, String, i64)> = self.rows(&self.statements.survey_slice, (REALM, SLICE)).await?;
        for (id, uid, name, since) in notes.into_iter().filter(|(.., since)| since + SETTLED < now) {
            let is_named = |by: &Collection| (by.definition.uid, by.definition.survey) == (uid, Some(id));
            let named = self.read_collection(&name).await?.filter(|by| is_named(by));
            match (named, self.survey(uid, id).await?) {
                (Some(_), Some(Survey { done: true, .. })) => {
                    self.run(&self.statements.survey_forget, (REALM, id)).await?;
                }
                (Some(collection), _) => found.push(Arc::clone(&collection.definition)),
                (None, _) if now < since + NOTED => {}
                (None, _) => {
                    if !self.settled_collection(&name).await?.is_some_and(|by| is_named(&by)) {
                        self.run(&self.statements.survey_forget, (REALM, id)).await?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Puts how far a survey is in the place of `expected`.
    pub(super) async fn note_survey(
        &self,
        collection: Uuid,
        expected: Option<&Survey>,
        survey: &Survey,
    ) -> Result<Swap<Survey>> {
        let (from, to) = (expected.map(codec::encode_survey), codec::encode_survey(survey));
        let mut is_sure = true;
        for attempt in 0..ATTEMPTS {
            step_aside(attempt).await;
            match self.conditional(&self.statements.survey_swap, (&to, collection, survey.id, &from)).await? {
                Outcome::Applied => return Ok(Swap::Applied),
                Outcome::Refused => {}
                Outcome::Unknown => is_sure = false,
            }
            let stored = self.settle::<(Vec<u8>,)>(&self.statements.survey_settle, (collection, survey.id)).await?;
            let stored = stored.map(|(state,)| codec::decode_survey(&state)).transpose()?;
            // If another made the same step, it makes no difference whose it is.
            if !is_sure && stored.as_ref() == Some(survey) {
                return Ok(Swap::Applied);
            }
            if stored.as_ref() != expected {
                return Ok(Swap::Stale(stored));
            }
        }
        Err(unavailable())
    }
}
