//! The grammar of RFC 8259, read byte by byte.

use std::borrow::Cow;

use super::{malformed, too_deep};
use crate::store::Result;

/// Names with which the JSON library marks its own values: a patch would read them as something else.
const RESERVED: &str = "$serde_json::private::";

/// Reads a whole text, `depth` levels deep at most.
pub(super) fn document(text: &str, depth: usize) -> Result<()> {
    Scanner { text, at: 0, names: Vec::new() }.document(depth)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Names of the objects that are open, the innermost's last.
    names: Vec<Cow<'a, str>>,
}

/// An open array, or an open object and where its names begin.
enum Open {
    Array,
    Object(usize),
}

impl Scanner<'_> {
    fn document(mut self, depth: usize) -> Result<()> {
        let mut open = Vec::with_capacity(8);
        'value: loop {
            self.skip_space();
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b'{' | b'[') if open.len() == depth => return Err(too_deep()),
                Some(b'{') => {
                    self.at += 1;
                    open.push(Open::Object(self.names.len()));
                    self.skip_space();
                    if self.peek() != Some(b'}') {
                        self.name()?;
                        continue 'value;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    open.push(Open::Array);
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        continue 'value;
                    }
                }
                _ => self.literal()?,
            }
            // A value is behind us, or an empty container is about to close.
            loop {
                self.skip_space();
                match (open.last(), self.peek()) {
                    (None, None) => return Ok(()),
                    (Some(Open::Array), Some(b']')) => drop(open.pop()),
                    (Some(&Open::Object(first)), Some(b'}')) => {
                        self.refuse_repeated(first)?;
                        open.pop();
                    }
                    (Some(Open::Array), Some(b',')) => {
                        self.at += 1;
                        continue 'value;
                    }
                    (Some(Open::Object(_)), Some(b',')) => {
                        self.at += 1;
                        self.skip_space();
                        self.name()?;
                        continue 'value;
                    }
                    (None, Some(_)) => return Err(malformed(self.at, "there is text after the value")),
                    (Some(_), Some(_)) => return Err(malformed(self.at, "a comma or a closing bracket is missing")),
                    (Some(_), None) => return Err(malformed(self.at, "the text ends too early")),
                }
                self.at += 1;
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn name(&mut self) -> Result<()> {
        if self.peek() != Some(b'"') {
            return Err(malformed(self.at, "a name in quotes is missing"));
        }
        let start = self.at;
        let escaped = self.string()?;
        let quoted = &self.text[start..self.at];
        let name = if escaped {
            Cow::Owned(serde_json::from_str(quoted).map_err(|_| malformed(start, "this name cannot be read"))?)
        } else {
            Cow::Borrowed(&quoted[1..quoted.len() - 1])
        };
        if name.starts_with(RESERVED) {
            return Err(malformed(start, "this name is reserved"));
        }
        self.names.push(name);
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(malformed(self.at, "a colon is missing"));
        }
        self.at += 1;
        Ok(())
    }

    fn refuse_repeated(&mut self, first: usize) -> Result<()> {
        let names = &mut self.names[first..];
        let repeated = if names.len() <= 8 {
            (1..names.len()).find(|&i| names[..i].contains(&names[i])).map(|i| &names[i])
        } else {
            names.sort_unstable();
            names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &pair[0])
        };
        if let Some(name) = repeated {
            let name: String = name.chars().take(64).collect();
            return Err(malformed(self.at, &format!("the object that ends here has the name {name:?} more than once")));
        }
        self.names.truncate(first);
        Ok(())
    }

    /// Reads a string; `true` if it has escapes.
    fn string(&mut self) -> Result<bool> {
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..0x20) => return Err(malformed(self.at, "a control character in a string must be escaped")),
                Some(_) => self.at += 1,
                None => return Err(malformed(self.at, "a string is not closed")),
            }
        }
        self.at += 1;
        Ok(escaped)
    }

    fn escape(&mut self) -> Result<()> {
        let start = self.at;
        self.at += 2;
        match self.text.as_bytes().get(start + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.hex()? {
                0xd800..0xdc00 => {
                    let low = self.text.as_bytes()[self.at..].starts_with(b"\\u");
                    self.at += 2;
                    let paired = low && (0xdc00..0xe000).contains(&self.hex()?);
                    if paired { Ok(()) } else { Err(malformed(start, "a surrogate stands alone")) }
                }
                0xdc00..0xe000 => Err(malformed(start, "a surrogate stands alone")),
                _ => Ok(()),
            },
            _ => Err(malformed(start, "there is no such escape")),
        }
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| malformed(self.at, "four hexadecimal digits are missing"))?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<()> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(malformed(self.at, "a digit is missing")) }
    }

    fn literal(&mut self) -> Result<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let literal = ["true", "false", "null"].into_iter().find(|literal| rest.starts_with(literal.as_bytes()));
        self.at += literal.ok_or_else(|| malformed(self.at, "a value is missing"))?.len();
        Ok(())
    }
}
