//! What is to change of a collection.

use serde_json::{Map, Value};
use similar::TextDiff;
use skep_proto::v1::{Collection, Rules};

use crate::tool::archive::last;

/// A collection as it is to be, and as it is.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) wanted: Collection,
    pub(super) stored: Option<Collection>,
}

impl Change {
    /// The name of the collection.
    pub(super) fn name(&self) -> &str {
        last(&self.wanted.name)
    }

    /// Whether there is nothing to do.
    pub(super) fn is_none(&self) -> anyhow::Result<bool> {
        Ok(self.stored.as_ref().map(value).transpose()? == Some(value(&self.wanted)?))
    }

    /// What becomes of the collection, for people: a unified diff where anything does.
    pub(super) fn show(&self) -> anyhow::Result<String> {
        let name = self.name();
        if self.is_none()? {
            return Ok(format!("{name}: unchanged"));
        }
        let pretty = |collection: &Collection| {
            let mut value = value(collection)?;
            // The order of names is no difference.
            value.sort_all_objects();
            Ok::<_, anyhow::Error>(format!("{value:#}\n"))
        };
        let before = self.stored.as_ref().map(pretty).transpose()?.unwrap_or_default();
        let after = pretty(&self.wanted)?;
        let (what, from) = if self.stored.is_some() { ("changed", name) } else { ("new", "/dev/null") };
        let diff = TextDiff::from_lines(&before, &after);
        Ok(format!("{name}: {what}\n{}", diff.unified_diff().header(from, name)))
    }
}

/// What a definition says; what it does not say is absent.
fn value(collection: &Collection) -> anyhow::Result<Value> {
    let mut value = Map::new();
    if !collection.schema.is_empty() {
        value.insert("schema".into(), serde_json::from_slice(&collection.schema)?);
    }
    if !collection.indexes.is_empty() {
        value.insert("indexes".into(), collection.indexes.clone().into());
    }
    let Rules { list, get, create, update, delete } = collection.rules.clone().unwrap_or_default();
    let rules = [("list", list), ("get", get), ("create", create), ("update", update), ("delete", delete)];
    let rules: Map<_, _> = rules.into_iter().filter_map(|(name, rule)| Some((name.to_owned(), rule?.into()))).collect();
    if !rules.is_empty() {
        value.insert("rules".into(), rules.into());
    }
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(schema: &'static str, indexes: &[&str]) -> Collection {
        let indexes = indexes.iter().map(|index| (*index).to_owned()).collect();
        Collection { name: "collections/c".into(), schema: schema.into(), indexes, ..Collection::default() }
    }

    #[test]
    fn values_are_compared_and_not_texts() {
        let stored = collection(r#"{"type": "object", "required": ["a"]}"#, &[]);
        let same = collection(r#"{"required":["a"],"type":"object"}"#, &[]);
        let change = Change { wanted: Collection { rules: Some(Rules::default()), ..same }, stored: Some(stored) };
        assert!(change.is_none().unwrap());
        assert_eq!(change.show().unwrap(), "c: unchanged");
    }

    #[test]
    fn what_changes_is_shown_and_nothing_else() {
        let stored = Some(collection(r#"{"type": "object", "required": ["a"]}"#, &[]));
        let change = Change { wanted: collection(r#"{"required":["a", "b"],"type":"object"}"#, &["a"]), stored };
        let shown = change.show().unwrap();
        assert!(shown.starts_with("c: changed\n--- c\n+++ c\n"), "{shown}");
        assert!(shown.contains("+      \"b\"") && !shown.contains("-    \"type\""), "{shown}");
        let new = Change { stored: None, ..change };
        assert!(!new.is_none().unwrap());
        assert!(new.show().unwrap().starts_with("c: new\n--- /dev/null\n+++ c\n"));
    }
}
