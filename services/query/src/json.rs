//! Finding values in JSON that was checked when it was stored: one pass, no tree. Of other text it finds something or
//! nothing, in bounded time.

use std::{borrow::Cow, ops::Range};

pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a value.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.space();
        cursor
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    /// Reads the object here, if it is one: its names as they are written, each with the cursor at its value, which
    /// `member` must read.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, &'a [u8])) {
        let mut more = self.eat(b'{');
        self.space();
        while more && self.peek() == Some(b'"') {
            let name = self.value();
            self.eat(b':');
            self.space();
            member(self, name);
            more = self.eat(b',');
            self.space();
        }
        self.eat(b'}');
    }

    /// Reads the array here, if it is one, as long as `element` wants its elements.
    pub(crate) fn array(&mut self, mut element: impl FnMut(&'a [u8]) -> bool) {
        let mut more = self.eat(b'[');
        self.space();
        while more && !matches!(self.peek(), Some(b']') | None) {
            more = element(self.value()) && self.eat(b',');
            self.space();
        }
        self.eat(b']');
    }

    /// Reads the value here.
    pub(crate) fn value(&mut self) -> &'a [u8] {
        let start = self.at;
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => (self.at, open) = (self.at + 1, open + 1),
                b'}' | b']' if open > 0 => (self.at, open) = (self.at + 1, open - 1),
                _ if open > 0 => self.at += 1,
                _ => self.word(),
            }
            if open == 0 {
                break;
            }
        }
        &self.text[start..self.at]
    }

    /// A number, or a literal name.
    fn word(&mut self) {
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(is_end).unwrap_or(rest.len());
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(step) =
            self.text.get(self.at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\')))
        {
            let quote = self.text[self.at + step] == b'"';
            self.at += step + if quote { 1 } else { 2 };
            if quote {
                return;
            }
        }
        self.at = self.text.len();
    }
}

/// What a text in quotes says.
pub(crate) fn unquoted(quoted: &[u8]) -> Cow<'_, [u8]> {
    if quoted.contains(&b'\\') {
        return Cow::Owned(serde_json::from_slice::<String>(quoted).unwrap_or_default().into_bytes());
    }
    Cow::Borrowed(quoted.get(1..quoted.len() - 1).unwrap_or_default())
}

/// The values at `paths`, which are sorted and all different.
pub(crate) fn find<'a, P: AsRef<[String]>>(data: &'a [u8], paths: &[P]) -> Vec<Option<&'a [u8]>> {
    let mut found = vec![None; paths.len()];
    look(&mut Cursor::new(data), paths, 0, &mut found);
    found
}

/// Reads the value at the cursor, which is what the first `depth` names of `paths` lead to.
fn look<'a, P: AsRef<[String]>>(cursor: &mut Cursor<'a>, paths: &[P], depth: usize, found: &mut [Option<&'a [u8]>]) {
    let start = cursor.at;
    let here = usize::from(paths.first().is_some_and(|path| path.as_ref().len() == depth));
    let inside = &paths[here..];
    if !inside.is_empty() && cursor.peek() == Some(b'{') {
        cursor.object(|cursor, name| {
            let range = within(inside, depth, name);
            look(cursor, &inside[range.clone()], depth + 1, &mut found[here..][range]);
        });
    } else {
        cursor.value();
    }
    if here > 0 {
        found[0] = Some(&cursor.text[start..cursor.at]);
    }
}

/// Which of `paths`, sorted and longer than `depth`, go on with the name that is `quoted`.
pub(crate) fn within<P: AsRef<[String]>>(paths: &[P], depth: usize, quoted: &[u8]) -> Range<usize> {
    let name = unquoted(quoted);
    let compared = |path: &P| path.as_ref()[depth].as_bytes().cmp(&name);
    let start = paths.partition_point(|path| compared(path).is_lt());
    start..start + paths[start..].partition_point(|path| compared(path).is_eq())
}
