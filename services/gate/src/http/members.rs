//! JSON objects of a known shape, read without touching what is inside their members.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{Deserializer as _, MapAccess, Visitor},
};
use serde_json::{Deserializer, error::Category, value::RawValue};
use skep_proto::{Code, Error};

/// So many places are told at most.
const PLACES: usize = 16;

/// The members `names` of the object `json`, in their order, as they are written; `null` counts as absent. `at` points
/// to the object in the body.
///
/// # Errors
///
/// `malformed_json` with line and column; `invalid_body` for another shape, a member of another name, or one given
/// twice. Values are scanned without recursion: no depth of nesting harms.
pub(crate) fn members<'a, const N: usize>(
    json: &'a [u8],
    at: &str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], Error> {
    let mut deserializer = Deserializer::from_slice(json);
    let read = deserializer.deserialize_map(Members { at, names });
    match read.and_then(|read| deserializer.end().map(|()| read)) {
        Ok(Read { values, fault: None }) => Ok(values.map(|value| value.filter(|value| value.get() != "null"))),
        Ok(Read { fault: Some(fault), .. }) => Err(fault),
        Err(error) if error.classify() == Category::Data => {
            // Of another shape, if it is JSON at all.
            serde_json::from_slice::<&RawValue>(json).map_err(|error| malformed(&error))?;
            Err(misshapen().at(at, "is not an object"))
        }
        Err(error) => Err(malformed(&error)),
    }
}

/// Reads the member at the pointer `at`.
///
/// # Errors
///
/// `invalid_body` when the member is not `what` ("is not {what}").
pub(crate) fn value<'a, T: Deserialize<'a>>(value: &'a RawValue, at: &str, what: &str) -> Result<T, Error> {
    serde_json::from_str(value.get()).map_err(|_| misshapen().at(at, format!("is not {what}")))
}

/// A fault of the body's shape, yet without its places.
pub(crate) fn misshapen() -> Error {
    Error::new(Code::InvalidBody, "the body is JSON of another shape than this call takes")
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::new(Code::MalformedJson, error.to_string())
}

struct Members<'n, const N: usize> {
    at: &'n str,
    names: [&'n str; N],
}

struct Read<'a, const N: usize> {
    values: [Option<&'a RawValue>; N],
    fault: Option<Error>,
}

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = Read<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut read = Read { values: [None; N], fault: None };
        while let Some(Name(name)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            let wrong = match self.names.iter().position(|known| *known == name) {
                Some(at) if read.values[at].is_none() => {
                    read.values[at] = Some(value);
                    continue;
                }
                Some(_) => "is given more than once",
                None => "is not known here",
            };
            let fault = read.fault.take().unwrap_or_else(misshapen);
            let more = fault.violations.len() < PLACES;
            read.fault = Some(if more { fault.at(pointer(self.at, &name), wrong) } else { fault });
        }
        Ok(read)
    }
}

/// A name that borrows where it can.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The JSON pointer (RFC 6901) of a member; a long name is cut.
fn pointer(at: &str, name: &str) -> String {
    let name = &name[..name.floor_char_boundary(128)];
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<[Option<String>; 2], Error> {
        let raw = members(json.as_bytes(), "", ["data", "id"])?;
        Ok(raw.map(|value| value.map(|value| value.get().to_owned())))
    }

    fn fault(json: &[u8]) -> (Code, Vec<String>) {
        let error = members(json, "", ["data", "id"]).unwrap_err();
        (error.code, error.violations.into_iter().map(|at| at.pointer).collect())
    }

    #[test]
    fn members_are_taken_as_they_are_written() {
        let json = r#" { "id" : null, "data" : {"b": 1e400, "a" :9007199254740993 , "a": "\ud800"} } "#;
        let data = r#"{"b": 1e400, "a" :9007199254740993 , "a": "\ud800"}"#;
        assert_eq!(read(json), Ok([Some(data.into()), None]));
        assert_eq!(read(r#"{"\u0069d":1}"#), Ok([None, Some("1".into())]));
    }

    #[test]
    fn other_shapes_are_pointed_at() {
        assert_eq!(
            fault(br#"{"datta":1,"a/b~":2,"data":{}}"#),
            (Code::InvalidBody, vec!["/datta".into(), "/a~1b~0".into()])
        );
        assert_eq!(fault(br#"{"data":{},"data":{}}"#), (Code::InvalidBody, vec!["/data".into()]));
        for json in [&b"[]"[..], b"3", b"\"data\"", b"null", b"true"] {
            assert_eq!(fault(json), (Code::InvalidBody, vec![String::new()]));
        }
        assert_eq!(fault(format!("{{{}}}", r#""x":1,"#.repeat(1000).trim_end_matches(',')).as_bytes()).1.len(), PLACES);
    }

    #[test]
    fn what_is_not_json_is_told_by_line_and_column() {
        for json in [
            &b""[..],
            b"{",
            b"[1,",
            b"{\"data\":NaN}",
            b"{\"data\":{}} x",
            b"{\"data\":\"\xff\"}",
            b"\"\xff\"",
            b"{\"\xff\":1}",
            b"{'data':1}",
            b"{\"data\":01}",
            b"nulL",
        ] {
            assert_eq!(fault(json), (Code::MalformedJson, vec![]), "{}", String::from_utf8_lossy(json));
        }
        assert!(read("{\n  \"data\": nope}").unwrap_err().detail.ends_with("at line 2 column 12"));
    }

    #[test]
    fn nesting_does_not_exhaust_the_stack() {
        let deep = |open: &str, close: &str| format!("{}{}", open.repeat(40_000), close.repeat(40_000));
        let data = deep("[", "]");
        assert_eq!(read(&format!("{{\"data\":{data}}}")), Ok([Some(data.clone()), None]));
        assert_eq!(fault(data.as_bytes()).0, Code::InvalidBody);
        assert_eq!(fault("[".repeat(40_000).as_bytes()).0, Code::MalformedJson);
        assert_eq!(fault(deep("{\"a\":", "}").as_bytes()).0, Code::MalformedJson);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(json: Vec<u8>) {
            let _ = members(&json, "", ["data"]);
        }

        #[test]
        fn any_text_like_json_is_read_or_refused(json in "[{}\\[\\]\",:a-d0-9e.+ \\\\u-]{0,60}") {
            let _ = members(json.as_bytes(), "", ["data", "a"]);
        }
    }
}
