use std::fmt::{self, Write};

/// Writes text into a JSON string: nothing in it ends the string or the line, or speaks to a terminal.
/// What is longer than the limit is cut, with a mark.
pub(super) struct Escaped<'a> {
    to: &'a mut String,
    left: usize,
}

impl<'a> Escaped<'a> {
    pub(super) fn new(to: &'a mut String, limit: usize) -> Self {
        Self { to, left: limit }
    }
}

impl Write for Escaped<'_> {
    /// An error is the limit: whoever formats can stop.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = &text[..text.floor_char_boundary(self.left)];
        if is_plain(kept) {
            self.to.push_str(kept);
        } else {
            self.escape(kept)?;
        }
        self.left -= kept.len();
        if kept.len() == text.len() {
            return Ok(());
        }
        self.left = 0;
        self.to.push('…');
        Err(fmt::Error)
    }
}

impl Escaped<'_> {
    fn escape(&mut self, kept: &str) -> fmt::Result {
        let mut done = 0;
        for (at, c) in kept.char_indices() {
            let control = c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c);
            if !control && c != '"' && c != '\\' {
                continue;
            }
            self.to.push_str(&kept[done..at]);
            match c {
                '\n' => self.to.push_str("\\n"),
                '"' => self.to.push_str("\\\""),
                '\\' => self.to.push_str("\\\\"),
                _ => write!(self.to, "\\u{:04x}", u32::from(c))?,
            }
            done = at + c.len_utf8();
        }
        self.to.push_str(&kept[done..]);
        Ok(())
    }
}

/// Whether all of it may stand in a JSON string as it is. Looks at every byte without a branch, which the
/// compiler turns into a few wide instructions.
#[expect(clippy::needless_bitwise_bool, reason = "a branch for each byte is several times slower")]
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (b' '..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\'))
}
