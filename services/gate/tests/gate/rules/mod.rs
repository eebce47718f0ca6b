//! Access rules, over accounts and records as they are.

mod batches;
mod lists;
mod races;
mod table;

use std::sync::Arc;

use axum::body::Body;
use gate::backend::Local;
use serde_json::{Value, json};
use skep_proto::{
    Contract,
    v1::{self, *},
};
use storage::Engine;

use crate::house::{Answer, Routes};

const JSON: (&str, &str) = ("content-type", "application/json");
const MERGE: (&str, &str) = ("content-type", "application/merge-patch+json");

/// Who asks: `Authorization`, if anybody is signed in.
pub(crate) struct Who {
    pub(crate) name: &'static str,
    pub(crate) id: String,
    authorization: Option<String>,
}

impl Who {
    const fn nobody() -> Self {
        Self { name: "nobody", id: String::new(), authorization: None }
    }

    async fn new(routes: &Routes, name: &'static str, roles: &[&str]) -> Self {
        let account = routes.account(name, roles).await;
        let id = account.name.rsplit('/').next().unwrap().to_owned();
        Self { name, id, authorization: Some(format!("Bearer {}", routes.signed_in(name).await)) }
    }

    async fn ask(
        &self,
        routes: &Routes,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let signed = self.authorization.iter().map(|bearer| ("authorization", &**bearer));
        let headers: Vec<_> = headers.iter().copied().chain(signed).collect();
        routes.ask(method, path, &headers, body).await
    }
}

/// Defines a collection by the inside door, where every call is allowed.
async fn define(engine: &Arc<Engine>, collection: &str, rules: Value) {
    let rule = |verb: &str| rules[verb].as_str().map(ToOwned::to_owned);
    let rules = Rules {
        list: rule("list"),
        get: rule("get"),
        create: rule("create"),
        update: rule("update"),
        delete: rule("delete"),
    };
    let name = format!("collections/{collection}");
    let collection = Some(Collection { name, rules: Some(rules), ..Collection::default() });
    let message = UpdateCollectionRequest { collection, allow_missing: true, ..UpdateCollectionRequest::default() };
    inside(engine).update_collection(tonic::Request::new(message)).await.unwrap();
}

/// Makes or replaces a record of `owner` by the inside door.
async fn put(engine: &Arc<Engine>, path: &str, owner: &str, data: Value) -> v1::Record {
    let record = Record { name: path.into(), data: data.to_string().into(), ..Record::default() };
    let message = UpdateRecordRequest {
        record: Some(record),
        allow_missing: true,
        caller: owner.into(),
        ..UpdateRecordRequest::default()
    };
    inside(engine).update_record(tonic::Request::new(message)).await.unwrap().record.unwrap()
}

async fn stored(engine: &Arc<Engine>, path: &str) -> Option<v1::Record> {
    let message = GetRecordRequest { name: path.into() };
    inside(engine).get_record(tonic::Request::new(message)).await.ok()?.record
}

async fn delete(engine: &Arc<Engine>, path: &str) {
    let message = DeleteRecordRequest { name: path.into(), ..DeleteRecordRequest::default() };
    inside(engine).delete_record(tonic::Request::new(message)).await.unwrap();
}

fn inside(engine: &Arc<Engine>) -> impl Contract {
    Local::new(engine.clone())
}

#[tokio::test]
async fn a_rule_is_in_force_as_soon_as_the_gate_that_took_it_has_answered() {
    let routes = Routes::new().await;
    let (nobody, admin) = (Who::nobody(), Who::new(&routes, "root", &["admin"]).await);
    let path = "/v1/collections/fresh";
    let records = format!("{path}/records");
    for (rule, status) in [("true", 200), ("auth != null", 401), ("size('a') == 1", 200), ("1 == 2", 401)] {
        let body = json!({"rules": {"list": rule}}).to_string();
        assert!(admin.ask(&routes, "PUT", path, &[JSON], body).await.status.is_success());
        assert_eq!(nobody.ask(&routes, "GET", &records, &[], "").await.status, status, "{rule}");
    }
    assert_eq!(admin.ask(&routes, "DELETE", path, &[], "").await.status, 204);
    let gone = nobody.ask(&routes, "GET", &records, &[], "").await;
    assert_eq!(gone.problem(), (404, "collection_not_found".into()));
}

#[tokio::test]
async fn a_wrong_rule_is_pointed_at() {
    let routes = Routes::new().await;
    let admin = Who::new(&routes, "root", &["admin"]).await;
    let body = json!({"rules": {"list": "true", "get": "auth != null &&\n user == 1"}}).to_string();
    let answer = admin.ask(&routes, "PUT", "/v1/collections/wrong", &[JSON], body).await;
    assert_eq!(answer.problem(), (422, "invalid_definition".into()));
    let places = &answer.json()["errors"];
    assert_eq!((places.as_array().unwrap().len(), &places[0]["pointer"]), (1, &json!("/rules/get")));
    let detail = places[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("line 2, column 2: there is no variable \"user\""), "{detail}");
}
