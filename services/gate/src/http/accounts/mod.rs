//! `/v1/accounts`

mod create;
mod delete;
mod get;
mod list;
mod password;
mod patch;

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use skep_proto::{Error, v1};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    json,
    members::{members, misshapen, value},
    problem::Fault,
    shared::Shared,
};

pub(super) fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(patch::patch))
        .routes(routes!(get::get, delete::delete))
        .routes(routes!(password::put))
}

/// An account as REST shows it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    roles: &'a [String],
    disabled: bool,
    created_at: String,
    updated_at: String,
}

impl<'a> Shown<'a> {
    pub(super) fn new(account: &'a v1::Account) -> Result<Self, Error> {
        Ok(Self {
            id: json::last(&account.name),
            name: &account.login,
            roles: &account.roles,
            disabled: account.disabled,
            created_at: json::time(account.create_time.as_ref())?,
            updated_at: json::time(account.update_time.as_ref())?,
        })
    }
}

/// Writes an account as REST shows it.
///
/// # Errors
///
/// `internal` for what is no account.
pub fn write_account(out: &mut Vec<u8>, account: &v1::Account) -> Result<(), Error> {
    json::write(out, &Shown::new(account)?)
}

/// Answers with one account.
fn account(status: StatusCode, account: Option<v1::Account>) -> Result<Response, Fault> {
    let account = account.ok_or_else(|| json::broken("no account"))?;
    let mut body = Vec::with_capacity(512);
    write_account(&mut body, &account)?;
    Ok(json::answer(status, body))
}

/// The two texts of a body that must have both.
pub(super) fn texts(body: &Bytes, names: [&str; 2]) -> Result<[String; 2], Error> {
    let text = |raw: Option<&RawValue>, name: &str| {
        let at = format!("/{name}");
        value(raw.ok_or_else(|| misshapen().at(at.clone(), "is missing"))?, &at, "a string")
    };
    let [first, second] = members(body, "", names)?;
    Ok([text(first, names[0])?, text(second, names[1])?])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use skep_proto::Code;
    use utoipa::PartialSchema;

    use super::*;
    use crate::http::schema;

    #[test]
    fn the_document_shows_the_members_that_are_written() {
        let time = Some(prost_types::Timestamp { seconds: 0, nanos: 0 });
        let account = v1::Account {
            name: "accounts/a".into(),
            login: "Ann".into(),
            create_time: time,
            update_time: time,
            ..v1::Account::default()
        };
        let written = serde_json::to_value(Shown::new(&account).unwrap()).unwrap();
        assert_eq!((&written["id"], &written["name"]), (&"a".into(), &"Ann".into()));
        let shown = serde_json::to_value(schema::Account::schema()).unwrap();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&written), names(&shown["properties"]));
    }

    #[test]
    fn both_texts_are_demanded() {
        let read = |body: &'static str| texts(&Bytes::from_static(body.as_bytes()), ["name", "password"]);
        assert_eq!(read(r#"{"password":"p","name":"n"}"#), Ok(["n".into(), "p".into()]));
        for (body, pointer) in [
            (r#"{"name":"n"}"#, "/password"),
            (r#"{"name":null,"password":"p"}"#, "/name"),
            (r#"{"name":"n","password":7}"#, "/password"),
            (r#"{"name":"n","password":"p","roles":["admin"]}"#, "/roles"),
        ] {
            let error = read(body).unwrap_err();
            assert_eq!((error.code, &*error.violations[0].pointer), (Code::InvalidBody, pointer), "{body}");
        }
    }
}
