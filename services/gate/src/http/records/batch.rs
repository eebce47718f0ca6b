use std::time::Instant;

use axum::{extract::Request, response::Response};
use http::{
    StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use sha2::{Digest, Sha256};
use skep_proto::{
    Code, Error,
    batch::{self, BYTES, Told},
    v1::{self, ClaimIdempotencyKeyRequest, GetCollectionRequest},
};

use super::{
    Names,
    operation::{Operation, operations},
};
use crate::http::{
    body::{JSON, LARGEST},
    call::Call,
    idempotency, json,
    path::CollectionPath,
    precondition,
    problem::{self, Fault},
    schema::{Batch, BatchResults, Problem},
};

type Made = Result<(StatusCode, Option<v1::Record>), Error>;

/// Make several writes
///
/// Each on its own, as the single call would: those on one record in their order, others at the same time.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/records:batch",
    tag = "Records",
    operation_id = "batch_write_records",
    params(
        ("collection" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "A quoted string of up to 255 characters"),
    ),
    request_body = Batch,
    responses(
        (status = 200, description = "What became of each", body = BatchResults),
        (status = "default", description = "What went wrong before any was made", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn batch(call: Call, path: CollectionPath, request: Request) -> Result<Response, Fault> {
    let instance = request.uri().path().to_owned();
    let (head, _, body) = call.receive(request, &[JSON]).await?;
    precondition::refuse(&head.headers, &[IF_MATCH, IF_NONE_MATCH])?;
    let key = idempotency::key(&head.headers)?.unwrap_or_default();
    let operations = operations(&body)?;
    // What is written anew is answered as it came; what it grows to is known too late to refuse it.
    let grow = |operation: &&Operation| !key.is_empty() || matches!(operation, Operation::Patch { .. });
    let grown = operations.iter().filter(grow).count() * LARGEST;
    let _share = call.shared.room.take((body.len() + grown).min(BYTES))?;
    if key.is_empty() {
        let message = GetCollectionRequest { name: path.name() };
        call.ask(message, |backend, request| backend.get_collection(request)).await?;
    } else {
        let message = ClaimIdempotencyKeyRequest {
            parent: path.name(),
            idempotency_key: key.clone(),
            fingerprint: Sha256::digest(&body).to_vec().into(),
            caller: call.caller().account(),
        };
        call.ask(message, |backend, request| backend.claim_idempotency_key(request)).await?;
    }
    let (told, begun) = (&Told::default(), Instant::now());
    let (call, path, key) = (&call, &path, &key);
    let writes = operations.into_iter().enumerate().map(|(place, operation)| {
        let id = operation.id().map(ToOwned::to_owned);
        let write = async move {
            let pointer = format!("/operations/{place}/{}", operation.place());
            let made = if begun.elapsed() < call.shared.limits.call {
                operation.make(call, path, Names::of(batch::key(key, place))).await
            } else {
                Err(Error::new(Code::DeadlineExceeded, "the time for the batch ran out before this; send it again"))
            };
            // Rules over large data take their time.
            tokio::task::yield_now().await;
            made.map(|(status, record)| (status, record.map(|record| told.fit(record))))
                .map_err(|error| error.under(&pointer))
        };
        (id, write)
    });
    let results: Vec<Made> = batch::run(writes).await;
    let size = |result: &Made| result.as_ref().map_or(0, |(_, record)| record.as_ref().map_or(0, |one| one.data.len()));
    let write = |out: &mut Vec<u8>, result: &Made| write_result(out, result, &instance, call.request_id());
    json::page("results", &results, size, write, "", &[])
}

fn write_result(out: &mut Vec<u8>, result: &Made, instance: &str, request_id: &str) -> Result<(), Error> {
    let status = result.as_ref().map_or_else(|error| error.code.http(), |(status, _)| status.as_u16());
    out.extend_from_slice(format!("{{\"status\":{status}").as_bytes());
    match result {
        Ok((_, Some(record))) => {
            out.extend_from_slice(b",\"record\":");
            json::write_record(out, record)?;
        }
        Ok((_, None)) => {}
        Err(error) => {
            if status >= 500 {
                tracing::warn!(
                    error.code = error.code.word(),
                    error.message = error.detail,
                    "an operation of a batch failed"
                );
            }
            out.extend_from_slice(b",\"error\":");
            out.extend_from_slice(&problem::document(error, instance, request_id));
        }
    }
    out.push(b'}');
    Ok(())
}
