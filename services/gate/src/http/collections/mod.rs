//! `/v1/collections`

mod delete;
mod get;
mod list;
mod put;

pub use put::definition;

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::shared::Shared;

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(put::put, get::get, delete::delete))
}
