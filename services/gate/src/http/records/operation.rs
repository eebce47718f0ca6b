//! The operations of a batch: read from its body, and made as the single calls are.

use bytes::Bytes;
use http::StatusCode;
use serde_json::value::RawValue;
use skep_proto::{
    Error,
    batch::OPERATIONS,
    v1::{self, patch_record_request::Patch},
};

use super::{Names, create, delete, envelope, patch, record, record_id, replace};
use crate::http::{
    call::Call,
    members::{members, misshapen, value},
    path::{CollectionPath, RecordPath},
    precondition,
};

/// One write of a batch.
pub(super) enum Operation {
    Create { record: v1::Record, id: Option<String> },
    Replace { record: v1::Record, id: String, etag: Option<String> },
    Patch { patch: Patch, id: String, etag: Option<String> },
    Delete { id: String, etag: Option<String> },
}

/// Reads `{"operations": […]}`.
///
/// # Errors
///
/// `malformed_json`, and `invalid_body` with a pointer for another shape.
pub(super) fn operations(body: &Bytes) -> Result<Vec<Operation>, Error> {
    let at = "/operations";
    let [list] = members(body, "", ["operations"])?;
    let list: Vec<&RawValue> = value(list.ok_or_else(|| misshapen().at(at, "is missing"))?, at, "an array")?;
    if !(1..=OPERATIONS).contains(&list.len()) {
        let what = format!("has {} operations; a batch has 1 to {OPERATIONS}", list.len());
        return Err(misshapen().at(at, what));
    }
    let read = |(place, json): (usize, &RawValue)| Operation::read(body, json, &format!("{at}/{place}"));
    list.into_iter().enumerate().map(read).collect()
}

impl Operation {
    fn read(body: &Bytes, json: &RawValue, at: &str) -> Result<Self, Error> {
        match members(json.get().as_bytes(), at, ["create", "replace", "patch", "delete"])? {
            [Some(json), None, None, None] => {
                let (record, id) = envelope(body, json.get().as_bytes(), &format!("{at}/create"))?;
                Ok(Self::Create { record, id })
            }
            [None, Some(json), None, None] => {
                let at = &format!("{at}/replace");
                let names = ["data", "id", "etag", "owner", "created_at", "updated_at", "version"];
                let [data, id, tag, ..] = members(json.get().as_bytes(), at, names)?;
                Ok(Self::Replace { record: record(body, data, at)?, id: demanded_id(id, at)?, etag: etag(tag, at)? })
            }
            [None, None, Some(json), None] => {
                let at = &format!("{at}/patch");
                let names = ["id", "merge_patch", "json_patch", "etag"];
                let [id, merge, operations, tag] = members(json.get().as_bytes(), at, names)?;
                let text = |json: &RawValue| body.slice_ref(json.get().as_bytes());
                let patch = match (merge, operations) {
                    (Some(merge), None) => Patch::MergePatch(text(merge)),
                    (None, Some(operations)) => Patch::JsonPatch(text(operations)),
                    _ => return Err(misshapen().at(at, "has not exactly one of merge_patch and json_patch")),
                };
                Ok(Self::Patch { patch, id: demanded_id(id, at)?, etag: etag(tag, at)? })
            }
            [None, None, None, Some(json)] => {
                let at = &format!("{at}/delete");
                let [id, tag] = members(json.get().as_bytes(), at, ["id", "etag"])?;
                Ok(Self::Delete { id: demanded_id(id, at)?, etag: etag(tag, at)? })
            }
            _ => Err(misshapen().at(at, "is not exactly one of create, replace, patch and delete")),
        }
    }

    /// The record's id, if it has one yet.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Create { id, .. } => id.as_deref(),
            Self::Replace { id, .. } | Self::Patch { id, .. } | Self::Delete { id, .. } => Some(id),
        }
    }

    /// Where in the operation that is which the single call has as its body.
    pub(super) fn place(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Replace { .. } => "replace",
            Self::Patch { patch: Patch::MergePatch(_), .. } => "patch/merge_patch",
            Self::Patch { patch: Patch::JsonPatch(_), .. } => "patch/json_patch",
            Self::Delete { .. } => "delete",
        }
    }

    /// Makes the write as the single call would; the status that this would have, and the record as it is after.
    pub(super) async fn make(
        self,
        call: &Call,
        collection: &CollectionPath,
        names: Names,
    ) -> Result<(StatusCode, Option<v1::Record>), Error> {
        let path = |id| RecordPath { collection: collection.collection.clone(), id };
        match self {
            Self::Create { record, id } => {
                Ok((StatusCode::CREATED, create::make(call, collection, record, id, names).await?))
            }
            Self::Replace { record, id, etag } => {
                let condition = etag.as_deref().and_then(precondition::one);
                let written = replace::put(call, &path(id), record, condition.as_ref(), names).await?;
                Ok((if written.created { StatusCode::CREATED } else { StatusCode::OK }, written.record))
            }
            Self::Patch { patch, id, etag } => {
                let condition = etag.as_deref().and_then(precondition::one);
                Ok((StatusCode::OK, patch::change(call, &path(id), patch, condition.as_ref(), names).await?))
            }
            Self::Delete { id, etag } => {
                let condition = etag.as_deref().and_then(precondition::one);
                delete::remove(call, &path(id), condition.as_ref(), names).await?;
                Ok((StatusCode::NO_CONTENT, None))
            }
        }
    }
}

fn demanded_id(id: Option<&RawValue>, at: &str) -> Result<String, Error> {
    record_id(id, at)?.ok_or_else(|| misshapen().at(format!("{at}/id"), "is missing"))
}

fn etag(tag: Option<&RawValue>, at: &str) -> Result<Option<String>, Error> {
    let at = format!("{at}/etag");
    let tag: Option<String> = tag.map(|tag| value(tag, &at, "a string")).transpose()?;
    if tag.as_deref().is_some_and(|tag| precondition::one(tag).is_none()) {
        return Err(misshapen().at(at, "is neither * nor one entity tag in its quotes"));
    }
    Ok(tag)
}
