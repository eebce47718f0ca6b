//! `/v1/sessions`

mod create;
mod current;
mod end;
mod list;

use std::sync::Arc;

use serde::Serialize;
use skep_proto::{Error, v1};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{json, shared::Shared};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list, end::everywhere))
        .routes(routes!(current::get, end::current))
        .routes(routes!(end::one))
}

/// A session as REST shows it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    created_at: String,
    expires_at: String,
    user_agent: Option<&'a str>,
    current: bool,
}

impl<'a> Shown<'a> {
    /// To who asks in the session `current`.
    fn new(session: &'a v1::Session, current: Option<Uuid>) -> Result<Self, Error> {
        let id = json::last(&session.name);
        Ok(Self {
            id,
            created_at: json::time(session.create_time.as_ref())?,
            expires_at: json::time(session.expire_time.as_ref())?,
            user_agent: Some(&*session.user_agent).filter(|agent| !agent.is_empty()),
            current: current.is_some_and(|current| current.to_string() == id),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use utoipa::PartialSchema;

    use super::*;
    use crate::http::schema;

    #[test]
    fn the_document_shows_the_members_that_are_written() {
        let (id, time) = (Uuid::max(), Some(prost_types::Timestamp { seconds: 0, nanos: 0 }));
        let session = v1::Session {
            name: format!("accounts/a/sessions/{id}"),
            create_time: time,
            expire_time: time,
            ..v1::Session::default()
        };
        let written = |current| serde_json::to_value(Shown::new(&session, current).unwrap()).unwrap();
        assert_eq!(written(Some(id))["current"], true);
        assert_eq!(
            (&written(Some(Uuid::nil()))["current"], &written(None)["user_agent"]),
            (&false.into(), &Value::Null)
        );
        let shown = serde_json::to_value(schema::Session::schema()).unwrap();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&written(None)), names(&shown["properties"]));
    }
}
