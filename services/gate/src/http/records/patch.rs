use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use skep_proto::{
    Code, Error,
    v1::{self, PatchRecordRequest, PatchRecordResponse, patch_record_request::Patch},
};

use super::{
    Names,
    judged::{self, Write},
};
use crate::{
    access::{Access, Verb},
    http::{
        body::{JSON_PATCH, MERGE_PATCH},
        call::Call,
        json,
        path::RecordPath,
        precondition::{self, Condition},
        problem::Fault,
        schema::{Problem, Record},
    },
};

/// Change parts of a record
///
/// By a merge patch (RFC 7396) or a JSON patch (RFC 6902) on its `data`.
#[utoipa::path(
    patch,
    path = "/v1/collections/{collection}/records/{id}",
    tag = "Records",
    operation_id = "patch_record",
    params(
        ("collection" = String, Path),
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "`*`, or entity tags of which the record must have one"),
        ("Idempotency-Key" = Option<String>, Header, description = "A quoted string of up to 255 characters"),
    ),
    request_body(content(
        (serde_json::Value = "application/merge-patch+json"),
        (Vec<serde_json::Value> = "application/json-patch+json"),
    )),
    responses(
        (status = 200, description = "The record", body = Record, headers(("ETag" = String, description = "Names this state of the record"))),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn patch(call: Call, path: RecordPath, request: Request) -> Response {
    apply(call, path, request).await.unwrap_or_else(|fault| {
        let is_type = fault.0.code == Code::UnsupportedMediaType;
        let mut response = fault.into_response();
        if is_type {
            // RFC 5789, 2.2
            let types = HeaderValue::from_static("application/merge-patch+json, application/json-patch+json");
            response.headers_mut().insert("accept-patch", types);
        }
        response
    })
}

async fn apply(call: Call, path: RecordPath, request: Request) -> Result<Response, Fault> {
    let (head, kind, body) = call.receive(request, &[MERGE_PATCH, JSON_PATCH]).await?;
    precondition::refuse(&head.headers, &[IF_NONE_MATCH])?;
    let condition = precondition::parse(&head.headers, &IF_MATCH)?;
    let by = if kind == 0 { Patch::MergePatch(body) } else { Patch::JsonPatch(body) };
    let patched = change(&call, &path, by, condition.as_ref(), Names::new(&head.headers)?).await?;
    json::record(StatusCode::OK, patched, None)
}

/// Patches it by that if the caller may.
pub(super) async fn change(
    call: &Call,
    path: &RecordPath,
    by: Patch,
    condition: Option<&Condition<'_>>,
    names: Names,
) -> Result<Option<v1::Record>, Error> {
    let message = PatchRecordRequest {
        name: path.name(),
        patch: Some(by),
        etag: String::new(),
        idempotency_key: names.idempotency_key,
        mutation_id: names.mutation_id,
        caller: call.caller().account(),
        attempt: 0,
        judged_etag: String::new(),
        validate_only: false,
    };
    Ok(judged::write(call, path, condition, message).await?.record)
}

impl Write for PatchRecordRequest {
    type Answer = PatchRecordResponse;

    const MISSING: Code = Code::RecordNotFound;

    fn is_keyed(&self) -> bool {
        !self.idempotency_key.is_empty()
    }

    fn on(self, etag: String, judged_etag: String) -> Self {
        Self { etag, judged_etag, ..self }
    }

    fn verdict(&self, access: &Access) -> Option<bool> {
        let looks = access.uses_record(Verb::Update) || access.uses_data(Verb::Update);
        (!looks).then(|| access.admits(Verb::Update, None, None))
    }

    async fn admits(&self, call: &Call, access: &Access, record: Option<&v1::Record>) -> Result<bool, Error> {
        let data = match record.filter(|_| access.uses_data(Verb::Update)) {
            Some(record) => Some(foresee(self.clone(), call, record).await),
            None => None,
        };
        match data {
            // That another schema may soon admit it is no reason to make what was not judged.
            Some(Err(violation)) if violation.code == Code::SchemaViolation => {
                let admitted = access.admits(Verb::Update, record, record.map(|record| &*record.data));
                if admitted { Err(violation) } else { Ok(false) }
            }
            data => Ok(access.admits(Verb::Update, record, data.transpose()?.as_deref())),
        }
    }

    async fn send(self, call: &Call) -> Result<Self::Answer, Error> {
        call.ask(self, |backend, request| backend.patch_record(request)).await
    }

    fn shown(answer: &Self::Answer) -> Option<&v1::Record> {
        answer.record.as_ref()
    }
}

/// What is told of a patch that does not fit.
const UNFIT: [Code; 4] = [Code::PatchConflict, Code::InvalidPatch, Code::MalformedJson, Code::PayloadTooLarge];

/// What `patch` makes of the data of `record`. One that does not fit makes nothing of it: that it does not is told only
/// to who may change the record.
async fn foresee(patch: PatchRecordRequest, call: &Call, record: &v1::Record) -> Result<Bytes, Error> {
    let patch = PatchRecordRequest {
        judged_etag: record.etag.clone(),
        validate_only: true,
        idempotency_key: String::new(),
        mutation_id: String::new(),
        ..patch
    };
    match call.ask(patch, |backend, request| backend.patch_record(request)).await {
        Ok(foreseen) => Ok(foreseen.record.unwrap_or_default().data),
        Err(error) if UNFIT.contains(&error.code) => Ok(record.data.clone()),
        Err(error) => Err(error),
    }
}
