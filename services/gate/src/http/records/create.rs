use axum::{extract::Request, response::Response};
use http::{
    StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::{
    Error,
    v1::{self, CreateRecordRequest},
};

use super::{Names, envelope};
use crate::{
    access::Verb,
    http::{
        body::JSON,
        call::Call,
        json,
        path::CollectionPath,
        precondition,
        problem::Fault,
        schema::{NewRecord, Problem, Record},
    },
};

/// Make a record
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/records",
    tag = "Records",
    operation_id = "create_record",
    params(
        ("collection" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "A quoted string of up to 255 characters"),
    ),
    request_body = NewRecord,
    responses(
        (status = 201, description = "The record, made", body = Record, headers(
            ("ETag" = String, description = "Names this state of the record"),
            ("Location" = String, description = "The record's path"),
        )),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(call: Call, path: CollectionPath, request: Request) -> Result<Response, Fault> {
    let (head, _, body) = call.receive(request, &[JSON]).await?;
    precondition::refuse(&head.headers, &[IF_MATCH, IF_NONE_MATCH])?;
    let names = Names::new(&head.headers)?;
    let (record, id) = envelope(&body, &body, "")?;
    let made = make(&call, &path, record, id, names).await?;
    json::record(StatusCode::CREATED, made, Some(&path.name()))
}

/// Makes it if the caller may.
pub(super) async fn make(
    call: &Call,
    path: &CollectionPath,
    record: v1::Record,
    id: Option<String>,
    names: Names,
) -> Result<Option<v1::Record>, Error> {
    let access = call.access(path.name()).await?;
    if !access.admits(Verb::Create, None, Some(&record.data)) {
        return Err(access.refusal());
    }
    let message = CreateRecordRequest {
        parent: path.name(),
        record_id: id.unwrap_or_default(),
        record: Some(record),
        idempotency_key: names.idempotency_key,
        mutation_id: names.mutation_id,
        caller: call.caller().account(),
        attempt: 0,
    };
    Ok(call.ask(message, |backend, request| backend.create_record(request)).await?.record)
}
