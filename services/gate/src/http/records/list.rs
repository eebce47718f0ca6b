use std::borrow::Cow;

use axum::response::Response;
use http::{HeaderMap, Uri, header::IF_MATCH};
use skep_proto::{
    Code, Error,
    v1::{self, ListRecordsRequest},
};

use super::scan;
use crate::http::{
    call::Call,
    json,
    path::CollectionPath,
    precondition,
    problem::Fault,
    query,
    schema::{Problem, Records},
};

/// List records
///
/// Newest first. A page may be short or empty; only an absent token ends the list.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/records",
    tag = "Records",
    operation_id = "list_records",
    params(
        ("collection" = String, Path),
        ("page_size" = Option<u32>, Query, description = "How many at most: 30 when absent or 0, and never more than 1000"),
        ("page_token" = Option<String>, Query, description = "The `next_page_token` of the page before"),
        ("filter" = Option<String>, Query, description = "An AIP-160 expression; not supported yet"),
        ("order_by" = Option<String>, Query, description = "`created_at desc`, which it is when absent; no other is supported yet"),
        ("fields" = Option<String>, Query, description = "The members to show; not supported yet"),
    ),
    responses(
        (status = 200, description = "A page of records", body = Records),
        (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(call: Call, path: CollectionPath, uri: Uri, headers: HeaderMap) -> Result<Response, Fault> {
    precondition::refuse(&headers, &[IF_MATCH])?;
    let names = ["page_size", "page_token", "filter", "order_by", "fields"];
    let [page_size, page_token, filter, order_by, fields] = query::parameters(&uri, names)?;
    if fields.is_some_and(|fields| !fields.is_empty()) {
        return Err(Fault(Error::new(Code::Unsupported, "the parameter \"fields\" is not supported yet")));
    }
    let owned = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned).unwrap_or_default();
    let message = ListRecordsRequest {
        parent: path.name(),
        page_size: query::page_size(page_size.as_deref())?,
        page_token: owned(page_token),
        filter: owned(filter),
        order_by: owned(order_by),
    };
    let page = scan::page(&call, message).await?;
    let size = |record: &v1::Record| record.data.len();
    json::page("records", &page.records, size, json::write_record, &page.next_page_token)
}
