use axum::response::Response;
use http::{
    HeaderMap, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};

use super::stored;
use crate::{
    access::{Verb, missing},
    http::{
        call::Call,
        json,
        path::RecordPath,
        precondition,
        problem::Fault,
        schema::{Problem, Record},
    },
};

/// Read a record
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/records/{id}",
    tag = "Records",
    operation_id = "get_record",
    params(
        ("collection" = String, Path),
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Entity tags of which the state must have one"),
        ("If-None-Match" = Option<String>, Header, description = "Entity tags of states that are known already"),
    ),
    responses(
        (status = 200, description = "The record", body = Record, headers(("ETag" = String, description = "Names this state of the record"))),
        (status = 304, description = "The state is known already"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(call: Call, path: RecordPath, headers: HeaderMap) -> Result<Response, Fault> {
    let demanded = precondition::parse(&headers, &IF_MATCH)?;
    let known = precondition::parse(&headers, &IF_NONE_MATCH)?;
    let access = call.access(path.parent()).await?;
    if !access.uses_record(Verb::Get) && !access.admits(Verb::Get, None, None) {
        return Err(Fault(access.refusal_of(&path.id, None)));
    }
    let record = stored(&call, &path).await?;
    if !access.admits(Verb::Get, record.as_ref(), None) {
        return Err(Fault(access.refusal_of(&path.id, record.as_ref())));
    }
    let record = record.ok_or_else(|| missing(&path.id))?;
    if let Some(demanded) = &demanded {
        demanded.met_by(&record.etag)?;
    }
    match known {
        Some(known) if known.matches_weakly(&record.etag) => json::not_modified(&record.etag),
        _ => json::record(StatusCode::OK, Some(record), None),
    }
}
