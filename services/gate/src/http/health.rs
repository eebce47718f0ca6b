//! Whether the gate lives, and whether it can do its work.

use std::sync::Arc;

use axum::extract::State;
use skep_proto::{Code, Error};

use super::{call::Call, problem::Fault, schema::Problem, shared::Shared};

/// Whether the process lives
#[utoipa::path(get, path = "/livez", tag = "Health", operation_id = "livez", responses(
    (status = 200, description = "The process lives", body = String, content_type = "text/plain")
))]
pub(super) async fn livez(_: Call) -> &'static str {
    "ok\n"
}

/// Whether requests can be served: storage is asked, and no stop is under way
#[utoipa::path(get, path = "/readyz", tag = "Health", operation_id = "readyz", responses(
    (status = 200, description = "Requests can be served", body = String, content_type = "text/plain"),
    (status = "default", description = "What went wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn readyz(_: Call, State(shared): State<Arc<Shared>>) -> Result<&'static str, Fault> {
    let report = shared.ready.report().await;
    shared.notice.asked(shared.ready.is_withdrawn());
    if report.is_ready() {
        return Ok("ok\n");
    }
    Err(Fault(Error::new(Code::Unavailable, format!("the gate is {}", report.status()))))
}
