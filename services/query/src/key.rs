//! The one order of all values.

use crate::{json, number};

/// Bytes of a text and digits of a number that [`Key::truncated`] keeps.
pub const MAX_KEPT: usize = 1 << 10;

/// A zero byte within a text, and the end of a text. So no key begins another, and keys can be followed by any bytes.
const ESCAPED_ZERO: [u8; 2] = [0, 0xff];
const END: [u8; 2] = [0, 1];

/// The kinds of values, in their order: the first byte of a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// No value.
    Absent = 1,
    /// `null`
    Null,
    /// `false`
    False,
    /// `true`
    True,
    /// Numbers, compared exactly. (Exponents past ±10^18 count as that.)
    Number,
    /// Texts, by their UTF-8.
    Text,
    /// Arrays, all equal.
    Array,
    /// Objects, all equal.
    Object,
}

/// A value as bytes whose order is the order of values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// Of the value that `json` writes, which is known to be JSON.
    pub fn of(json: &[u8]) -> Self {
        match json.first() {
            None => Class::Absent.into(),
            Some(b'n') => Class::Null.into(),
            Some(b'f') => Class::False.into(),
            Some(b't') => Class::True.into(),
            Some(b'"') => Self::bytes(&json::unquoted(json)),
            Some(b'[') => Class::Array.into(),
            Some(b'{') => Class::Object.into(),
            Some(_) => Self::number(str::from_utf8(json).unwrap_or_default()),
        }
    }

    /// Of a text.
    pub fn text(text: &str) -> Self {
        Self::bytes(text.as_bytes())
    }

    /// Of a number in JSON's grammar.
    pub fn number(text: &str) -> Self {
        let mut key = vec![Class::Number as u8];
        number::encode(text, &mut key);
        Self(key)
    }

    fn bytes(text: &[u8]) -> Self {
        let mut key = Vec::with_capacity(text.len() + 3);
        key.push(Class::Text as u8);
        for (i, piece) in text.split(|byte| *byte == 0).enumerate() {
            key.extend_from_slice(if i > 0 { &ESCAPED_ZERO } else { &[] });
            key.extend_from_slice(piece);
        }
        key.extend_from_slice(&END);
        Self(key)
    }

    /// What kind of value it is of.
    pub fn class(&self) -> Class {
        [Class::Null, Class::False, Class::True, Class::Number, Class::Text, Class::Array, Class::Object]
            .into_iter()
            .find(|class| self.0.first() == Some(&(*class as u8)))
            .unwrap_or(Class::Absent)
    }

    /// Whether it is of null, a boolean, a number or a text.
    pub fn is_scalar(&self) -> bool {
        (Class::Null..=Class::Text).contains(&self.class())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As an index has it: a text by its first [`MAX_KEPT`] bytes, be that within a character, a number by as many
    /// digits. And whether anything was cut.
    ///
    /// Keys in order are still in order, and equal keys equal, but different keys can become equal.
    #[must_use]
    pub fn truncated(mut self) -> (Self, bool) {
        let (kept, end) = match self.class() {
            Class::Text => (cut_text(&self.0), END.len()),
            Class::Number => (number::cut(&self.0[1..], MAX_KEPT).map(|kept| kept + 1), 1),
            _ => (None, 0),
        };
        let Some(kept) = kept else { return (self, false) };
        self.0.drain(kept..self.0.len() - end);
        (self, true)
    }
}

/// Of what has no content: no text, no number.
impl From<Class> for Key {
    fn from(class: Class) -> Self {
        match class {
            Class::Number => Self::number("0"),
            Class::Text => Self::text(""),
            _ => Self(vec![class as u8]),
        }
    }
}

/// How many bytes of a text's key are its first [`MAX_KEPT`] bytes and the class; `None` if it has no more than these.
fn cut_text(key: &[u8]) -> Option<usize> {
    let mut at = 1;
    for _ in 0..MAX_KEPT.min(key.len()) {
        at += match key.get(at..)? {
            rest if rest == END => return None,
            rest if rest.starts_with(&ESCAPED_ZERO) => 2,
            _ => 1,
        };
    }
    (key.get(at..)? != END).then_some(at)
}
