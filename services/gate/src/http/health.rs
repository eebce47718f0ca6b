//! Whether the gate lives, and whether it can do its work.

use skep_proto::v1::ListCollectionsRequest;

use super::{call::Call, problem::Fault, schema::Problem};

/// Whether the process lives
#[utoipa::path(get, path = "/livez", tag = "Health", operation_id = "livez", responses(
    (status = 200, body = String, content_type = "text/plain")
))]
pub(super) async fn livez(_: Call) -> &'static str {
    "ok\n"
}

/// Whether requests can be served: storage is asked
#[utoipa::path(get, path = "/readyz", tag = "Health", operation_id = "readyz", responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn readyz(call: Call) -> Result<&'static str, Fault> {
    let message = ListCollectionsRequest { page_size: 1, ..ListCollectionsRequest::default() };
    call.ask(message, |backend, request| backend.list_collections(request)).await?;
    Ok("ok\n")
}
