//! Resource names (AIP-122) and what their parts may be.

use skep_proto::{Code, Error};
use uuid::Uuid;

use crate::store::Result;

/// The collection in `collections/{collection}`.
pub(crate) fn collection(name: &str) -> Result<&str> {
    name.strip_prefix("collections/").filter(|id| is_word(id)).ok_or_else(|| {
        invalid("a collection is named collections/{collection}, with a letter a-z first and at most 62 of a-z 0-9 _ - after it")
    })
}

/// The collection and the record in `collections/{collection}/records/{record}`.
pub(crate) fn record(name: &str) -> Result<(&str, &str)> {
    let parts = name.rsplit_once("/records/").and_then(|(parent, id)| Some((parent.strip_prefix("collections/")?, id)));
    let parts = parts.filter(|(collection, id)| is_word(collection) && is_id(id));
    parts.ok_or_else(|| invalid("a record is named collections/{collection}/records/{record}, with an id of 1 to 128 of A-Z a-z 0-9 - _ . ~ other than . and .."))
}

/// The account in `accounts/{account}`.
pub(crate) fn account(name: &str) -> Result<Uuid> {
    let id = name.strip_prefix("accounts/").and_then(uuid);
    id.ok_or_else(|| invalid("an account is named accounts/{account}, with a UUID in lower case"))
}

/// The account and the session in `accounts/{account}/sessions/{session}`.
pub(crate) fn session(name: &str) -> Result<(Uuid, Uuid)> {
    let parts = name.strip_prefix("accounts/").and_then(|rest| rest.split_once("/sessions/"));
    let ids = parts.and_then(|(account, session)| Some((uuid(account)?, uuid(session)?)));
    ids.ok_or_else(|| invalid("a session is named accounts/{account}/sessions/{session}, with UUIDs in lower case"))
}

/// Refuses what is no record id.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if is_id(id) {
        Ok(())
    } else {
        Err(invalid("a record's id is 1 to 128 of A-Z a-z 0-9 - _ . ~ other than . and .."))
    }
}

/// Whether it is `[a-z][a-z0-9_-]{0,62}`: a collection or a role.
pub(crate) fn is_word(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 63
        && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    // A path segment of one or two dots is no name (RFC 3986, 5.2.4): no client could ask for it.
    (1..=128).contains(&id.len()) && id.bytes().all(allowed) && !matches!(id, "." | "..")
}

/// A UUID in the one spelling that we write.
fn uuid(text: &str) -> Option<Uuid> {
    let spelled = |id: &Uuid| id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text;
    Uuid::try_parse(text).ok().filter(spelled)
}

fn invalid(why: &str) -> Error {
    Error::new(Code::InvalidArgument, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_their_form() {
        assert_eq!(collection("collections/a-b_9"), Ok("a-b_9"));
        assert_eq!(record("collections/a/records/A.~_-9"), Ok(("a", "A.~_-9")));
        let (one, other) = (Uuid::now_v7(), Uuid::new_v4());
        assert_eq!(account(&format!("accounts/{one}")), Ok(one));
        assert_eq!(session(&format!("accounts/{one}/sessions/{other}")), Ok((one, other)));
        for wrong in
            ["", "accounts/", "accounts/me", &format!("accounts/{}", one.simple()), &format!("accounts/{one}/")]
        {
            assert!(account(wrong).is_err() && session(wrong).is_err(), "{wrong}");
        }
        let upper = other.to_string().to_uppercase();
        assert!(session(&format!("accounts/{one}/sessions/{upper}")).is_err());
        let long = format!("collections/a/records/{}", "x".repeat(129));
        for wrong in [
            "",
            "collections/",
            "collections/A",
            "collections/1a",
            "collections/a/b",
            &format!("collections/{}", "a".repeat(64)),
        ] {
            assert!(collection(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "collections/a/records/",
            "collections/a/records/b c",
            "collections/a/records/b/c",
            "collections/a/records/..",
            "a/records/b",
            "collections/a/records/\0",
            &long,
        ] {
            assert!(record(wrong).is_err(), "{wrong}");
        }
    }
}
