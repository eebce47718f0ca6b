//! Changing `data` in part: JSON merge patch (RFC 7396) and JSON patch (RFC 6902).
//!
//! Members that a patch does not touch keep their order and the digits of their numbers (an exponent
//! gets a sign). No patch can make the document much larger or deeper than data may be at any step, nor
//! move its parts about without end: a few copies would otherwise double it beyond memory.

mod measure;
mod operations;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use skep_proto::{Code, Error};

pub use self::operations::Operation;
use self::{measure::depth, operations::Document};
use super::data::{self, MAX_BYTES, MAX_DEPTH};
use crate::store::Result;

/// A patch's text, not yet read.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 7396.
    Merge(Bytes),
    /// RFC 6902.
    Json(Bytes),
}

/// A patch that was read.
#[derive(Clone, Debug)]
pub enum Change {
    /// RFC 7396.
    Merge(Value),
    /// RFC 6902.
    Json(Vec<Operation>),
}

impl Patch {
    /// Reads the patch.
    ///
    /// # Errors
    /// `malformed_json`, `invalid_patch` for what is no patch, `payload_too_large`.
    pub fn read(&self) -> Result<Change> {
        match self {
            Self::Merge(text) => read(text, MAX_DEPTH).map(Change::Merge),
            // An operation's value lies two levels inside the patch.
            Self::Json(text) => read(text, MAX_DEPTH + 2).map(Change::Json),
        }
    }
}

impl Change {
    /// The data after the patch.
    ///
    /// # Errors
    /// `patch_conflict` for a patch that does not fit this data, `invalid_patch` for one that would break the bounds of
    /// data; what [`data::check`] says of the result.
    pub fn apply(&self, data: &[u8]) -> Result<Bytes> {
        let document = serde_json::from_slice(data).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        let patched = match self {
            Self::Merge(patch) => merged(document, patch.clone()),
            Self::Json(operations) => Document::new(document, data.len()).apply(operations.clone())?,
        };
        if !patched.is_object() {
            return Err(Error::new(Code::InvalidPatch, "the patch would make data something other than an object"));
        }
        if depth(&patched) > MAX_DEPTH {
            return Err(too_deep());
        }
        let text = serde_json::to_vec(&patched).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        if text.len() > MAX_BYTES {
            return Err(too_large(text.len()));
        }
        data::check(&text)?;
        Ok(text.into())
    }
}

fn too_deep() -> Error {
    Error::new(Code::InvalidPatch, format!("the patch would nest data deeper than {MAX_DEPTH} levels"))
}

/// No place in the patch is to blame.
fn too_large(bytes: usize) -> Error {
    Error { violations: Vec::new(), ..data::too_large(bytes) }
}

fn read<T: for<'de> Deserialize<'de>>(text: &[u8], depth: usize) -> Result<T> {
    data::check_depth(text, depth).map_err(|error| match error.code {
        Code::InvalidBody => too_deep(),
        Code::PayloadTooLarge => Error::new(error.code, format!("a patch has at most {MAX_BYTES} bytes")),
        _ => error,
    })?;
    // The library's own words may quote the text.
    serde_json::from_slice(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::new(Code::InvalidPatch, format!("this is not a patch, at {place}"))
    })
}

/// RFC 7396, 2. The patch is at most [`MAX_DEPTH`] deep, and so is the recursion.
fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    // Removed all at once: each alone would move those behind it.
    target.retain(|name, _| !patch.get(name).is_some_and(Value::is_null));
    for (name, change) in patch.into_iter().filter(|(_, change)| !change.is_null()) {
        let slot = target.entry(name).or_insert(Value::Null);
        *slot = merged(slot.take(), change);
    }
    Value::Object(target)
}
