//! `Idempotency-Key`: the name by which a client may send a write again.

use http::{HeaderMap, HeaderName};
use skep_proto::{Code, Error};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST: usize = 255;

/// The key, without its quotes; `None` when none was sent.
///
/// # Errors
///
/// `invalid_argument` for anything but one quoted string (RFC 8941, 3.3.3) of 1-255 characters.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => unquote(line.as_bytes()).map(Some).ok_or_else(|| {
            let detail = "Idempotency-Key is not a quoted string of 1 to 255 characters of printable ASCII";
            Error::new(Code::InvalidArgument, detail)
        }),
        _ => Err(Error::new(Code::InvalidArgument, "Idempotency-Key is given more than once")),
    }
}

fn unquote(line: &[u8]) -> Option<String> {
    let inner = line.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let (mut key, mut bytes) = (String::with_capacity(inner.len()), inner.iter());
    while let Some(&byte) = bytes.next() {
        let byte = match byte {
            b'\\' => *bytes.next().filter(|byte| matches!(byte, b'"' | b'\\'))?,
            b'"' => return None,
            0x20..=0x7e => byte,
            _ => return None,
        };
        key.push(char::from(byte));
    }
    (1..=LONGEST).contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_forms_are_refused() {
        let long = format!("\"{}\"", "k".repeat(256));
        for line in
            ["", "key", "\"\"", "\"key", "\"", "\"a\"b\"", "\"a\\\"", "\"a\\n\"", "\"é\"", "\"a\", \"b\"", &long]
        {
            assert_eq!(unquote(line.as_bytes()), None, "{line}");
        }
        let twice: HeaderMap = (0..2).map(|_| (IDEMPOTENCY_KEY, HeaderValue::from_static("\"k\""))).collect();
        assert_eq!(key(&twice).unwrap_err().code, Code::InvalidArgument);
        assert_eq!(key(&HeaderMap::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn keys_round_trip(key in "[ -~]{1,255}") {
            let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(unquote(quoted.as_bytes()), Some(key));
        }

        #[test]
        fn any_bytes_are_read_or_refused(line in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), any::<u8>()], 0..40)) {
            prop_assert!(unquote(&line).is_none_or(|key| (1..=LONGEST).contains(&key.len())));
        }
    }
}
