//! Page tokens: where a listing stands, bound to its query.
//!
//! They are sealed by a key that is made of the query: that of a collection's records has the collection's uid, which no client
//! learns. So a reader is not told of a record that was looked at and is hidden from him.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use skep_proto::{Code, Error};

use crate::store::{Position, Result};

const FORM: u8 = 3;
const TAG: usize = 16;
const TIME: usize = 8;
/// A token's content is filled up to a multiple of so many bytes.
const STEP: usize = 192;
/// The longest token: form, tag, time, an id of 128 characters and its length, and a key of 1 KiB whose every byte is
/// escaped.
const MAX_CHARS: usize = (1 + TAG + TIME + 1 + 128 + 2 + 2 * 1024 + 8 + STEP) * 4 / 3 + 1;

/// A token for what comes after `position` in the listing that `query` names.
///
/// # Errors
/// `internal`, when the position cannot be sealed.
pub(crate) fn encode(query: &[&[u8]], position: &Position) -> Result<String> {
    let Position { key, created_at, id } = position;
    let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
    let key_length = u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut sealed = [&created_at.to_be_bytes()[..], &[length], id.as_bytes(), &key_length, key].concat();
    // Its length tells nothing of a record either.
    sealed.resize(sealed.len().next_multiple_of(STEP), 0);
    let unsealed = |_| Error::new(Code::Internal, "a page token cannot be sealed");
    seal(query)?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).map_err(unsealed)?;
    Ok(URL_SAFE_NO_PAD.encode([&[FORM][..], &sealed].concat()))
}

/// The position that a token for the same query tells.
///
/// # Errors
/// `invalid_page_token` for anything else.
pub(crate) fn decode(query: &[&[u8]], token: &str) -> Result<Position> {
    let invalid = || Error::new(Code::InvalidPageToken, "page_token is not of this listing: begin again without one");
    let bytes = (token.len() <= MAX_CHARS).then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten().ok_or_else(invalid)?;
    let (_, sealed) = bytes.split_first().filter(|(form, _)| **form == FORM).ok_or_else(invalid)?;
    let mut sealed = sealed.to_vec();
    let body = seal(query)?.open_in_place(nonce(), Aad::empty(), &mut sealed).map_err(|_| invalid())?;
    let (time, rest) = body.split_first_chunk::<TIME>().ok_or_else(invalid)?;
    let (length, rest) = rest.split_first().ok_or_else(invalid)?;
    let (id, rest) = rest.split_at_checked((*length).into()).ok_or_else(invalid)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(invalid)?;
    let key = rest.get(..u16::from_be_bytes(*length).into()).ok_or_else(invalid)?;
    let id = str::from_utf8(id).map_err(|_| invalid())?.to_owned();
    Ok(Position { key: key.to_owned(), created_at: i64::from_be_bytes(*time), id })
}

fn seal(query: &[&[u8]]) -> Result<LessSafeKey> {
    let mut hash = Sha256::new_with_prefix(b"page token");
    for part in query {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let key = UnboundKey::new(&AES_256_GCM_SIV, &hash.finalize());
    key.map(LessSafeKey::new).map_err(|_| Error::new(Code::Internal, "page tokens cannot be sealed"))
}

/// Always the same: with this cipher (RFC 8452) that tells no more than which positions are equal.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_is_of_its_query_alone(
            created_at: i64,
            id in "[A-Za-z0-9_.~-]{1,128}",
            key in prop::collection::vec(any::<u8>(), 0..2048),
            query: [u8; 4],
            other: [u8; 4],
        ) {
            let position = Position { key, created_at, id };
            let token = encode(&[&query], &position).unwrap();
            prop_assert!(token.len() <= MAX_CHARS);
            prop_assert_eq!(decode(&[&query], &token), Ok(position.clone()));
            prop_assert_eq!(decode(&[&other], &token).is_ok(), query == other);
            prop_assert!(decode(&[&query[..2], &query[2..]], &token).is_err());
        }

        #[test]
        fn a_changed_token_is_none(created_at: i64, at in 0usize..30, letter in "[A-Za-z0-9_-]") {
            let token = encode(&[b"q"], &Position { created_at, id: "bee".into(), ..Position::default() }).unwrap();
            let at = at % token.len();
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            prop_assert_eq!(decode(&[b"q"], &changed).is_ok(), changed == token);
        }

        #[test]
        fn any_text_is_refused_quietly(token in ".{0,300}") {
            prop_assert_eq!(decode(&[b"q"], &token).map_err(|e| e.code), Err(Code::InvalidPageToken));
        }
    }
}
