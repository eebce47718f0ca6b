//! The `OpenAPI` document, a page to try it on, and a page on the problems.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{RawPathParams, State, rejection::RawPathParamsRejection},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
};
use serde_json::Value;
use skep_proto::{Code, Error};
use utoipa::OpenApi;
use utoipa_swagger_ui::Config;

use super::{
    call::Call,
    problem::{self, Fault},
    shared::Shared,
};

/// What the document says beside the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Skep",
        description = "Records over REST. Every fault is a problem document (RFC 9457) whose `code` is explained at \
                       [/docs/problems](/docs/problems)."
    ),
    tags(
        (name = "Records", description = "JSON objects, kept by id in a collection"),
        (name = "Collections", description = "Named sets of records, each with a definition"),
        (name = "Accounts", description = "Who signs in"),
        (name = "Sessions", description = "Who is signed in: by the cookie, or by `Authorization: Bearer TOKEN`"),
        (name = "Health"),
    )
)]
pub(super) struct Document;

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "Health", operation_id = "openapi", responses(
    (status = 200, description = "The document", body = Value)
))]
pub(super) async fn openapi(_: Call, State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], shared.document.clone())
}

/// The document as it is served: parameters that may be absent are not null, and those of a path tell their form.
pub(super) fn complete(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let names = document["components"]["schemas"].clone();
    let operations = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = operations.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    for parameter in operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut()).flatten() {
        if let Some(kind) = parameter["schema"]["type"].as_array().and_then(|types| types.first().cloned()) {
            parameter["schema"]["type"] = kind;
        }
        match parameter["name"].as_str() {
            Some("collection") => {
                parameter["schema"]["pattern"] = names["Collection"]["properties"]["name"]["pattern"].clone();
            }
            Some("account" | "session") => {
                parameter["schema"]["pattern"] = names["Account"]["properties"]["id"]["pattern"].clone();
            }
            Some("id") => parameter["schema"]["pattern"] = names["Record"]["properties"]["id"]["pattern"].clone(),
            _ => {}
        }
    }
    document
}

/// The pages under `/docs`.
pub(super) fn pages() -> Router<Arc<Shared>> {
    let config = Arc::new(Config::from("/openapi.json"));
    let page = get(async move |_: Call, file: Result<RawPathParams, RawPathParamsRejection>| {
        // No file has a name that cannot be decoded.
        let file = file.map_err(|_| not_found())?;
        swagger(file.iter().next().map_or("", |(_, file)| file), &config)
    });
    let problems = Bytes::from(problems());
    Router::new()
        .route("/docs", get(async |_: Call| Redirect::to("/docs/")))
        .route("/docs/", get(async |_: Call| swagger("index.html", &Arc::default())))
        .route("/docs/{*file}", page)
        .route(problem::PAGE, get(|_: Call| async move { (html(), problems).into_response() }))
}

fn swagger(file: &str, config: &Arc<Config<'static>>) -> Result<Response, Fault> {
    let found = utoipa_swagger_ui::serve(file, config.clone())
        .map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    let found = found.ok_or_else(not_found)?;
    let kind =
        HeaderValue::try_from(&found.content_type).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
    let mut response = (html(), found.bytes.into_owned()).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SWAGGER_POLICY));
    if kind != "text/html" {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    if found.gzpipped {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// A page for each code, as an anchor: what `type` of a problem names.
fn problems() -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Problems of Skep</title>\n<h1>Problems</h1>\n<p>The <code>code</code> of a problem document, and the status \
         that it comes with.</p>\n<dl>\n",
    );
    for code in Code::ALL {
        let (word, status, title) = (code.word(), code.http(), code.title());
        let _ = writeln!(page, "<dt id=\"{word}\"><code>{word}</code> ({status})</dt>\n<dd>{title}.</dd>");
    }
    page + "</dl>\n</html>\n"
}

/// The page that tries the API out writes its styles itself and draws from data.
const SWAGGER_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
                              object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The headers of a page: it may load what this origin serves as files, and nothing may frame it.
pub(super) fn html() -> [(HeaderName, &'static str); 4] {
    const POLICY: &str =
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-cache"),
        (REFERRER_POLICY, "same-origin"),
    ]
}

fn not_found() -> Error {
    Error::new(Code::RouteNotFound, "there is nothing at this path; see /docs")
}
