//! What every listing does alike: bounded pages, and tokens between them (AIP-158).

mod token;

use skep_proto::{Code, Error};
use uuid::Uuid;

pub(crate) use self::token::{decode, encode};
use crate::store::{Position, Result};

/// Records of a page when the caller does not say.
const PAGE: usize = 30;
/// Records of a page at most.
const MAX_PAGE: usize = 1000;
/// Bytes of a page at most: below what gRPC clients take by default (4 MiB), with room for the rest of each record.
pub(crate) const PAGE_BYTES: usize = (4 << 20) - MAX_PAGE * 512;

/// How many a page holds: 30 for 0, at most 1000 (AIP-158).
pub(crate) fn page_size(asked: i32) -> Result<usize> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE),
        Ok(asked) => Ok(asked.min(MAX_PAGE)),
        Err(_) => Err(Error::new(Code::InvalidArgument, "page_size cannot be negative")),
    }
}

/// A token for what comes after `id` in a listing by ids.
pub(crate) fn encode_id(query: &[&[u8]], id: Uuid) -> Result<String> {
    encode(query, &Position { id: id.to_string(), ..Position::default() })
}

/// The id that such a token tells; `None` for the beginning.
pub(crate) fn decode_id(query: &[&[u8]], token: &str) -> Result<Option<Uuid>> {
    let position = (!token.is_empty()).then(|| decode(query, token)).transpose()?;
    Ok(position.and_then(|position| Uuid::try_parse(&position.id).ok()))
}
