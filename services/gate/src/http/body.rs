//! Bodies of requests: their type, their size, their time.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_TYPE, EXPECT},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::BodyExt;
use skep_proto::{Code, Error};
use tokio::time::timeout;

use super::{
    Limits,
    room::{Room, Share},
};

pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";

/// The data of a record, and what is around it.
pub(super) const LARGEST: usize = (1 << 20) + (64 << 10);
/// Of a body that is too large so much is taken in and thrown away, that the client comes to read its answer.
const DISCARDED: usize = 8 << 20;

/// The whole body, which has its room until the head of its request is dropped.
///
/// # Errors
///
/// `payload_too_large`, `request_timeout`, `overloaded`, and `invalid_argument` for one that breaks off.
pub(crate) async fn read(parts: &mut Parts, body: &mut Body, limits: &Limits, room: &Room) -> Result<Bytes, Error> {
    let mut share = room.take(0)?;
    if usize::try_from(body.size_hint().lower()).is_ok_and(|declared| declared <= LARGEST) {
        match timeout(limits.body, collect(body, &mut share)).await {
            Ok(Ok(Some(bytes))) => {
                parts.extensions.insert(Arc::new(share));
                return Ok(bytes);
            }
            Ok(Ok(None)) => {}
            Ok(Err(fault)) => return Err(fault),
            Err(_) => {
                let detail = format!("the body did not arrive within {} seconds", limits.body.as_secs());
                return Err(Error::new(Code::RequestTimeout, detail));
            }
        }
    }
    drop(share);
    // Who waits to be asked for the body gets the answer instead.
    if !parts.headers.contains_key(EXPECT) {
        let _ = timeout(limits.discard, discard(body)).await;
    }
    Err(Error::new(Code::PayloadTooLarge, "the body is larger than 1 MiB and what may be around it"))
}

/// `None` when there is too much of it.
async fn collect(body: &mut Body, share: &mut Share) -> Result<Option<Bytes>, Error> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::new(Code::InvalidArgument, "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = first.len() + all.len() + data.len();
        if length > LARGEST {
            return Ok(None);
        }
        share.grow(length)?;
        // Most bodies come in one piece, which is then not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(Some(if all.is_empty() { first } else { all.freeze() }))
}

async fn discard(body: &mut Body) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > DISCARDED {
            return;
        }
    }
}

/// Which of `types` the body is of.
///
/// # Errors
///
/// `unsupported_media_type` for none of them, and for a charset that is not UTF-8.
pub(crate) fn content_type(headers: &HeaderMap, types: &[&str]) -> Result<usize, Error> {
    let mut lines = headers.get_all(CONTENT_TYPE).iter();
    let line = lines.next().filter(|_| lines.next().is_none()).and_then(|line| line.to_str().ok());
    let found = line.and_then(|line| {
        let mut parts = line.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let at = types.iter().position(|known| known.eq_ignore_ascii_case(kind))?;
        parts.all(is_utf8).then_some(at)
    });
    found.ok_or_else(|| Error::new(Code::UnsupportedMediaType, format!("send {} in UTF-8", types.join(" or "))))
}

/// Whether a parameter of a type leaves the text in UTF-8.
fn is_utf8(parameter: &str) -> bool {
    parameter.split_once('=').is_none_or(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn kind(line: &'static str) -> Option<usize> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(line))]);
        content_type(&headers, &[MERGE_PATCH, JSON]).ok()
    }

    #[test]
    fn types_are_compared_without_case_and_with_utf8_alone() {
        for line in ["application/json", "Application/JSON ; Charset=\"UTF-8\"", "application/json;charset=utf-8;x=y"] {
            assert_eq!(kind(line), Some(1), "{line}");
        }
        assert_eq!(kind("application/merge-patch+json"), Some(0));
        for line in ["", "text/json", "application/json; charset=latin1", "application/jsonx", "application/json, a/b"]
        {
            assert_eq!(kind(line), None, "{line}");
        }
        assert_eq!(content_type(&HeaderMap::new(), &[JSON]).unwrap_err().code, Code::UnsupportedMediaType);
    }
}
