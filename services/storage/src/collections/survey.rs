//! The survey of the records that were there before their collection's schema: how many of them do not satisfy it.
//!
//! It goes on in steps, newest records first. A step is what it makes of the one before and of the records, and the store
//! takes one in the place of the one before: so each record counts once, however many replicas survey.

use uuid::Uuid;

use super::{Collections, Content};
use crate::store::{Access, Bounds, Definition, Result, Survey, Swap};

/// What one step looks at, if that takes no longer than it may.
const STEP: Bounds = Bounds { records: 500, bytes: 4 << 20 };

/// The survey of a definition that is to say `content`: another schema begins another.
pub(super) fn of(current: Option<&Definition>, content: &Content) -> Option<Uuid> {
    let current = current.filter(|_| !content.schema.is_empty())?;
    if current.schema == content.schema { current.survey } else { Some(Uuid::now_v7()) }
}

impl Collections {
    /// How far the survey of a collection is, if it has one.
    pub async fn survey(&self, definition: &Definition) -> Result<Option<Survey>> {
        let Some(id) = definition.survey else { return Ok(None) };
        let known = self.store.survey(definition.uid, id).await?;
        Ok(known.or(Some(Survey { id, ..Survey::default() })))
    }

    /// One bounded step of each of some surveys; `true` if more is left to do now.
    pub async fn go_on_surveying(&self) -> Result<bool> {
        let mut more = false;
        for definition in self.store.surveys().await? {
            more |= self.survey_some(&definition).await.unwrap_or_else(|error| {
                let (collection, why) = (&definition.name, error.detail);
                tracing::warn!(collection, error.message = why, "a survey was not gone on with");
                false
            });
        }
        Ok(more)
    }

    async fn survey_some(&self, definition: &Definition) -> Result<bool> {
        let Some(id) = definition.survey else { return Ok(false) };
        let before = self.store.survey(definition.uid, id).await?;
        let mut survey = before.clone().unwrap_or(Survey { id, ..Survey::default() });
        if survey.done {
            return Ok(false);
        }
        let page = self.store.scan(definition.uid, &Access::All, true, survey.after.as_ref(), STEP).await?;
        let data = page.records.iter().map(|(_, row)| row.data.clone()).collect();
        let (checked, misfits) = self.schemas.misfits(definition, data).await?;
        survey.checked += checked as u64;
        survey.misfits += misfits as u64;
        survey.after = match page.records.get(checked) {
            Some(_) => page.records.into_iter().nth(checked.saturating_sub(1)).map(|(last, _)| last),
            None => page.next,
        };
        survey.done = survey.after.is_none();
        let made = self.store.note_survey(definition.uid, before.as_ref(), survey.clone()).await?;
        // Where another replica came first, that one goes on.
        let Swap::Applied = made else { return Ok(false) };
        if survey.done {
            let Survey { checked, misfits, .. } = survey;
            tracing::info!(collection = definition.name, checked, misfits, "records were checked against their schema");
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use futures_util::future::join_all;
    use skep_proto::mutation;

    use super::*;
    use crate::store::{Key, Row, Store, embedded::Embedded};

    /// More than one step looks at.
    const RECORDS: usize = 1200;

    async fn opened(folder: &Path) -> (Arc<Embedded>, Collections) {
        loop {
            // Whoever had it open ends in the background.
            if let Ok(store) = Embedded::open(folder) {
                let store = Arc::new(store);
                return (store.clone(), Collections::new(store));
            }
            tokio::task::yield_now().await;
        }
    }

    async fn make(store: &Embedded, collection: Uuid, records: usize) {
        let made = (0..records).map(|number| async move {
            let (mutation, data) = (mutation::new(), format!(r#"{{"n":{}}}"#, number % 3).into());
            let row = Row::first(mutation, mutation::time(mutation).unwrap(), None, data);
            store.insert(Key { collection, id: &mutation.to_string() }, row).await.unwrap();
        });
        join_all(made).await;
    }

    async fn define(collections: &Collections, schema: &'static str) -> Definition {
        let content = Content { schema: schema.into(), ..Content::default() };
        collections.update("bees", content, "", true, mutation::new()).await.unwrap().0
    }

    #[tokio::test]
    async fn a_survey_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (store, collections) = opened(folder.path()).await;
        let uid = define(&collections, "").await.uid;
        make(&store, uid, RECORDS).await;
        let outdated = define(&collections, "false").await;
        let definition = define(&collections, r#"{"properties":{"n":{"maximum":1}}}"#).await;
        assert!(!collections.survey_some(&outdated).await.unwrap(), "another schema is in force");
        assert!(collections.go_on_surveying().await.unwrap());
        let begun = collections.survey(&definition).await.unwrap().unwrap();
        assert!(begun.checked > 0 && begun.checked < RECORDS as u64 && !begun.done, "{begun:?}");
        // Newer than all that is looked at from here on.
        make(&store, uid, 1).await;
        drop((store, collections));

        let (store, collections) = opened(folder.path()).await;
        assert_eq!(collections.survey(&definition).await.unwrap().as_ref(), Some(&begun));
        while collections.go_on_surveying().await.unwrap() {}
        let done = collections.survey(&definition).await.unwrap().unwrap();
        assert_eq!((done.checked, done.misfits, done.done), (RECORDS as u64, RECORDS as u64 / 3, true));
        assert_eq!(store.surveys().await.unwrap(), []);
        let late = store.note_survey(uid, Some(&begun), begun.clone()).await.unwrap();
        assert!(matches!(late, Swap::Stale(Some(stored)) if stored == done));

        collections.delete("bees", true).await.unwrap();
        while store.sweep().await.unwrap() {}
        assert_eq!(store.survey(uid, done.id).await.unwrap(), None);
    }
}
