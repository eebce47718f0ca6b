//! Reading the language's texts, with places.

use crate::Fault;

/// Characters of a client's own that a fault shows.
const SHOWN: usize = 32;

pub(crate) struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// In bytes, for [`Self::fault`] and [`Self::place`].
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(crate) fn eat(&mut self, token: &str) -> bool {
        let is = self.rest().starts_with(token);
        self.at += if is { token.len() } else { 0 };
        is
    }

    /// The characters from here that are `such`, without reading them.
    pub(crate) fn run(&self, such: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(|c| !such(c)).unwrap_or(rest.len())]
    }

    /// The text in quotes that begins here, its escapes as in JSON; within `'`, also `\'`.
    pub(crate) fn quoted(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let mut chars = self.rest().char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        let mut json = String::from('"');
        loop {
            match chars.next() {
                Some((end, c)) if Some(c) == quote => {
                    self.at += end + 1;
                    break;
                }
                Some((_, '\\')) => match chars.next() {
                    Some((_, '\'')) if quote == Some('\'') => json.push('\''),
                    Some((_, c)) => json.extend(['\\', c]),
                    None => {}
                },
                Some((_, '"')) => json.push_str("\\\""),
                Some((_, c)) => json.push(c),
                None => return Err(self.fault(start, "this text is not closed: a quote is missing")),
            }
        }
        json.push('"');
        serde_json::from_str(&json).map_err(|_| {
            let what = "this text has an escape that JSON has not, half a surrogate pair, or a control character, which \
                        wants an escape";
            self.fault(start, what)
        })
    }

    /// Refuses what is left.
    pub(crate) fn end(&self, what: &str) -> Result<(), Fault> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.fault(self.at, what)) }
    }

    pub(crate) fn fault(&self, at: usize, what: impl Into<String>) -> Fault {
        Fault { at: self.place(at), what: what.into() }
    }

    /// The place of the byte `at`: in characters, from 1.
    pub(crate) fn place(&self, at: usize) -> usize {
        self.text[..self.text.floor_char_boundary(at)].chars().count() + 1
    }
}

/// As much of `text` as a fault shows.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
