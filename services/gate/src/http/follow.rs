//! What a request is followed by through the logs: its id, and the trace that it belongs to.

use std::sync::{Arc, OnceLock, atomic::AtomicBool};

use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::backend::remote::Trail;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// One request, as the log and storage know it.
pub(crate) struct Follow {
    pub(crate) request_id: HeaderValue,
    pub(crate) trace: Trace,
    /// The template of the path; set by the handler that was found.
    pub(crate) route: OnceLock<MatchedPath>,
    /// The account that is signed in.
    pub(crate) user: OnceLock<Uuid>,
    /// Whether its body was given up, so that no further request can follow on its connection.
    pub(crate) unread: AtomicBool,
    /// Its way to storage.
    pub(crate) trail: Arc<Trail>,
}

impl Follow {
    /// Keeps what the client sent if it is well-formed, and makes up the rest.
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let sent = headers.get(X_REQUEST_ID).filter(|id| is_request_id(id.as_bytes()));
        Self {
            request_id: sent.cloned().unwrap_or_else(|| header(&[&hex(rand::random::<[u8; 16]>())])),
            trace: Trace::new(headers),
            route: OnceLock::new(),
            user: OnceLock::new(),
            unread: AtomicBool::new(false),
            trail: Arc::default(),
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }
}

/// Whether a client's id may be kept: 1-128 of `A-Z a-z 0-9 - _ . : / + = ~`.
fn is_request_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=~".contains(byte))
}

/// A place in a trace (W3C Trace Context, `traceparent` version 00), passed on to storage.
pub(crate) struct Trace(HeaderValue);

impl Trace {
    /// Goes on with the client's trace under a new parent, or starts one that is not sampled.
    fn new(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let sent = lines.next().filter(|_| lines.next().is_none()).and_then(|line| parse(line.as_bytes()));
        let parent = hex(rand::random::<[u8; 8]>());
        Self(match sent {
            Some((trace, true)) => header(&["00-", trace, "-", &parent, "-01"]),
            Some((trace, false)) => header(&["00-", trace, "-", &parent, "-00"]),
            None => header(&["00-", &hex(rand::random::<[u8; 16]>()), "-", &parent, "-00"]),
        })
    }

    /// The 32 hexadecimal digits that the whole trace shares.
    pub(crate) fn id(&self) -> &str {
        self.0.to_str().ok().and_then(|line| line.get(3..35)).unwrap_or_default()
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0
    }
}

/// The trace's id and whether it is sampled; `None` where the specification says to start anew.
fn parse(line: &[u8]) -> Option<(&str, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let hex = |range| {
        let digits: &str = line.get(range)?;
        digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(digits)
    };
    let (version, trace, parent, flags) = (hex(0..2)?, hex(3..35)?, hex(36..52)?, hex(53..55)?);
    let dashes = [2, 35, 52].iter().all(|&at| line.as_bytes()[at] == b'-');
    // Later versions may say more after another dash.
    let ends = line.len() == 55 || (version != "00" && line.as_bytes()[55] == b'-');
    let zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    let valid = dashes && ends && version != "ff" && !zero(trace) && !zero(parent);
    let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    valid.then_some((trace, sampled))
}

fn header(parts: &[&str]) -> HeaderValue {
    HeaderValue::try_from(parts.concat()).expect("made of visible ASCII")
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    bytes.into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn followed(name: &'static str, value: &[u8]) -> Follow {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
        Follow::new(&headers)
    }

    proptest! {
        #[test]
        fn a_well_formed_request_id_is_kept(id in "[A-Za-z0-9_.:/+=~-]{1,128}") {
            let follow = followed("x-request-id", id.as_bytes());
            prop_assert_eq!(follow.request_id(), id);
        }

        #[test]
        fn another_request_id_is_replaced(id in "[A-Za-z0-9]{129,200}|[a-z]* [a-z]*|.*[^A-Za-z0-9_.:/+=~-].*") {
            let follow = followed("x-request-id", id.as_bytes());
            prop_assert_ne!(follow.request_id(), &id);
            prop_assert!(is_request_id(follow.request_id().as_bytes()));
        }

        #[test]
        fn a_trace_goes_on_under_another_parent(trace in "[0-9a-f]{31}[1-9a-f]", parent in "[0-9a-f]{15}[1-9a-f]", flags: u8) {
            let follow = followed("traceparent", format!("00-{trace}-{parent}-{flags:02x}").as_bytes());
            let sent_on = follow.trace.header().to_str().unwrap();
            prop_assert_eq!(follow.trace.id(), trace);
            prop_assert_ne!(&sent_on[36..52], parent);
            prop_assert_eq!(parse(sent_on.as_bytes()).unwrap().1, flags & 1 == 1);
        }

        #[test]
        fn whatever_is_sent_a_well_formed_trace_goes_on(line: Vec<u8>) {
            let follow = followed("traceparent", &line);
            prop_assert!(parse(follow.trace.header().as_bytes()).is_some());
        }
    }

    #[test]
    fn malformed_traces_are_started_anew() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert!(parse(format!("01-{trace}-{parent}-01-more").as_bytes()).is_some());
        for line in [
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00_{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-0é"),
            format!("01-{trace}-{parent}-01more"),
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
