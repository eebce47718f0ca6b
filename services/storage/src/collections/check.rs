//! What a definition may say.

use std::collections::HashSet;

use skep_proto::{Code, Error};

use super::Content;
use crate::{records::data, store::Result};

const MAX_INDEXES: usize = 20;
const MAX_RULE: usize = 4 << 10;
const MAX_SCHEMA: usize = 64 << 10;
const MAX_PATH: usize = 255;

/// Refuses a definition that could not be in force, with every place where it is wrong.
pub(super) fn content(content: &Content) -> Result<()> {
    let mut error = Error::new(Code::InvalidDefinition, "the definition cannot be put in force");
    if let Err(why) = schema(&content.schema) {
        error = error.at("/schema", why);
    }
    if content.indexes.len() > MAX_INDEXES {
        error = error.at("/indexes", format!("a collection has at most {MAX_INDEXES} indexes"));
    }
    let mut known = HashSet::new();
    for (i, path) in content.indexes.iter().enumerate() {
        if !is_path(path) {
            error =
                error.at(format!("/indexes/{i}"), format!("must be names joined by dots, at most {MAX_PATH} bytes"));
        } else if !known.insert(path) {
            error = error.at(format!("/indexes/{i}"), "is named twice");
        }
    }
    let rules = &content.rules;
    for (verb, rule) in [
        ("list", &rules.list),
        ("get", &rules.get),
        ("create", &rules.create),
        ("update", &rules.update),
        ("delete", &rules.delete),
    ] {
        if rule.as_ref().is_some_and(|rule| rule.len() > MAX_RULE) {
            error = error.at(format!("/rules/{verb}"), format!("a rule has at most {MAX_RULE} bytes"));
        }
    }
    if error.violations.is_empty() { Ok(()) } else { Err(error) }
}

fn schema(text: &[u8]) -> std::result::Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    if text.len() > MAX_SCHEMA {
        return Err(format!("a schema has at most {MAX_SCHEMA} bytes"));
    }
    data::check_depth(text, data::MAX_DEPTH).map_err(|error| error.detail)?;
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b't' | b'f')) { Ok(()) } else { Err("a schema is an object, true or false".into()) }
}

fn is_path(path: &str) -> bool {
    path.len() <= MAX_PATH && path.split('.').all(|name| !name.is_empty() && !name.contains(char::is_control))
}
