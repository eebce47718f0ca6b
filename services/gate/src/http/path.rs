//! Names in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use skep_proto::{Code, Error};
use uuid::Uuid;

use super::problem::Fault;

/// `/v1/collections/{collection}…`
pub(crate) struct CollectionPath {
    pub(crate) collection: String,
}

/// `/v1/collections/{collection}/records/{id}`
pub(crate) struct RecordPath {
    pub(crate) collection: String,
    pub(crate) id: String,
}

/// `/v1/accounts/{account}`
pub(crate) struct AccountPath(pub(crate) Uuid);

/// `/v1/sessions/{session}`
pub(crate) struct SessionPath(pub(crate) Uuid);

impl CollectionPath {
    /// The collection's resource name (AIP-122).
    pub(crate) fn name(&self) -> String {
        ["collections/", &self.collection].concat()
    }
}

impl RecordPath {
    /// The record's resource name.
    pub(crate) fn name(&self) -> String {
        ["collections/", &self.collection, "/records/", &self.id].concat()
    }

    /// The resource name of its collection.
    pub(crate) fn parent(&self) -> String {
        ["collections/", &self.collection].concat()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CollectionPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let [collection] = segments(parts, state, ["collection"]).await?;
        check_collection(&collection)?;
        Ok(Self { collection })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RecordPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let [collection, id] = segments(parts, state, ["collection", "id"]).await?;
        check_collection(&collection)?;
        if !is_id(&id) {
            return Err(invalid(ID_FORM));
        }
        Ok(Self { collection, id })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let [account] = segments(parts, state, ["account"]).await?;
        uuid(&account).map(Self).ok_or_else(|| invalid("an account's id is a UUID in lower case"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let [session] = segments(parts, state, ["session"]).await?;
        uuid(&session).map(Self).ok_or_else(|| invalid("a session's id is a UUID in lower case"))
    }
}

/// A UUID in the one form that we show.
fn uuid(text: &str) -> Option<Uuid> {
    text.parse().ok().filter(|id: &Uuid| id.to_string() == text)
}

/// The segments `names` of the path, decoded.
async fn segments<S: Send + Sync, const N: usize>(
    parts: &mut Parts,
    state: &S,
    names: [&str; N],
) -> Result<[String; N], Fault> {
    let parameters = RawPathParams::from_request_parts(parts, state).await;
    let parameters = parameters.map_err(|_| invalid("the path is not percent-encoded UTF-8"))?;
    Ok(names.map(|name| {
        let found = parameters.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    }))
}

pub(crate) const ID_FORM: &str = "a record's id is 1 to 128 of A-Z a-z 0-9 - _ . ~ and neither . nor ..";

/// `.` and `..` are well-formed, but no client could ask for them: they vanish from a path (RFC 3986, 6.2.2.3).
pub(crate) fn is_id(id: &str) -> bool {
    ![".", ".."].contains(&id)
        && (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
}

fn check_collection(name: &str) -> Result<(), Fault> {
    let follows = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let formed = name.len() <= 63 && name.starts_with(|first: char| first.is_ascii_lowercase());
    if formed && name.bytes().all(follows) {
        return Ok(());
    }
    Err(invalid("a collection's name is a lower-case letter and at most 62 of a-z 0-9 _ -"))
}

fn invalid(detail: &str) -> Fault {
    Fault(Error::new(Code::InvalidArgument, detail))
}
