//! Faults as clients see them: problem documents (RFC 9457).

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use skep_proto::{Code, Error};

/// Where the page about problems is; `type` is an anchor in it.
pub(crate) const PAGE: &str = "/docs/problems";

/// An error on its way out of a handler. It answers with its status alone and leaves the error among the response's
/// extensions, where the envelope finds it: only that knows the request's id.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Error);

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.0.code);
        response.extensions_mut().insert(self.0);
        response
    }
}

/// The document that tells `error`. `path` is the request's.
pub(crate) fn document(error: &Error, path: &str, request_id: &str) -> Vec<u8> {
    let code = error.code.word();
    let document = Document {
        kind: format!("{PAGE}#{code}"),
        title: error.code.title(),
        status: error.code.http(),
        detail: if error.code == Code::Internal {
            "the log has the cause under this request's id"
        } else {
            &error.detail
        },
        instance: path,
        code,
        request_id,
        errors: error.violations.iter().map(|at| Place { pointer: &at.pointer, detail: &at.detail }).collect(),
    };
    serde_json::to_vec(&document).unwrap_or_default()
}

/// Makes `response`, whose status and headers stay, tell `error`. `path` is the request's.
pub(crate) fn render(response: &mut Response, error: &Error, path: &str, request_id: &str) {
    let body = document(error, path, request_id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LENGTH, body.len().into());
    // RFC 9110, 15.5.2
    if error.code.http() == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(after) = error.retry_after {
        headers.insert(RETRY_AFTER, after.as_secs().max(1).into());
    }
    *response.body_mut() = Body::from(body);
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    pointer: &'a str,
    detail: &'a str,
}
