//! What a definition may say.

use std::collections::HashSet;

use query::Path;
use rules::Rule;
use skep_proto::{Code, Error};

use super::Content;
use crate::store::Result;

const MAX_INDEXES: usize = 20;

/// Refuses a definition that could not be in force, with every place where it is wrong; its schema is looked at elsewhere.
pub(super) fn content(content: &Content) -> Result<()> {
    let mut error = Error::new(Code::InvalidDefinition, "the definition cannot be put in force");
    if content.indexes.len() > MAX_INDEXES {
        return Err(error.at("/indexes", format!("a collection has at most {MAX_INDEXES} indexes")));
    }
    let mut known = HashSet::new();
    for (i, path) in content.indexes.iter().enumerate() {
        if let Err(fault) = Path::data(path) {
            error = error.at(format!("/indexes/{i}"), fault.to_string());
        } else if !known.insert(path) {
            error = error.at(format!("/indexes/{i}"), "is named twice");
        }
    }
    let given = &content.rules;
    for (verb, rule) in [
        ("list", &given.list),
        ("get", &given.get),
        ("create", &given.create),
        ("update", &given.update),
        ("delete", &given.delete),
    ] {
        if let Some(Err(fault)) = rule.as_deref().map(Rule::compile) {
            error = error.at(format!("/rules/{verb}"), fault.to_string());
        }
    }
    if error.violations.is_empty() { Ok(()) } else { Err(error) }
}
