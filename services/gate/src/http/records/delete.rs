use http::{
    HeaderMap, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::{
    Code, Error,
    v1::{DeleteRecordRequest, DeleteRecordResponse, Record},
};

use super::{
    Names,
    judged::{self, Write},
};
use crate::{
    access::{Access, Verb},
    http::{
        call::Call,
        path::RecordPath,
        precondition::{self, Condition},
        problem::Fault,
        schema::Problem,
    },
};

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
    let condition = precondition::parse(&headers, &IF_MATCH)?;
    remove(&call, &path, condition.as_ref(), Names::new(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes it if the caller may.
pub(super) async fn remove(
    call: &Call,
    path: &RecordPath,
    condition: Option<&Condition<'_>>,
    names: Names,
) -> Result<(), Error> {
    let message = DeleteRecordRequest {
        name: path.name(),
        etag: String::new(),
        idempotency_key: names.idempotency_key,
        mutation_id: names.mutation_id,
        caller: call.caller().account(),
        attempt: 0,
        judged_etag: String::new(),
    };
    judged::write(call, path, condition, message).await.map(drop)
}

impl Write for DeleteRecordRequest {
    type Answer = DeleteRecordResponse;

    const MISSING: Code = Code::RecordNotFound;

    fn is_keyed(&self) -> bool {
        !self.idempotency_key.is_empty()
    }

    fn on(self, etag: String, judged_etag: String) -> Self {
        Self { etag, judged_etag, ..self }
    }

    fn verdict(&self, access: &Access) -> Option<bool> {
        (!access.uses_record(Verb::Delete)).then(|| access.admits(Verb::Delete, None, None))
    }

    async fn admits(&self, _: &Call, access: &Access, record: Option<&Record>) -> Result<bool, Error> {
        Ok(access.admits(Verb::Delete, record, None))
    }

    async fn send(self, call: &Call) -> Result<Self::Answer, Error> {
        call.ask(self, |backend, request| backend.delete_record(request)).await
    }

    fn shown(_: &Self::Answer) -> Option<&Record> {
        None
    }
}
