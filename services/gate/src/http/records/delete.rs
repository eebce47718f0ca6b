use http::{HeaderMap, StatusCode, header::IF_NONE_MATCH};
use skep_proto::{Code, v1::DeleteRecordRequest};

use super::{Names, demanded};
use crate::http::{call::Call, path::RecordPath, precondition, problem::Fault, schema::Problem};

/// Delete a record
#[utoipa::path(
    delete,
    path = "/v1/collections/{collection}/records/{id}",
    tag = "Records",
    operation_id = "delete_record",
    params(
        ("collection" = String, Path),
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "`*`, or entity tags of which the record must have one"),
        ("Idempotency-Key" = Option<String>, Header, description = "A quoted string of up to 255 characters"),
    ),
    responses(
        (status = 204, description = "There is no such record any more"),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(call: Call, path: RecordPath, headers: HeaderMap) -> Result<StatusCode, Fault> {
    precondition::refuse(&headers, &[IF_NONE_MATCH])?;
    let names = Names::new(&headers)?;
    let message = DeleteRecordRequest {
        name: path.name(),
        etag: demanded(&call, &path, &headers, Code::RecordNotFound).await?,
        idempotency_key: names.idempotency_key,
        mutation_id: names.mutation_id,
        caller: call.caller().account(),
        attempt: 0,
        judged_etag: String::new(),
    };
    call.ask(message, |backend, request| backend.delete_record(request)).await?;
    Ok(StatusCode::NO_CONTENT)
}
