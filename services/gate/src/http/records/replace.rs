use axum::{extract::Request, response::Response};
use http::{
    StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::{
    Code, Error,
    v1::{self, CreateRecordRequest, UpdateRecordRequest, UpdateRecordResponse},
};

use super::{
    Names, envelope,
    judged::{self, Write},
};
use crate::{
    access::{Access, Verb},
    http::{
        body::JSON,
        call::Call,
        json,
        members::misshapen,
        path::RecordPath,
        precondition::{self, Condition},
        problem::Fault,
        schema::{Problem, Record, Replacement},
    },
};

/// Replace a record, or make it
///
/// `If-Match: *` replaces only, `If-None-Match: *` makes only; without either, it is made or replaced.
#[utoipa::path(
    put,
    path = "/v1/collections/{collection}/records/{id}",
    tag = "Records",
    operation_id = "replace_record",
    params(
        ("collection" = String, Path),
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "`*`, or entity tags of which the record must have one"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: there must be no record"),
        ("Idempotency-Key" = Option<String>, Header, description = "A quoted string of up to 255 characters"),
    ),
    request_body = Replacement,
    responses(
        (status = 200, description = "The record", body = Record, headers(("ETag" = String, description = "Names this state of the record"))),
        (status = 201, description = "The record, made", body = Record, headers(
            ("ETag" = String, description = "Names this state of the record"),
            ("Location" = String, description = "The record's path"),
        )),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn replace(call: Call, path: RecordPath, request: Request) -> Result<Response, Fault> {
    let (head, _, body) = call.receive(request, &[JSON]).await?;
    let headers = &head.headers;
    let names = Names::new(headers)?;
    let (record, id) = envelope(&body, &body, "")?;
    if id.is_some_and(|id| id != path.id) {
        return Err(Fault(misshapen().at("/id", "is not the id in the path")));
    }
    match precondition::parse(headers, &IF_NONE_MATCH)? {
        None => {}
        Some(_) if headers.contains_key(IF_MATCH) => {
            let detail = "If-Match and If-None-Match exclude each other";
            return Err(Fault(Error::new(Code::InvalidArgument, detail)));
        }
        Some(Condition::Tags(_)) => {
            return Err(Fault(Error::new(Code::Unsupported, "If-None-Match of a PUT takes * alone")));
        }
        Some(Condition::Any) => return create_only(&call, path, record, names).await,
    }
    let condition = precondition::parse(headers, &IF_MATCH)?;
    let written = put(&call, &path, record, condition.as_ref(), names).await?;
    if written.created {
        json::record(StatusCode::CREATED, written.record, Some(&path.parent()))
    } else {
        json::record(StatusCode::OK, written.record, None)
    }
}

/// Replaces or makes it if the caller may.
pub(super) async fn put(
    call: &Call,
    path: &RecordPath,
    record: v1::Record,
    condition: Option<&Condition<'_>>,
    names: Names,
) -> Result<UpdateRecordResponse, Error> {
    let message = UpdateRecordRequest {
        record: Some(v1::Record { name: path.name(), ..record }),
        allow_missing: true,
        idempotency_key: names.idempotency_key,
        mutation_id: names.mutation_id,
        caller: call.caller().account(),
        attempt: 0,
        judged_etag: String::new(),
    };
    judged::write(call, path, condition, message).await
}

/// `If-None-Match: *`
async fn create_only(call: &Call, path: RecordPath, record: v1::Record, names: Names) -> Result<Response, Fault> {
    let parent = path.parent();
    let access = call.access(path.parent()).await?;
    if !access.admits(Verb::Create, None, Some(&record.data)) {
        return Err(Fault(access.refusal_of(&path.id, None)));
    }
    let message = CreateRecordRequest {
        parent: parent.clone(),
        record_id: path.id,
        record: Some(record),
        idempotency_key: names.idempotency_key,
        mutation_id: names.mutation_id,
        caller: call.caller().account(),
        attempt: 0,
    };
    let made = call.ask(message, |backend, request| backend.create_record(request)).await;
    let made = made.map_err(|error| match error.code {
        Code::RecordExists => Error { code: Code::PreconditionFailed, ..error },
        _ => error,
    })?;
    json::record(StatusCode::CREATED, made.record, Some(&parent))
}

impl Write for UpdateRecordRequest {
    type Answer = UpdateRecordResponse;

    const MISSING: Code = Code::PreconditionFailed;

    fn is_keyed(&self) -> bool {
        !self.idempotency_key.is_empty()
    }

    fn on(self, etag: String, judged_etag: String) -> Self {
        let record = self.record.map(|record| v1::Record { etag, ..record });
        Self { record, judged_etag, ..self }
    }

    fn verdict(&self, access: &Access) -> Option<bool> {
        let data = self.record.as_ref().map(|record| &record.data[..]);
        let [creates, updates] = [Verb::Create, Verb::Update]
            .map(|verb| (!access.uses_record(verb)).then(|| access.admits(verb, None, data)));
        creates.filter(|_| creates == updates)
    }

    async fn admits(&self, _: &Call, access: &Access, record: Option<&v1::Record>) -> Result<bool, Error> {
        let data = self.record.as_ref().map(|record| &record.data[..]);
        Ok(access.admits(if record.is_some() { Verb::Update } else { Verb::Create }, record, data))
    }

    async fn send(self, call: &Call) -> Result<Self::Answer, Error> {
        call.ask(self, |backend, request| backend.update_record(request)).await
    }

    fn shown(answer: &Self::Answer) -> Option<&v1::Record> {
        answer.record.as_ref()
    }
}
