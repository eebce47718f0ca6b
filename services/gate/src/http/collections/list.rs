use std::borrow::Cow;

use axum::response::Response;
use http::{HeaderMap, Uri, header::IF_MATCH};
use skep_proto::v1::{self, ListCollectionsRequest};

use crate::http::{
    call::Call,
    json, precondition,
    problem::Fault,
    query,
    schema::{Collections, Problem},
};

/// List the definitions
///
/// By name. A page may be short; only an absent token ends the list.
#[utoipa::path(
    get,
    path = "/v1/collections",
    tag = "Collections",
    operation_id = "list_collections",
    params(
        ("page_size" = Option<u32>, Query, description = "How many at most: 30 when absent or 0, and never more than 1000"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of definitions", body = Collections),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(call: Call, uri: Uri, headers: HeaderMap) -> Result<Response, Fault> {
    precondition::refuse(&headers, &[IF_MATCH])?;
    let [page_size, page_token] = query::parameters(&uri, ["page_size", "page_token"])?;
    let message = ListCollectionsRequest {
        page_size: query::page_size(page_size.as_deref())?,
        page_token: page_token.map(Cow::into_owned).unwrap_or_default(),
    };
    let page = call.ask(message, |backend, request| backend.list_collections(request)).await?;
    let size = |collection: &v1::Collection| collection.schema.len();
    json::page("collections", &page.collections, size, json::write_collection, &page.next_page_token, &[])
}
