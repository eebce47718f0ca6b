//! Accounts, to the letter.

use gate::Policy;
use serde_json::{Value, json};

use crate::house::{Answer, PASSWORD, Routes};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn sign_up(routes: &Routes, name: &str) -> Answer {
    routes.send("POST", "/v1/accounts", &json!({"name": name, "password": PASSWORD}).to_string()).await
}

async fn sign_in(routes: &Routes, name: &str, password: &str) -> Answer {
    routes.send("POST", "/v1/sessions", &json!({"name": name, "password": password}).to_string()).await
}

#[tokio::test]
async fn an_account_lives_and_dies() {
    let routes = Routes::new().await;
    let made = sign_up(&routes, "Ann").await;
    assert_eq!(made.status, 201, "{made:?}");
    let account = made.json();
    assert_eq!((&account["name"], &account["roles"], &account["disabled"]), (&json!("Ann"), &json!([]), &json!(false)));
    assert_eq!(sign_up(&routes, "ANN").await.problem(), (409, "account_exists".into()));

    let begun = sign_in(&routes, "ann", PASSWORD).await;
    assert_eq!((begun.status.as_u16(), &begun.json()["account"]), (201, &account));
    let bearer = format!("Bearer {}", begun.json()["token"].as_str().unwrap());
    let bearer = ("authorization", &*bearer);
    assert_eq!(routes.ask("GET", "/v1/accounts/me", &[bearer], "").await.json(), account);

    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new}).to_string();
    let put = async |body: String| routes.ask("PUT", "/v1/accounts/me/password", &[JSON, bearer], body).await;
    assert_eq!(put(change("wrong horse", "battery staple")).await.problem(), (401, "invalid_credentials".into()));
    let short = put(change(PASSWORD, "short")).await;
    assert_eq!((short.problem().0, &short.json()["errors"][0]["pointer"]), (400, &json!("/new_password")));
    let other = format!("Bearer {}", routes.signed_in("Ann").await);
    let other = [("authorization", &*other)];
    assert_eq!(routes.ask("GET", "/v1/accounts/me", &other, "").await.status, 200);
    assert_eq!(put(change(PASSWORD, "battery staple")).await.status, 204);
    assert_eq!(routes.ask("GET", "/v1/accounts/me", &[bearer], "").await.status, 200, "this session goes on");
    assert_eq!(routes.ask("GET", "/v1/accounts/me", &other, "").await.problem().0, 401, "and no other");
    assert_eq!(sign_in(&routes, "ann", PASSWORD).await.problem(), (401, "invalid_credentials".into()));

    let gone = routes.ask("DELETE", "/v1/accounts/me", &[bearer], "").await;
    assert_eq!(gone.status, 204);
    assert_eq!(routes.ask("GET", "/v1/accounts/me", &[bearer], "").await.problem(), (401, "unauthenticated".into()));
    assert_eq!(sign_in(&routes, "ann", "battery staple").await.problem(), (401, "invalid_credentials".into()));
    assert_eq!(sign_up(&routes, "ann").await.status, 201, "the name is free again");
}

#[tokio::test]
async fn administrators_list_and_change_accounts_and_nobody_else_does() {
    let routes = Routes::new().await;
    let root = routes.administrator().await;
    let root = ("authorization", &*root);
    let id = routes.account("ann", &[]).await.name.rsplit('/').next().unwrap().to_owned();
    let token = format!("Bearer {}", routes.signed_in("ann").await);
    let ann = ("authorization", &*token);
    let path = format!("/v1/accounts/{id}");
    for (method, path) in
        [("GET", "/v1/accounts"), ("PATCH", &*path), ("PUT", "/v1/collections/d"), ("DELETE", "/v1/collections/c")]
    {
        assert_eq!(routes.ask(method, path, &[JSON, ann], "{}").await.problem(), (403, "forbidden".into()), "{method}");
        assert_eq!(
            routes.ask(method, path, &[JSON], "{}").await.problem(),
            (401, "unauthenticated".into()),
            "{method}"
        );
    }

    let (mut names, mut query) = (Vec::new(), String::from("?page_size=1"));
    loop {
        let page = routes.ask("GET", &format!("/v1/accounts{query}"), &[root], "").await.json();
        names.extend(page["accounts"].as_array().unwrap().iter().map(|account| account["name"].clone()));
        let Some(Value::String(token)) = page.get("next_page_token") else { break };
        query = format!("?page_size=1&page_token={token}");
    }
    names.sort_unstable_by_key(ToString::to_string);
    assert_eq!(names, ["ann", "root"]);

    let change = async |body: Value| routes.ask("PATCH", &path, &[JSON, root], body.to_string()).await;
    let changed = change(json!({"roles": ["admin"]})).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["roles"]), (200, &json!(["admin"])), "{changed:?}");
    let listed = routes.ask("GET", "/v1/accounts", &[ann], "").await;
    assert_eq!(listed.status, 200, "roles are in force at once: {listed:?}");
    assert_eq!(change(json!({})).await.json()["roles"], json!(["admin"]), "what is absent stays");
    let wrong = change(json!({"roles": ["A"]})).await;
    assert_eq!((wrong.problem().0, &wrong.json()["errors"][0]["pointer"]), (400, &json!("/roles/0")));

    assert_eq!(change(json!({"disabled": true})).await.json()["disabled"], true);
    assert_eq!(routes.ask("GET", "/v1/accounts/me", &[ann], "").await.problem(), (401, "unauthenticated".into()));
    assert_eq!(sign_in(&routes, "ann", PASSWORD).await.problem(), (401, "invalid_credentials".into()));
    assert_eq!(change(json!({"disabled": false, "password": "battery staple"})).await.status, 200);
    assert_eq!(sign_in(&routes, "ann", "battery staple").await.status, 201);
    let nobody = "/v1/accounts/00000000-0000-7000-8000-000000000000";
    let answer = routes.ask("PATCH", nobody, &[JSON, root], r#"{"disabled":true}"#).await;
    assert_eq!(answer.problem(), (404, "account_not_found".into()));
    assert_eq!(routes.ask("PATCH", "/v1/accounts/x", &[JSON, root], "{}").await.problem().0, 400);
}

#[tokio::test]
async fn where_sign_up_is_closed_administrators_make_accounts() {
    let routes = Routes::asking(Policy { sign_up: false, ..Policy::default() }).await;
    let root = routes.administrator().await;
    routes.account("ann", &[]).await;
    let ann = format!("Bearer {}", routes.signed_in("ann").await);
    let body = json!({"name": "ben", "password": PASSWORD}).to_string();
    assert_eq!(sign_up(&routes, "ben").await.problem(), (401, "unauthenticated".into()));
    let ask =
        async |bearer: &str| routes.ask("POST", "/v1/accounts", &[JSON, ("authorization", bearer)], body.clone()).await;
    assert_eq!(ask(&ann).await.problem(), (403, "forbidden".into()));
    assert_eq!(ask(&root).await.status, 201);
}

#[tokio::test]
async fn what_cannot_be_an_account_is_pointed_at() {
    let routes = Routes::new().await;
    for (body, pointer) in [
        (json!({"name": " ann", "password": PASSWORD}), "/name"),
        (json!({"name": "", "password": PASSWORD}), "/name"),
        (json!({"name": "ann", "password": "short"}), "/password"),
        (json!({"name": "ann", "password": "x".repeat(1025)}), "/password"),
        (json!({"name": "ann"}), "/password"),
        (json!({"name": "ann", "password": PASSWORD, "roles": ["admin"]}), "/roles"),
    ] {
        let answer = routes.send("POST", "/v1/accounts", &body.to_string()).await;
        assert_eq!((answer.problem().0, &answer.json()["errors"][0]["pointer"]), (400, &json!(pointer)), "{body}");
    }
}
