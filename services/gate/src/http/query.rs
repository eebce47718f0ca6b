//! The parameters of a list.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode_str;
use skep_proto::{Code, Error};

const LARGEST_PAGE: i32 = 1000;

/// The values of the parameters `names`, in their order; each may be given once, and no other.
pub(crate) fn parameters<'a, const N: usize>(
    uri: &'a Uri,
    names: [&str; N],
) -> Result<[Option<Cow<'a, str>>; N], Error> {
    let mut values = [const { None }; N];
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        let Some(at) = names.iter().position(|known| *known == name) else {
            return Err(invalid(&name, "is not known here"));
        };
        if values[at].replace(decode(value)?).is_some() {
            return Err(invalid(&name, "is given more than once"));
        }
    }
    Ok(values)
}

/// How many at most: 0, for the default, when absent; more than 1000 is cut (AIP-158).
pub(crate) fn page_size(value: Option<&str>) -> Result<i32, Error> {
    match value {
        None => Ok(0),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            // What does not fit is larger than any page.
            Ok(digits.parse().map_or(LARGEST_PAGE, |size: i32| size.min(LARGEST_PAGE)))
        }
        Some(_) => Err(invalid("page_size", "is not a number from 0 up")),
    }
}

/// The value of a switch, off when absent.
pub(crate) fn flag(name: &str, value: Option<&str>) -> Result<bool, Error> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(name, "is neither true nor false")),
    }
}

/// Decodes `application/x-www-form-urlencoded`, strictly.
fn decode(text: &str) -> Result<Cow<'_, str>, Error> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = text.as_bytes();
    let whole = bytes
        .iter()
        .enumerate()
        .all(|(at, &byte)| byte != b'%' || (is_hex(bytes.get(at + 1)) && is_hex(bytes.get(at + 2))));
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok().filter(|_| whole);
    decoded
        .map(|text| Cow::Owned(text.into_owned()))
        .ok_or_else(|| Error::new(Code::InvalidArgument, "the query is not percent-encoded UTF-8"))
}

fn invalid(name: &str, why: &str) -> Error {
    let shown: String = name.chars().take(64).collect();
    Error::new(Code::InvalidArgument, format!("the parameter {shown:?} {why}"))
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Result<[Option<String>; 2], Error> {
        let uri = Uri::try_from(format!("/?{query}")).expect("a URI");
        parameters(&uri, ["a", "b"]).map(|values| values.map(|value| value.map(Cow::into_owned)))
    }

    #[test]
    fn each_parameter_is_given_once() {
        assert_eq!(read("b=1+2&a=%C3%A9&"), Ok([Some("é".into()), Some("1 2".into())]));
        assert_eq!(read("a"), Ok([Some(String::new()), None]));
        for (query, part) in [
            ("c=1", "\"c\" is not known"),
            ("a=1&a=", "\"a\" is given more"),
            ("a=%zz", "UTF-8"),
            ("a=%f", "UTF-8"),
            ("a=%ff", "UTF-8"),
        ] {
            let error = read(query).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument);
            assert!(error.detail.contains(part), "{query}: {}", error.detail);
        }
    }

    #[test]
    fn page_sizes_are_cut_or_refused() {
        for (text, size) in
            [("0", 0), ("7", 7), ("1000", 1000), ("1001", 1000), ("99999999999999999999999", 1000), ("007", 7)]
        {
            assert_eq!(page_size(Some(text)), Ok(size));
        }
        for text in ["", "-1", "+1", "1.0", "x", "1e3", "٣"] {
            assert_eq!(page_size(Some(text)).unwrap_err().code, Code::InvalidArgument, "{text}");
        }
    }

    proptest! {
        #[test]
        fn values_round_trip(value: String) {
            let query = format!("a={}", utf8_percent_encode(&value, NON_ALPHANUMERIC));
            prop_assert_eq!(read(&query), Ok([Some(value), None]));
        }

        #[test]
        fn any_query_is_read_or_refused(query in "[ab=&%+0-9a-f]{0,40}") {
            let _ = read(&query);
        }

        #[test]
        fn any_page_size_is_read_or_refused(text: String) {
            prop_assert!(page_size(Some(&text)).is_ok_and(|size| (0..=1000).contains(&size)) || page_size(Some(&text)).is_err());
        }
    }
}
