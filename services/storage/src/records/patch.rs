//! Changing `data` in part: JSON merge patch (RFC 7396) and JSON patch (RFC 6902).
//!
//! Members that a patch does not touch keep their order and the digits of their numbers (an exponent
//! gets a sign). No patch
//! can make the document larger or deeper than data may be, at any step: a few copies would
//! otherwise double it beyond memory.

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use skep_proto::{Code, Error};

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

impl Patch {
    /// The data after the patch.
    ///
    /// # Errors
    /// `malformed_json`, `invalid_patch` for what is no patch; `patch_conflict` for one that does not fit this data;
    /// what [`data::check`] says of the result.
    pub fn apply(&self, data: &[u8]) -> Result<Bytes> {
        let document = serde_json::from_slice(data).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        let patched = match self {
            Self::Merge(text) => merged(document, read(text, MAX_DEPTH)?),
            // An operation's value lies two levels inside the patch.
            Self::Json(text) => Document::new(document, data.len()).apply(read(text, MAX_DEPTH + 2)?)?,
        };
        if !patched.is_object() {
            return Err(data::not_an_object());
        }
        let text = serde_json::to_vec(&patched).map_err(|e| Error::new(Code::Internal, e.to_string()))?;
        data::check(&text)?;
        Ok(text.into())
    }
}

fn read<T: for<'de> Deserialize<'de>>(text: &[u8], depth: usize) -> Result<T> {
    data::check_depth(text, depth)?;
    serde_json::from_slice(text).map_err(|error| Error::new(Code::InvalidPatch, error.to_string()))
}

/// RFC 7396, 2. The patch is at most [`MAX_DEPTH`] deep, and so is the recursion.
fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (name, change) in patch {
        if change.is_null() {
            target.shift_remove(&name);
        } else {
            let slot = target.entry(name).or_insert(Value::Null);
            *slot = merged(slot.take(), change);
        }
    }
    Value::Object(target)
}

#[derive(Deserialize)]
struct Operation {
    op: Verb,
    path: String,
    from: Option<String>,
    /// Told apart: absent, and null.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verb {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

fn present<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

struct Document {
    root: Value,
    /// What the text may have grown to: at least its length. Measured anew when it passes the bound.
    size: usize,
}

impl Document {
    fn new(root: Value, size: usize) -> Self {
        Self { root, size }
    }

    fn apply(mut self, operations: Vec<Operation>) -> Result<Value> {
        for (index, operation) in operations.into_iter().enumerate() {
            self.step(operation).map_err(|mut error| {
                error.detail = format!("operation {index}: {}", error.detail);
                if error.code == Code::PatchConflict {
                    error.at(format!("/{index}"), "does not fit the record")
                } else {
                    error
                }
            })?;
        }
        Ok(self.root)
    }

    fn step(&mut self, operation: Operation) -> Result<()> {
        let Operation { op, path, from, value } = operation;
        let value = || value.ok_or_else(|| Error::new(Code::InvalidPatch, "value is missing"));
        let from = || from.ok_or_else(|| Error::new(Code::InvalidPatch, "from is missing"));
        match op {
            Verb::Add => self.add(&path, value()?),
            Verb::Remove => self.remove(&path).map(drop),
            Verb::Replace => {
                let value = value()?;
                self.admit(&path, &value)?;
                *self.find(&path)? = value;
                Ok(())
            }
            Verb::Move => {
                let from = from()?;
                if path.strip_prefix(&from).is_some_and(|rest| rest.starts_with('/')) {
                    return Err(conflict("a value cannot be moved into itself"));
                }
                let value = self.remove(&from)?;
                self.add(&path, value)
            }
            Verb::Copy => {
                let value = self.find(&from()?)?;
                if text_length(value) > MAX_BYTES {
                    return Err(data::too_large(text_length(value)));
                }
                let value = value.clone();
                self.add(&path, value)
            }
            Verb::Test if same(self.find(&path)?, &value()?) => Ok(()),
            Verb::Test => Err(conflict("the tested value is another")),
        }
    }

    /// Refuses a value that would make the document too deep or too large at `path`.
    fn admit(&mut self, path: &str, value: &Value) -> Result<()> {
        if path.matches('/').count() + depth(value) > MAX_DEPTH {
            return Err(data::too_deep());
        }
        let added = text_length(value) + path.len();
        self.size += added;
        if self.size > MAX_BYTES {
            self.size = text_length(&self.root) + added;
        }
        // Some way beyond the bound is let pass: a later operation may take it back.
        if self.size > 2 * MAX_BYTES { Err(data::too_large(self.size)) } else { Ok(()) }
    }

    fn find(&mut self, path: &str) -> Result<&mut Value> {
        well_formed(path)?;
        self.root.pointer_mut(path).ok_or_else(|| conflict("there is nothing at the path"))
    }

    fn add(&mut self, path: &str, value: Value) -> Result<()> {
        self.admit(path, &value)?;
        let Some((parent, name)) = self.parent(path)? else {
            self.root = value;
            return Ok(());
        };
        match parent {
            Value::Object(members) => drop(members.insert(name, value)),
            Value::Array(elements) => {
                let index = if name == "-" { Some(elements.len()) } else { index(&name) };
                let index = index.filter(|index| *index <= elements.len());
                elements.insert(index.ok_or_else(|| conflict("there is no such place in the array"))?, value);
            }
            _ => return Err(conflict("the path leads through a value that holds none")),
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<Value> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(self.root.take()) };
        let removed = match parent {
            Value::Object(members) => members.shift_remove(&name),
            Value::Array(elements) => index(&name).filter(|i| *i < elements.len()).map(|i| elements.remove(i)),
            _ => None,
        };
        removed.ok_or_else(|| conflict("there is nothing at the path"))
    }

    /// What holds the value at `path`, and under which name; `None` for the whole document.
    fn parent(&mut self, path: &str) -> Result<Option<(&mut Value, String)>> {
        well_formed(path)?;
        let Some((parent, name)) = path.rsplit_once('/') else { return Ok(None) };
        Ok(Some((self.find(parent)?, name.replace("~1", "/").replace("~0", "~"))))
    }
}

fn conflict(why: &str) -> Error {
    Error::new(Code::PatchConflict, why)
}

/// RFC 6901, 3.
fn well_formed(pointer: &str) -> Result<()> {
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if escapes && (pointer.is_empty() || pointer.starts_with('/')) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidPatch,
        "a path is a JSON pointer: empty, or with a slash first and ~ only in ~0 and ~1",
    ))
}

/// RFC 6901, 4: no leading zeros, no sign.
fn index(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    plain.then(|| name.parse().ok()).flatten()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The length of the value's text, without writing it: exact but for escapes, which are counted at their longest.
fn text_length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => string_length(text),
        Value::Array(elements) => 2 + elements.iter().map(|element| text_length(element) + 1).sum::<usize>(),
        Value::Object(members) => {
            2 + members.iter().map(|(name, value)| string_length(name) + text_length(value) + 2).sum::<usize>()
        }
    }
}

fn string_length(text: &str) -> usize {
    2 + text
        .bytes()
        .map(|byte| if byte < 0x20 { 6 } else { 1 + usize::from(matches!(byte, b'"' | b'\\')) })
        .sum::<usize>()
}

/// RFC 6902, 4.6: numbers are equal by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn same_number(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        // 2^53 + 1 and 2^53 + 1.0 differ as text and are one double: doubles decide only where a fraction or exponent is.
        _ => a.as_f64().is_some_and(|a| b.as_f64() == Some(a)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(data: &str, patch: &str) -> std::result::Result<String, Code> {
        Patch::Json(Bytes::copy_from_slice(patch.as_bytes())).apply(data.as_bytes()).map_err(|e| e.code).map(text)
    }

    fn merge(data: &str, patch: &str) -> std::result::Result<String, Code> {
        Patch::Merge(Bytes::copy_from_slice(patch.as_bytes())).apply(data.as_bytes()).map_err(|e| e.code).map(text)
    }

    fn text(bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8(bytes.as_ref().to_vec()).expect("UTF-8")
    }

    #[test]
    fn merges_by_the_examples_of_the_rfc() {
        for (data, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b","b":"c","c":1}"#, r#"{"a":null}"#, r#"{"b":"c","c":1}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"e":null}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"e":null,"a":{"bb":{}}}"#),
            (r#"{"n":9007199254740993,"f":1.10}"#, r#"{"z":1e400}"#, r#"{"n":9007199254740993,"f":1.10,"z":1e+400}"#),
        ] {
            assert_eq!(merge(data, patch).as_deref(), Ok(result));
        }
        assert_eq!(merge("{}", "[1]"), Err(Code::InvalidBody));
        assert_eq!(merge("{}", "{"), Err(Code::MalformedJson));
    }

    #[test]
    fn patches_by_the_examples_of_the_rfc() {
        for (data, patch, result) in [
            (
                r#"{"foo":["bar","baz"]}"#,
                r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
                r#"{"foo":["bar","qux","baz"]}"#,
            ),
            (r#"{"a":1,"b":2,"c":3}"#, r#"[{"op":"remove","path":"/a"}]"#, r#"{"b":2,"c":3}"#),
            (r#"{"a":{"b":1},"c":{}}"#, r#"[{"op":"move","from":"/a/b","path":"/c/d"}]"#, r#"{"a":{},"c":{"d":1}}"#),
            (
                r#"{"a/b":1,"m~n":2}"#,
                r#"[{"op":"replace","path":"/a~1b","value":null},{"op":"test","path":"/m~0n","value":2.0}]"#,
                r#"{"a/b":null,"m~n":2}"#,
            ),
            (r#"{"a":[1]}"#, r#"[{"op":"copy","from":"/a","path":"/a/-"}]"#, r#"{"a":[1,[1]]}"#),
            (r#"{"a":1}"#, r#"[{"op":"add","path":"","value":{"b":[]}}]"#, r#"{"b":[]}"#),
        ] {
            assert_eq!(json(data, patch).as_deref(), Ok(result), "{patch}");
        }
        for (patch, code) in [
            (r#"[{"op":"test","path":"/a","value":9007199254740992}]"#, Code::PatchConflict),
            (r#"[{"op":"remove","path":"/b"}]"#, Code::PatchConflict),
            (r#"[{"op":"add","path":"/l/01","value":1}]"#, Code::PatchConflict),
            (r#"[{"op":"add","path":"/l/2","value":1}]"#, Code::PatchConflict),
            (r#"[{"op":"move","from":"/l","path":"/l/0"}]"#, Code::PatchConflict),
            (r#"[{"op":"add","path":"/x"}]"#, Code::InvalidPatch),
            (r#"[{"op":"add","path":"x","value":1}]"#, Code::InvalidPatch),
            (r#"[{"op":"frob","path":"/x"}]"#, Code::InvalidPatch),
            (r#"{"op":"add"}"#, Code::InvalidPatch),
            (r#"[{"op":"remove","path":""}]"#, Code::InvalidBody),
        ] {
            assert_eq!(json(r#"{"a":9007199254740993,"l":[0]}"#, patch), Err(code), "{patch}");
        }
    }

    #[test]
    fn copies_cannot_outgrow_the_bounds() {
        let doubling = r#"{"op":"copy","from":"/a","path":"/a/-"},"#.repeat(40);
        let bomb = format!("[{}]", doubling.trim_end_matches(','));
        assert!(matches!(json(r#"{"a":["xxxxxxxxxx"]}"#, &bomb), Err(Code::InvalidBody | Code::PayloadTooLarge)));
        let wide = r#"{"op":"copy","from":"/a","path":"/b/-"},"#.repeat(9000);
        let bomb = format!("[{}]", wide.trim_end_matches(','));
        let data = format!(r#"{{"a":"{}","b":[]}}"#, "x".repeat(100_000));
        assert_eq!(json(&data, &bomb), Err(Code::PayloadTooLarge));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "[a~/é\"]{0,3}".prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[ab~/]{0,2}", inner), 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_merge_makes_what_its_patch_says(data in value(), patch in value()) {
            let merged = merged(data, patch.clone());
            prop_assert_eq!(super::merged(merged.clone(), patch), merged);
        }

        #[test]
        fn the_length_is_never_underestimated(value in value()) {
            prop_assert!(text_length(&value) >= value.to_string().len());
        }

        #[test]
        fn no_patch_panics(data in value(), op in "add|remove|replace|move|copy|test", path in "(/(a|b|0|1|-|~0|~1|~)){0,3}", from in "(/(a|b|0|1|-)){0,3}", patch in value()) {
            let patch = serde_json::json!([{"op": op, "path": path, "from": from, "value": patch}]);
            let _ = json(&serde_json::json!({"a": data}).to_string(), &patch.to_string());
        }
    }
}
