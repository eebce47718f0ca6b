//! JSON patch (RFC 6902).

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use skep_proto::{Code, Error};

use super::{
    measure::{depth, same, text_length},
    too_deep, too_large,
};
use crate::{
    records::data::{MAX_BYTES, MAX_DEPTH},
    store::Result,
};

/// What the text may grow to between two operations: a later one may take it back.
const LARGEST: usize = 2 * MAX_BYTES;
/// What a patch may move about: bytes copied or compared, and neighbours shifted, altogether.
const MAX_WORK: usize = 16 << 20;

/// One step of a JSON patch.
#[derive(Clone, Debug, Deserialize)]
pub struct Operation {
    op: Verb,
    path: String,
    from: Option<String>,
    /// Told apart: absent, and null.
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
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

/// Data under a patch.
pub(super) struct Document {
    root: Value,
    /// What the text may have grown to: at least its length. Measured anew when it passes the bound.
    size: usize,
    /// Spent of [`MAX_WORK`].
    work: usize,
}

impl Document {
    /// Data whose text has `size` bytes.
    pub(super) fn new(root: Value, size: usize) -> Self {
        Self { root, size, work: 0 }
    }

    pub(super) fn apply(mut self, operations: Vec<Operation>) -> Result<Value> {
        for (index, operation) in operations.into_iter().enumerate() {
            self.step(operation).map_err(|error| {
                let error = error.within(format_args!("operation {index}"));
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
                let from = from()?;
                let length = text_length(self.find(&from)?);
                self.spend(length)?;
                let value = self.find(&from)?.clone();
                self.add(&path, value)
            }
            Verb::Test => {
                let value = value()?;
                let lengths = text_length(&value) + text_length(self.find(&path)?);
                self.spend(lengths)?;
                if same(self.find(&path)?, &value) { Ok(()) } else { Err(conflict("the tested value is another")) }
            }
        }
    }

    fn spend(&mut self, work: usize) -> Result<()> {
        self.work += work;
        let exhausted = || Error::new(Code::InvalidPatch, "the patch moves too much about: replace the data instead");
        if self.work > MAX_WORK { Err(exhausted()) } else { Ok(()) }
    }

    /// Refuses a value that would make the document too deep or too large at `path`.
    fn admit(&mut self, path: &str, value: &Value) -> Result<()> {
        if path.matches('/').count() + depth(value) > MAX_DEPTH {
            return Err(too_deep());
        }
        let added = text_length(value) + path.len();
        self.size += added;
        if self.size > LARGEST {
            self.size = text_length(&self.root) + added;
            self.spend(self.size)?;
        }
        if self.size > LARGEST { Err(too_large(self.size)) } else { Ok(()) }
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
        let mut shifted = 0;
        match parent {
            Value::Object(members) => drop(members.insert(name, value)),
            Value::Array(elements) => {
                let index = if name == "-" { Some(elements.len()) } else { index(&name) };
                let index = index.filter(|index| *index <= elements.len());
                let index = index.ok_or_else(|| conflict("there is no such place in the array"))?;
                shifted = elements.len() - index;
                elements.insert(index, value);
            }
            _ => return Err(conflict("the path leads through a value that holds none")),
        }
        self.spend(shifted)
    }

    fn remove(&mut self, path: &str) -> Result<Value> {
        let Some((parent, name)) = self.parent(path)? else { return Ok(self.root.take()) };
        let (removed, shifted) = match parent {
            Value::Object(members) => (members.shift_remove(&name), members.len()),
            Value::Array(elements) => {
                let index = index(&name).filter(|index| *index < elements.len());
                (index.map(|index| elements.remove(index)), elements.len())
            }
            _ => (None, 0),
        };
        self.spend(shifted)?;
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
