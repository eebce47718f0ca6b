//! Collections that come as they were elsewhere or before.

use skep_proto::{Code, Error, mutation};
use uuid::Uuid;

use super::{Collections, Content, check, contended, index};
use crate::{
    records::MAX_AHEAD,
    store::{Definition, Result, Span, Swap},
};

/// How many spans of time records may be told of in.
const SPANS: usize = 1000;

impl Collections {
    /// Defines a collection as `content` says, with the times and the etag that it had, to hold records of `spans`, which
    /// are in order; `true` says that it did. One that is there is left as it is.
    pub(crate) async fn import(
        &self,
        name: &str,
        content: Content,
        (created_at, updated_at): (i64, i64),
        etag: Uuid,
        spans: &[Span],
    ) -> Result<(Definition, bool)> {
        check::content(&content)?;
        self.schemas.admit(&content.schema).await?;
        let is_in_order = spans.windows(2).all(|pair| pair[0].until <= pair[1].from);
        let is_past = spans.last().is_none_or(|last| last.until <= mutation::now() + MAX_AHEAD);
        if spans.len() > SPANS || !is_in_order || !is_past || spans.iter().any(|span| span.until < span.from) {
            let why = format!("spans are in order, of the past, none within another, and at most {SPANS}");
            return Err(Error::new(Code::InvalidArgument, why));
        }
        if let Some(stored) = self.store.definition(name).await? {
            return Ok(((*stored).clone(), false));
        }
        let definition = Definition {
            name: name.to_owned(),
            uid: Uuid::now_v7(),
            etag,
            schema: content.schema,
            survey: None,
            indexes: content.indexes.iter().map(|path| index(None, path)).collect(),
            rules: content.rules,
            created_at,
            updated_at,
        };
        match self.store.define_for(definition.clone(), spans).await? {
            Swap::Applied => Ok((definition, true)),
            Swap::Stale(Some(stored)) => Ok((stored, false)),
            Swap::Stale(None) => Err(contended()),
        }
    }
}
