//! Surveys of records that were there before their collection's schema.

use std::sync::Arc;

use redb::{Error, ReadableTable};
use uuid::Uuid;

use super::{
    codec, keys,
    tables::{Outcome, Tables},
};
use crate::store::{Definition, Survey, Swap};

/// How far a survey is.
pub(super) fn find<T>(surveys: &T, collection: Uuid, id: Uuid) -> Outcome<Option<Survey>>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let found = surveys.get(&keys::pair(collection, id)[..])?;
    Ok(found.map(|found| codec::decode_survey(found.value())).transpose())
}

/// The definitions whose surveys are not done.
pub(super) fn not_done<T>(surveys: &T, mut definitions: Vec<Arc<Definition>>) -> Outcome<Vec<Arc<Definition>>>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
{
    let mut failed = None;
    definitions.retain(|definition| {
        let found = definition.survey.map(|id| find(surveys, definition.uid, id)).transpose();
        match found {
            // A damaged one is told to who goes on with it.
            Ok(found) => !matches!(found, None | Some(Ok(Some(Survey { done: true, .. })))),
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    });
    failed.map_or(Ok(Ok(definitions)), Err)
}

impl Tables<'_> {
    /// Writes how far a survey is, of a collection whose definition names it.
    pub(super) fn note_survey(
        &mut self,
        collection: Uuid,
        expected: Option<&Survey>,
        survey: &Survey,
    ) -> Outcome<Swap<Survey>> {
        let stored = match find(&self.surveys, collection, survey.id)? {
            Ok(stored) => stored,
            Err(damaged) => return Ok(Err(damaged)),
        };
        let named = self.definition_of(collection)?.and_then(|definition| definition.survey);
        if named != Some(survey.id) || stored.as_ref() != expected {
            return Ok(Ok(Swap::Stale(stored)));
        }
        self.surveys.insert(&keys::pair(collection, survey.id)[..], &codec::encode_survey(survey)[..])?;
        Ok(Ok(Swap::Applied))
    }

    /// Removes the survey that `stored` names, if `definition` names another.
    pub(super) fn forget_survey(&mut self, stored: Option<&Definition>, definition: &Definition) -> Result<(), Error> {
        if let Some(stored) = stored
            && let Some(id) = stored.survey.filter(|id| definition.survey != Some(*id))
        {
            self.surveys.remove(&keys::pair(stored.uid, id)[..])?;
        }
        Ok(())
    }
}
