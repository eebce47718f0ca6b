//! What is at `/`.

use std::sync::Arc;

use axum::{
    Router,
    response::{IntoResponse, Redirect},
    routing::get,
};
use http::{HeaderValue, header::CONTENT_TYPE};

use super::{call::Call, docs, shared::Shared};

/// What a person finds at `/`.
#[derive(Clone, Debug)]
pub enum Home {
    /// The way to `/docs`.
    Docs,
    /// A page and what belongs to it. Nothing but these files and the API may be loaded by it: scripts are files.
    Site(&'static [File]),
}

/// A file that is served as it is.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The whole path, such as `/` or `/page.js`.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What it holds.
    pub bytes: &'static [u8],
}

impl Home {
    pub(super) fn routes(&self) -> Router<Arc<Shared>> {
        match self {
            Self::Docs => Router::new().route("/", get(async |_: Call| Redirect::to("/docs"))),
            Self::Site(files) => files.iter().fold(Router::new(), |router, &File { path, content_type, bytes }| {
                let answer = move || {
                    let mut response = (docs::html(), bytes).into_response();
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                    response
                };
                router.route(path, get(async move |_: Call| answer()))
            }),
        }
    }
}
