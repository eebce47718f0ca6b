//! Records and collections as JSON. Written by hand, because `data` and schemas are copied as storage keeps them, to
//! the byte.

use std::io::Write as _;

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, ETAG, LOCATION},
};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use query::{Fields, Own};
use serde_json::{Value, json};
use skep_proto::{
    Code, Error,
    v1::{Collection, IndexState, Record, SchemaCheck},
};

use super::problem::Fault;

/// Microseconds, always six digits.
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
/// What a record's JSON takes beside its data and its names.
const AROUND: usize = 160;

/// Answers with one record and its `ETag`; `location` is where it was made.
pub(crate) fn record(status: StatusCode, record: Option<Record>, location: Option<&str>) -> Result<Response, Fault> {
    let record = record.ok_or_else(|| broken("no record"))?;
    let mut body = Vec::with_capacity(record.data.len() + AROUND + record.name.len());
    write_record(&mut body, &record)?;
    let mut response = answer(status, body);
    response.headers_mut().insert(ETAG, etag(record.etag)?);
    if let Some(collection) = location {
        let path = HeaderValue::try_from(format!("/v1/{collection}/records/{}", last(&record.name)));
        response.headers_mut().insert(LOCATION, path.map_err(|_| broken("a name that is none"))?);
    }
    Ok(response)
}

/// Answers with one definition and its `ETag`.
pub(crate) fn collection(status: StatusCode, collection: Option<Collection>) -> Result<Response, Fault> {
    let collection = collection.ok_or_else(|| broken("no collection"))?;
    let mut body = Vec::with_capacity(collection.schema.len() + 2 * AROUND);
    write_collection(&mut body, &collection)?;
    let mut response = answer(status, body);
    if status == StatusCode::CREATED {
        let path = HeaderValue::try_from(format!("/v1/{}", collection.name));
        response.headers_mut().insert(LOCATION, path.map_err(|_| broken("a name that is none"))?);
    }
    response.headers_mut().insert(ETAG, etag(collection.etag)?);
    Ok(response)
}

/// Answers with a page of `items` under the member `name`, and `more` members.
pub(crate) fn page<T>(
    name: &str,
    items: &[T],
    size: impl Fn(&T) -> usize,
    write: impl Fn(&mut Vec<u8>, &T) -> Result<(), Error>,
    next_page_token: &str,
    more: &[(&str, Value)],
) -> Result<Response, Fault> {
    let size: usize = items.iter().map(|item| size(item) + 2 * AROUND).sum();
    let mut body = Vec::with_capacity(size + AROUND + next_page_token.len());
    body.extend_from_slice(b"{\"");
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(b"\":[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        write(&mut body, item)?;
    }
    body.push(b']');
    if !next_page_token.is_empty() {
        body.extend_from_slice(b",\"next_page_token\":");
        text(&mut body, next_page_token)?;
    }
    for (name, value) in more {
        write!(body, ",\"{name}\":{value}").map_err(|_| broken("no member"))?;
    }
    body.push(b'}');
    Ok(answer(StatusCode::OK, body))
}

/// `304 Not Modified`, if the state that the client knows is the present one.
pub(crate) fn not_modified(present: &str) -> Result<Response, Fault> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(ETAG, etag(present.to_owned())?);
    Ok(response)
}

/// Writes a record as REST shows it; `data` is copied to the byte.
///
/// # Errors
///
/// `internal` for what is no record.
pub fn write_record(out: &mut Vec<u8>, record: &Record) -> Result<(), Error> {
    members(out, record, Some(&record.data), |_| true)
}

/// The id and what is chosen.
pub(crate) fn write_fields(out: &mut Vec<u8>, record: &Record, fields: &Fields) -> Result<(), Error> {
    members(out, record, fields.project(&record.data).as_deref(), |own| fields.shows(own))
}

fn members(out: &mut Vec<u8>, record: &Record, data: Option<&[u8]>, shows: impl Fn(Own) -> bool) -> Result<(), Error> {
    // An id's letters need no escape.
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(last(&record.name).as_bytes());
    out.push(b'"');
    // A batch leaves out what does not fit.
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data);
    }
    if shows(Own::Owner) {
        out.extend_from_slice(b",\"owner\":");
        if record.owner.is_empty() {
            out.extend_from_slice(b"null");
        } else {
            text(out, &record.owner)?;
        }
    }
    if shows(Own::CreatedAt) {
        member(out, "created_at", record.create_time.as_ref())?;
    }
    if shows(Own::UpdatedAt) {
        member(out, "updated_at", record.update_time.as_ref())?;
    }
    if shows(Own::Version) {
        write!(out, ",\"version\":{}", record.version).map_err(|_| broken("no version"))?;
    }
    out.push(b'}');
    Ok(())
}

pub(crate) fn write_collection(out: &mut Vec<u8>, collection: &Collection) -> Result<(), Error> {
    out.extend_from_slice(b"{\"name\":\"");
    out.extend_from_slice(last(&collection.name).as_bytes());
    out.extend_from_slice(b"\",\"schema\":");
    out.extend_from_slice(if collection.schema.is_empty() { b"null" } else { &collection.schema });
    out.extend_from_slice(b",\"indexes\":");
    serde_json::to_writer(&mut *out, &collection.indexes).map_err(|_| broken("no indexes"))?;
    out.extend_from_slice(b",\"rules\":{");
    let rules = collection.rules.clone().unwrap_or_default();
    let rules = [
        ("list", rules.list),
        ("get", rules.get),
        ("create", rules.create),
        ("update", rules.update),
        ("delete", rules.delete),
    ];
    let given = rules.iter().filter_map(|(name, rule)| Some((name, rule.as_ref()?)));
    for (at, (name, rule)) in given.enumerate() {
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        text(out, rule)?;
    }
    out.push(b'}');
    member(out, "created_at", collection.create_time.as_ref())?;
    member(out, "updated_at", collection.update_time.as_ref())?;
    let states = collection.index_states.iter().map(|IndexState { path, ready, looked_at }| match ready {
        true => json!({"path": path, "state": "ready"}),
        false => json!({"path": path, "state": "building", "looked_at": looked_at}),
    });
    write!(out, ",\"index_states\":{}", states.collect::<Value>()).map_err(|_| broken("no states"))?;
    if let Some(SchemaCheck { checked, misfits, done }) = collection.schema_check {
        let check = json!({"checked": checked, "misfits": misfits, "done": done});
        write!(out, ",\"schema_check\":{check}").map_err(|_| broken("no check"))?;
    }
    out.push(b'}');
    Ok(())
}

fn member(out: &mut Vec<u8>, name: &str, time: Option<&prost_types::Timestamp>) -> Result<(), Error> {
    write!(out, ",\"{name}\":\"").map_err(|_| broken("no name"))?;
    TIME.print_timestamp(&timestamp(time)?, &mut *out).map_err(|_| broken("no time"))?;
    out.push(b'"');
    Ok(())
}

fn timestamp(time: Option<&prost_types::Timestamp>) -> Result<Timestamp, Error> {
    let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
    time.ok_or_else(|| broken("no time"))
}

/// A time as REST shows it: RFC 3339 with microseconds.
///
/// # Errors
///
/// `internal` for what is none.
pub fn time(time: Option<&prost_types::Timestamp>) -> Result<String, Error> {
    Ok(TIME.timestamp_to_string(&timestamp(time)?))
}

/// Writes what is shown by a type of its own.
pub(crate) fn write(out: &mut Vec<u8>, shown: &impl serde::Serialize) -> Result<(), Error> {
    serde_json::to_writer(out, shown).map_err(|_| broken("what cannot be shown"))
}

pub(crate) fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    // Room for what the envelope and hyper add.
    *response.headers_mut() = HeaderMap::with_capacity(12);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn etag(etag: String) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(etag).map_err(|_| broken("an etag that is none"))
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|_| broken("text that is none"))
}

/// The id at the end of a resource name.
pub(crate) fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, id)| id)
}

pub(crate) fn broken(what: &str) -> Error {
    Error::new(Code::Internal, format!("storage answered with {what}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost_types::Timestamp;
    use skep_proto::v1::Rules;
    use utoipa::PartialSchema;

    use super::*;
    use crate::http::schema;

    #[test]
    fn a_record_keeps_its_data_to_the_byte() {
        let record = Record {
            name: "collections/c/records/r.1".into(),
            data: r#"{"n": 9007199254740993, "é":"\u00e9"}"#.into(),
            owner: "a\"b".into(),
            create_time: Some(Timestamp { seconds: 0, nanos: 1_999 }),
            update_time: Some(Timestamp { seconds: 1_793_000_000, nanos: 0 }),
            version: 3,
            etag: "\"e\"".into(),
        };
        let mut out = Vec::new();
        write_record(&mut out, &record).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"id":"r.1","data":{"n": 9007199254740993, "é":"\u00e9"},"owner":"a\"b","#,
                r#""created_at":"1970-01-01T00:00:00.000001Z","updated_at":"2026-10-26T07:33:20.000000Z","version":3}"#
            )
        );
    }

    #[test]
    fn a_definition_shows_what_is_given() {
        let mut collection = Collection {
            name: "collections/c".into(),
            create_time: Some(Timestamp { seconds: 0, nanos: 0 }),
            update_time: Some(Timestamp { seconds: 0, nanos: 0 }),
            ..Collection::default()
        };
        let mut out = Vec::new();
        write_collection(&mut out, &collection).unwrap();
        let bare = r#"{"name":"c","schema":null,"indexes":[],"rules":{},"#;
        assert!(String::from_utf8(out).unwrap().starts_with(bare));
        collection.schema = r#"{"type": "object"}"#.into();
        collection.indexes = vec!["a.b".into()];
        collection.rules =
            Some(Rules { get: Some("true".into()), delete: Some("\"a\" == 'a'".into()), ..Rules::default() });
        let mut out = Vec::new();
        write_collection(&mut out, &collection).unwrap();
        let full = concat!(
            r#"{"name":"c","schema":{"type": "object"},"indexes":["a.b"],"#,
            r#""rules":{"get":"true","delete":"\"a\" == 'a'"},"created_at":"#
        );
        assert!(String::from_utf8(out).unwrap().starts_with(full));
    }

    #[test]
    fn the_document_shows_the_members_that_are_written() {
        let mut members = [Vec::new(), Vec::new()];
        let time = Some(Timestamp { seconds: 0, nanos: 0 });
        let record = Record { data: "{}".into(), create_time: time, update_time: time, ..Record::default() };
        write_record(&mut members[0], &record).unwrap();
        let schema_check = Some(SchemaCheck::default());
        let collection = Collection { create_time: time, update_time: time, schema_check, ..Collection::default() };
        write_collection(&mut members[1], &collection).unwrap();
        let shown = [schema::Record::schema(), schema::Collection::schema()];
        for (written, shown) in members.into_iter().zip(shown) {
            let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
            let shown = serde_json::to_value(shown).unwrap();
            let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(&written), names(&shown["properties"]));
        }
    }
}
