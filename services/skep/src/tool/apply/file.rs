//! The file that says how collections are to be.

use anyhow::anyhow;
use bytes::Bytes;
use kit::Failed;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::UserMessageFormatter;
use skep_proto::{Error, v1::Collection};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    collections: Map<String, Value>,
}

/// The definitions, in the order of the file: YAML, of which JSON is a part.
///
/// # Errors
/// With a line, or a pointer into the file.
pub(super) fn read(text: &str) -> anyhow::Result<Vec<Collection>> {
    // As YAML 1.2 has it: the word `no` is text.
    let options = serde_saphyr::options! { strict_booleans: true };
    let Text { collections } = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        Failed::data(anyhow!("{}", error.without_snippet().render_with_formatter(&UserMessageFormatter)))
    })?;
    let read = |(name, definition): (String, Value)| {
        let body = Bytes::from(definition.to_string());
        Ok(gate::definition(&body, &name).map_err(|error| within(&name, error))?)
    };
    collections.into_iter().map(read).collect()
}

/// Has an error of a definition point into the file.
pub(super) fn within(collection: &str, error: Error) -> Error {
    let name = collection.replace('~', "~0").replace('/', "~1");
    error.within(collection).under(&format!("/collections/{name}"))
}

#[cfg(test)]
mod tests {
    use skep_proto::v1::Rules;

    use super::*;

    #[test]
    fn yaml_and_json_say_the_same() {
        let yaml = "collections:\n  b:\n    indexes: [author]\n    schema:\n      type: object\n    rules:\n      list: 'true'\n  a: {}\n";
        let json = r#"{"collections": {
	"b": {"indexes": ["author"], "schema": {"type": "object"}, "rules": {"list": "true"}}, "a": {}}}"#;
        let read = read(yaml).unwrap();
        assert_eq!(read, super::read(json).unwrap());
        assert_eq!(read.iter().map(|read| &*read.name).collect::<Vec<_>>(), ["collections/b", "collections/a"]);
        assert_eq!((&read[0].schema[..], &read[0].indexes[..]), (&br#"{"type":"object"}"#[..], &["author".into()][..]));
        assert_eq!(read[0].rules, Some(Rules { list: Some("true".into()), ..Rules::default() }));
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (text, place) in [
            ("collections:\n  a: {\n", "line"),
            ("collection: {}\n", "collection"),
            ("collections:\n  a: {}\n  a: {}\n", "line 3"),
            ("", ""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.downcast_ref::<Error>().is_none() && error.to_string().contains(place), "{text}: {error}");
        }
        for (text, place) in [
            ("collections: {a: {rules: {list: true}}}", "/collections/a/rules/list"),
            ("collections: {a: {scheme: {}}}", "/collections/a/scheme"),
            ("collections: {a: }", "/collections/a"),
        ] {
            let error = read(text).unwrap_err().downcast::<Error>().unwrap();
            assert_eq!(error.violations[0].pointer, place, "{text}");
        }
    }
}
