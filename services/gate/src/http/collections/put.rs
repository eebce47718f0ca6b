use axum::{extract::Request, response::Response};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use serde_json::value::RawValue;
use skep_proto::{
    Code, Error, mutation,
    v1::{self, UpdateCollectionRequest},
};

use crate::http::{
    body::JSON,
    call::Call,
    json,
    members::{members, misshapen, value},
    path::CollectionPath,
    precondition::{self, Condition},
    problem::Fault,
    schema::{Collection, Definition, Problem},
};

/// Define or redefine a collection
///
/// The whole definition: what is absent is none. For administrators.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}",
    tag = "Collections",
    operation_id = "put_collection",
    params(
        ("collection" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The entity tag that the definition must have"),
    ),
    request_body = Definition,
    responses(
        (status = 200, description = "The definition", body = Collection, headers(("ETag" = String, description = "Names this state of the definition"))),
        (status = 201, description = "The definition, made", body = Collection, headers(
            ("ETag" = String, description = "Names this state of the definition"),
            ("Location" = String, description = "The collection's path"),
        )),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(call: Call, path: CollectionPath, request: Request) -> Result<Response, Fault> {
    call.caller().administrator()?;
    let (head, _, body) = call.receive(request, &[JSON]).await?;
    precondition::refuse(&head.headers, &[IF_NONE_MATCH])?;
    let etag = demanded(&head.headers)?;
    let message = UpdateCollectionRequest {
        allow_missing: etag.is_empty(),
        collection: Some(v1::Collection { etag, ..definition(&body, &path.collection)? }),
        mutation_id: mutation::new().to_string(),
    };
    let must_exist = !message.allow_missing;
    let written = call.ask(message, |backend, request| backend.update_collection(request)).await;
    let written = written.map_err(|error| match error.code {
        Code::CollectionNotFound if must_exist => Error { code: Code::PreconditionFailed, ..error },
        _ => error,
    })?;
    call.shared.definitions.forget(&path.name()).await;
    json::collection(if written.created { StatusCode::CREATED } else { StatusCode::OK }, written.collection)
}

/// The one tag in `If-Match`; empty for none. The contract compares no more.
fn demanded(headers: &HeaderMap) -> Result<String, Error> {
    let Some(condition) = precondition::parse(headers, &IF_MATCH)? else { return Ok(String::new()) };
    match (&condition, &condition.strong()[..]) {
        (Condition::Tags(tags), [tag]) if tags.len() == 1 => Ok((*tag).to_owned()),
        _ => Err(Error::new(Code::Unsupported, "If-Match of a definition takes one strong entity tag")),
    }
}

/// Reads the definition of `collection` as the body of its PUT has it: `{"schema"?, "indexes"?, "rules"?}`. A
/// definition as it was read will do: what the service sets is ignored.
///
/// # Errors
///
/// `malformed_json` and `invalid_body`, with pointers into the body.
pub fn definition(body: &Bytes, collection: &str) -> Result<v1::Collection, Error> {
    let names = ["schema", "indexes", "rules", "name", "created_at", "updated_at", "index_states", "schema_check"];
    let [schema, indexes, rules, name, ..] = members(body, "", names)?;
    let name: Option<String> = name.map(|name| value(name, "/name", "a string")).transpose()?;
    if name.is_some_and(|name| name != collection) {
        return Err(misshapen().at("/name", "is not the name in the path"));
    }
    Ok(v1::Collection {
        name: format!("collections/{collection}"),
        schema: schema.map(|schema| body.slice_ref(schema.get().as_bytes())).unwrap_or_default(),
        indexes: indexes.map_or(Ok(Vec::new()), strings)?,
        rules: rules.map(self::rules).transpose()?,
        ..v1::Collection::default()
    })
}

fn strings(indexes: &RawValue) -> Result<Vec<String>, Error> {
    let indexes: Vec<&RawValue> = value(indexes, "/indexes", "a list")?;
    indexes.into_iter().enumerate().map(|(at, index)| value(index, &format!("/indexes/{at}"), "a string")).collect()
}

fn rules(rules: &RawValue) -> Result<v1::Rules, Error> {
    let names = ["list", "get", "create", "update", "delete"];
    let given = members(rules.get().as_bytes(), "/rules", names)?;
    let mut read = [const { None }; 5];
    for ((rule, given), name) in read.iter_mut().zip(given).zip(names) {
        *rule = given.map(|given| value(given, &format!("/rules/{name}"), "a string")).transpose()?;
    }
    let [list, get, create, update, delete] = read;
    Ok(v1::Rules { list, get, create, update, delete })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_read_as_written() {
        let body =
            br#"{"name":"c","schema":{"type": "object"},"indexes":["a","b.c"],"rules":{"get":"true","list":null}}"#;
        let read = definition(&Bytes::from_static(body), "c").unwrap();
        assert_eq!(read.schema, r#"{"type": "object"}"#);
        assert_eq!(read.indexes, ["a", "b.c"]);
        assert_eq!(read.rules, Some(v1::Rules { get: Some("true".into()), ..v1::Rules::default() }));
        let none = br#"{"schema":null,"indexes":null,"rules":null}"#;
        let bare = v1::Collection { name: "collections/c".into(), ..v1::Collection::default() };
        assert_eq!(definition(&Bytes::from_static(none), "c").unwrap(), bare);
    }

    #[test]
    fn other_definitions_are_pointed_at() {
        for (body, pointer) in [
            (r#"{"scheme":{}}"#, "/scheme"),
            (r#"{"name":"d"}"#, "/name"),
            (r#"{"indexes":"a"}"#, "/indexes"),
            (r#"{"indexes":["a",7]}"#, "/indexes/1"),
            (r#"{"rules":[]}"#, "/rules"),
            (r#"{"rules":{"get":true}}"#, "/rules/get"),
            (r#"{"rules":{"read":"true"}}"#, "/rules/read"),
            ("[]", ""),
        ] {
            let error = definition(&Bytes::from_static(body.as_bytes()), "c").unwrap_err();
            assert_eq!((error.code, &*error.violations[0].pointer), (Code::InvalidBody, pointer), "{body}");
        }
    }

    #[test]
    fn one_strong_tag_is_demanded_at_most() {
        let tag =
            |line: &'static str| demanded(&HeaderMap::from_iter([(IF_MATCH, http::HeaderValue::from_static(line))]));
        assert_eq!(demanded(&HeaderMap::new()), Ok(String::new()));
        assert_eq!(tag("\"a\""), Ok("\"a\"".to_owned()));
        for line in ["*", "W/\"a\"", "\"a\", \"b\"", "\"a\", W/\"b\""] {
            assert_eq!(tag(line).unwrap_err().code, Code::Unsupported, "{line}");
        }
    }
}
