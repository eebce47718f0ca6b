//! `/v1/collections/{collection}/records`

mod batch;
mod create;
mod delete;
mod get;
mod judged;
mod list;
mod operation;
mod patch;
mod replace;
mod scan;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::value::RawValue;
use skep_proto::{
    Code, Error, mutation,
    v1::{GetRecordRequest, Record},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::access;

use super::{
    call::Call,
    idempotency,
    members::{members, misshapen, value},
    path::{ID_FORM, RecordPath, is_id},
    precondition::Condition,
    shared::Shared,
};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(create::create, list::list)).routes(routes!(batch::batch)).routes(routes!(
        get::get,
        replace::replace,
        patch::patch,
        delete::delete
    ))
}

/// How storage is to know a write again: by the client's key, or else by a name of its own.
struct Names {
    idempotency_key: String,
    mutation_id: String,
}

impl Names {
    fn new(headers: &HeaderMap) -> Result<Self, Error> {
        Ok(Self::of(idempotency::key(headers)?.unwrap_or_default()))
    }

    /// By that key, if it is not empty.
    fn of(idempotency_key: String) -> Self {
        let mutation_id = if idempotency_key.is_empty() { mutation::new().to_string() } else { String::new() };
        Self { idempotency_key, mutation_id }
    }
}

/// The `data` and the `id` of a body `{"data": {…}, "id"?}`, or of that part `json` of it which is at the pointer `at`. A
/// whole record will do: what the service sets is ignored.
fn envelope(body: &Bytes, json: &[u8], at: &str) -> Result<(Record, Option<String>), Error> {
    let names = ["data", "id", "owner", "created_at", "updated_at", "version"];
    let [data, id, ..] = members(json, at, names)?;
    Ok((record(body, data, at)?, record_id(id, at)?))
}

/// A record of the member `data` of what is at the pointer `at`.
fn record(body: &Bytes, data: Option<&RawValue>, at: &str) -> Result<Record, Error> {
    let wrong = |what| misshapen().at(format!("{at}/data"), what);
    let data = data.ok_or_else(|| wrong("is missing"))?.get();
    if !data.starts_with('{') {
        return Err(wrong("is not an object"));
    }
    Ok(Record { data: body.slice_ref(data.as_bytes()), ..Record::default() })
}

/// The member `id` of what is at the pointer `at`.
fn record_id(id: Option<&RawValue>, at: &str) -> Result<Option<String>, Error> {
    let at = format!("{at}/id");
    let id: Option<String> = id.map(|id| value(id, &at, "a string")).transpose()?;
    if id.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(misshapen().at(at, ID_FORM));
    }
    Ok(id)
}

/// What a condition (`If-Match`) demands, as the contract has it: empty for nothing, `*`, or one tag. Of several tags the one
/// that the record has is chosen; a write that comes between makes storage refuse it.
///
/// # Errors
///
/// `precondition_failed` where no tag can match; `missing` where there is no record to match.
async fn demanded(
    call: &Call,
    path: &RecordPath,
    condition: Option<&Condition<'_>>,
    is_keyed: bool,
    missing: Code,
) -> Result<String, Error> {
    let tags = match condition {
        None => return Ok(String::new()),
        // A call that needs a record says by itself that there is none.
        Some(Condition::Any) if missing == Code::RecordNotFound => return Ok(String::new()),
        Some(Condition::Any) => return Ok("*".to_owned()),
        Some(condition) => condition.strong(),
    };
    match tags[..] {
        [tag] => return Ok(tag.to_owned()),
        // A repetition would come with the same tags and find another one in force.
        [_, ..] if is_keyed => {
            let detail = "a request with an Idempotency-Key takes one entity tag in If-Match";
            return Err(Error::new(Code::Unsupported, detail));
        }
        _ => {}
    }
    let Some(record) = stored(call, path).await? else {
        return Err(Error { code: missing, ..access::missing(&path.id) });
    };
    let matching = tags.into_iter().find(|tag| *tag == record.etag);
    matching.map(ToOwned::to_owned).ok_or_else(|| {
        Error::new(Code::PreconditionFailed, "the record has none of the entity tags in If-Match; read it again")
    })
}

/// The record as it stands; `None` where there is none.
async fn stored(call: &Call, path: &RecordPath) -> Result<Option<Record>, Error> {
    let found = call.ask(GetRecordRequest { name: path.name() }, |backend, request| backend.get_record(request)).await;
    match found {
        Err(error) if error.code == Code::RecordNotFound => Ok(None),
        found => Ok(found?.record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> (Code, String) {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let error = envelope(&body, &body, "").unwrap_err();
        (error.code, error.violations.first().map(|at| at.pointer.clone()).unwrap_or_default())
    }

    #[test]
    fn data_is_a_slice_of_the_body() {
        let body = Bytes::from_static(br#"{"version":1,"id":"a","data":{ "x":1 },"owner":null}"#);
        let (record, id) = envelope(&body, &body, "").unwrap();
        assert_eq!((&record.data[..], id.as_deref()), (&br#"{ "x":1 }"#[..], Some("a")));
        assert!(body.as_ptr_range().contains(&record.data.as_ptr()));
    }

    #[test]
    fn other_envelopes_are_pointed_at() {
        for (body, pointer) in [
            ("{}", "/data"),
            (r#"{"data":null}"#, "/data"),
            (r#"{"data":[]}"#, "/data"),
            (r#"{"data":{},"id":7}"#, "/id"),
            (r#"{"data":{},"id":"a b"}"#, "/id"),
            (r#"{"data":{},"id":"\ud800"}"#, "/id"),
            (r#"{"data":{},"datta":{}}"#, "/datta"),
        ] {
            assert_eq!(fault(body), (Code::InvalidBody, pointer.to_owned()), "{body}");
        }
    }
}
