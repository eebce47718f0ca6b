//! `If-Match` and `If-None-Match` (RFC 9110, 13.1).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::{Code, Error};

/// What a precondition names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition<'a> {
    /// `*`: any state at all.
    Any,
    /// One of these.
    Tags(Vec<Tag<'a>>),
}

/// An entity tag as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    weak: bool,
    /// With its quotes, as the contract has it. A tag beyond ASCII is well-formed and never ours.
    opaque: &'a [u8],
}

impl Condition<'_> {
    /// Whether the state named `etag` is meant, by weak comparison: for `If-None-Match`.
    pub(crate) fn matches_weakly(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.iter().any(|tag| tag.opaque == etag.as_bytes()),
        }
    }

    /// Whether the state named `etag` is demanded, by strong comparison: for `If-Match` where it is read.
    ///
    /// # Errors
    ///
    /// `precondition_failed`
    pub(crate) fn met_by(&self, etag: &str) -> Result<(), Error> {
        if matches!(self, Self::Any) || self.strong().contains(&etag) {
            return Ok(());
        }
        Err(Error::new(Code::PreconditionFailed, "the state has none of the entity tags in If-Match"))
    }

    /// The tags that can match strongly, for `If-Match`: a weak one never does.
    pub(crate) fn strong(&self) -> Vec<&str> {
        match self {
            Self::Any => Vec::new(),
            Self::Tags(tags) => {
                tags.iter().filter(|tag| !tag.weak).filter_map(|tag| str::from_utf8(tag.opaque).ok()).collect()
            }
        }
    }
}

/// The condition in the header `name`, all of its lines together.
pub(crate) fn parse<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Condition<'a>>, Error> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes).peekable();
    let Some(first) = lines.peek() else { return Ok(None) };
    if *first == b"*" {
        lines.next();
        return lines.next().map_or(Ok(Some(Condition::Any)), |_| Err(malformed(name)));
    }
    let mut tags = Vec::with_capacity(1);
    for line in lines {
        read(line, &mut tags).ok_or_else(|| malformed(name))?;
    }
    if tags.is_empty() { Err(malformed(name)) } else { Ok(Some(Condition::Tags(tags))) }
}

/// The condition in a text of its own, not a header: `*`, or one entity tag. `None` for another form.
pub(crate) fn one(text: &str) -> Option<Condition<'_>> {
    if text == "*" {
        return Some(Condition::Any);
    }
    let mut tags = Vec::with_capacity(1);
    read(text.as_bytes(), &mut tags)?;
    let whole = |tag: &Tag<'_>| text.strip_prefix("W/").unwrap_or(text).len() == tag.opaque.len();
    (tags.len() == 1 && whole(&tags[0])).then_some(Condition::Tags(tags))
}

/// Refuses what a call cannot honour: to pass over a precondition could lose an update.
pub(crate) fn refuse(headers: &HeaderMap, names: &[HeaderName]) -> Result<(), Error> {
    match names.iter().find(|name| headers.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::new(Code::Unsupported, format!("this call takes no {}", canonical(name)))),
    }
}

/// Adds the tags of one line: a list with optional white space and empty elements (RFC 9110, 5.6.1).
fn read<'a>(mut line: &'a [u8], tags: &mut Vec<Tag<'a>>) -> Option<()> {
    let mut separated = true;
    while let Some((&byte, rest)) = line.split_first() {
        match byte {
            b' ' | b'\t' => line = rest,
            b',' => (line, separated) = (rest, true),
            _ if separated => {
                let (weak, quoted) = line.strip_prefix(b"W/").map_or((false, line), |quoted| (true, quoted));
                let inner = quoted.strip_prefix(b"\"")?;
                let length = inner.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))?;
                inner[length..].strip_prefix(b"\"")?;
                let (opaque, rest) = quoted.split_at(length + 2);
                tags.push(Tag { weak, opaque });
                (line, separated) = (rest, false);
            }
            _ => return None,
        }
    }
    Some(())
}

fn malformed(name: &HeaderName) -> Error {
    let detail = format!("{} is neither * nor a list of quoted entity tags", canonical(name));
    Error::new(Code::InvalidArgument, detail)
}

fn canonical(name: &HeaderName) -> &str {
    if name == IF_MATCH {
        "If-Match"
    } else if name == IF_NONE_MATCH {
        "If-None-Match"
    } else {
        name.as_str()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().filter_map(|line| Some((IF_MATCH, HeaderValue::from_bytes(line).ok()?))).collect()
    }

    #[test]
    fn lists_are_read_over_lines() {
        let headers = headers(&[b"\"a\" ,, W/\"b\"", b"\"\""]);
        let condition = parse(&headers, &IF_MATCH).unwrap().unwrap();
        assert_eq!(condition.strong(), ["\"a\"", "\"\""]);
        assert!(condition.matches_weakly("\"b\""));
        assert!(!condition.matches_weakly("b"));
        assert_eq!(parse(&headers, &IF_NONE_MATCH), Ok(None));
        assert!(refuse(&headers, &[IF_NONE_MATCH]).is_ok());
        assert!(refuse(&headers, &[IF_MATCH]).is_err());
    }

    #[test]
    fn malformed_conditions_are_refused() {
        for lines in [
            &[&b""[..]][..],
            &[b","],
            &[b"a"],
            &[b"\"a"],
            &[b"\"a\"\"b\""],
            &[b"\"a\" \"b\""],
            &[b"*, \"a\""],
            &[b"*", b"*"],
            &[b"\"a\"", b"*"],
            &[b"w/\"a\""],
            &[b"\"a b\""],
        ] {
            assert_eq!(parse(&headers(lines), &IF_MATCH).unwrap_err().code, Code::InvalidArgument, "{lines:?}");
        }
        assert_eq!(parse(&headers(&[b"*"]), &IF_MATCH), Ok(Some(Condition::Any)));
    }

    #[test]
    fn a_text_of_its_own_is_one_tag() {
        assert_eq!(one("*"), Some(Condition::Any));
        assert_eq!(one("\"a\"").unwrap().strong(), ["\"a\""]);
        assert!(one("W/\"a\"").unwrap().strong().is_empty());
        for text in ["", "a", "\"a", "\"a\",", " \"a\"", "\"a\", \"b\"", "**", "W/*", "w/\"a\"", "\"a b\""] {
            assert_eq!(one(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn well_formed_lists_round_trip(tags in prop::collection::vec((any::<bool>(), "\"[!#-~]{0,20}\""), 1..9)) {
            let line = tags.iter().map(|(weak, tag)| format!("{}{tag}", if *weak { "W/" } else { "" })).collect::<Vec<_>>();
            let headers = headers(&[line.join(", ").as_bytes()]);
            let strong: Vec<_> = tags.iter().filter(|(weak, _)| !weak).map(|(_, tag)| tag.as_str()).collect();
            let condition = parse(&headers, &IF_MATCH).unwrap().unwrap();
            prop_assert_eq!(condition.strong(), strong);
        }

        #[test]
        fn any_bytes_are_read_or_refused(line in prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'W'), any::<u8>()], 0..40)) {
            let headers = headers(&[&line]);
            let _ = parse(&headers, &IF_MATCH);
        }
    }
}
