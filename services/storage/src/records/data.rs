//! What may be kept as `data`: one pass over the text, without a tree and without recursion.
//!
//! The text is kept to the byte, so what one reader would understand otherwise than another is
//! refused: lone surrogates and repeated names (RFC 8259, 4 and 8.2; RFC 7493, 2).

use std::borrow::Cow;

use skep_proto::{Code, Error};

use crate::store::Result;

/// The largest `data`, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting; an object alone is 1.
pub const MAX_DEPTH: usize = 32;

/// Names with which the JSON library marks its own values: a patch would read them as something else.
const RESERVED: &str = "$serde_json::private::";

/// Checks that `text` is a JSON object that can be kept.
pub fn check(text: &[u8]) -> Result<()> {
    check_depth(text, MAX_DEPTH)?;
    let object = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if object { Ok(()) } else { Err(not_an_object()) }
}

/// Checks that `text` is JSON that can be read exactly, `depth` levels deep at most.
pub fn check_depth(text: &[u8], depth: usize) -> Result<()> {
    if text.len() > MAX_BYTES {
        return Err(too_large(text.len()));
    }
    let text = str::from_utf8(text).map_err(|error| malformed(error.valid_up_to(), "this is not UTF-8"))?;
    Scanner { text, at: 0, names: Vec::new() }.document(depth)
}

/// The data is JSON of another kind.
pub fn not_an_object() -> Error {
    Error::new(Code::InvalidBody, "data must be a JSON object").at("/data", "must be an object")
}

/// The data has `bytes` bytes.
pub fn too_large(bytes: usize) -> Error {
    let detail = format!("data has {bytes} bytes; at most {MAX_BYTES} are kept");
    Error::new(Code::PayloadTooLarge, detail).at("/data", "is too large")
}

/// The data is nested deeper than [`MAX_DEPTH`].
pub fn too_deep() -> Error {
    Error::new(Code::InvalidBody, format!("data is nested deeper than {MAX_DEPTH} levels")).at("/data", "is too deep")
}

fn malformed(at: usize, what: &str) -> Error {
    Error::new(Code::MalformedJson, format!("at byte {at} of the JSON text: {what}"))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn code(text: &str) -> Option<Code> {
        check(text.as_bytes()).err().map(|error| error.code)
    }

    #[test]
    fn keeps_what_is_exact_and_refuses_the_rest() {
        for kept in ["{}", " {\"a\" : [ ] , \"b\":{\"a\":-0.5e+7}} ", r#"{"a":1e999,"b":"\ud83d\ude00\u0000"}"#] {
            assert_eq!(code(kept), None, "{kept}");
        }
        for malformed in [
            "",
            "{",
            "{]",
            "[}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{a:1}",
            r#"{"a":01}"#,
            r#"{"a":NaN}"#,
            r#"{"a":1.}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":"\u"#,
            "{\"a\":\"\n\"}",
            r#"{"a":1,"\u0061":2}"#,
            "{} {}",
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"\u"#,
            r#"{"a":"\ud800"#,
        ] {
            assert_eq!(code(malformed), Some(Code::MalformedJson), "{malformed}");
        }
        assert_eq!(code("[]"), Some(Code::InvalidBody));
        let many: Vec<_> = (0..40).map(|i| format!("\"k{}\":0", i % 39)).collect();
        assert_eq!(code(&format!("{{{}}}", many.join(","))), Some(Code::MalformedJson));
    }

    #[test]
    fn bounds_depth_and_size() {
        let nested = |depth: usize| format!("{}{}", "{\"a\":".repeat(depth - 1) + "{}", "}".repeat(depth - 1));
        assert_eq!(code(&nested(MAX_DEPTH)), None);
        assert_eq!(code(&nested(MAX_DEPTH + 1)), Some(Code::InvalidBody));
        assert_eq!(code(&format!("{{\"a\":{}", "[".repeat(40_000))), Some(Code::InvalidBody));
        let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert_eq!(code(&sized(MAX_BYTES)), None);
        assert_eq!(code(&sized(MAX_BYTES + 1)), Some(Code::PayloadTooLarge));
    }

    proptest! {
        #[test]
        fn agrees_with_the_json_library(text in r#"\{("a"|"b\\u0061"|"\\ud83d"|1|-0\.5e3|true|nul|\[|\]|\{|\}|:|,| |\\|é){0,12}\}"#) {
            let parsed = serde_json::from_str::<Value>(&text);
            let repeated = code(&text).is_some() && parsed.as_ref().is_ok_and(|value| value.to_string().len() < text.replace(' ', "").len());
            prop_assert!(code(&text).is_none() == parsed.is_ok() || repeated, "{} {:?}", text, parsed);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
        }
    }
}
