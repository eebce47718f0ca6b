use axum::response::Response;
use http::{
    HeaderMap, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::v1::GetRecordRequest;

use crate::http::{
    call::Call,
    json,
    path::RecordPath,
    precondition,
    problem::Fault,
    schema::{Problem, Record},
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
    let message = GetRecordRequest { name: path.name() };
    let record = call.ask(message, |backend, request| backend.get_record(request)).await?.record;
    if let (Some(record), Some(demanded)) = (&record, &demanded) {
        demanded.met_by(&record.etag)?;
    }
    match (&record, known) {
        (Some(record), Some(known)) if known.matches_weakly(&record.etag) => json::not_modified(&record.etag),
        _ => json::record(StatusCode::OK, record, None),
    }
}
