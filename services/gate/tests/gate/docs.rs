//! The document and its pages.

use std::sync::Arc;

use gate::{File, Home, Hosts, Limits, Policy, backend::Local};
use http::Request;
use http_body_util::BodyExt;
use kit::Readiness;

use crate::house::{Routes, engine};

#[tokio::test]
async fn the_page_finds_everything_it_loads() {
    let routes = Routes::new().await;
    assert_eq!(routes.get("/").await.header("location"), "/docs");
    assert_eq!(routes.get("/docs").await.header("location"), "/docs/");
    let page = routes.get("/docs/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'self'"));
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let quoted = html.split(['"', '\'']).map(|part| part.trim_start_matches("./"));
    let loaded: Vec<_> = quoted.filter(|part| [".css", ".js", ".png"].iter().any(|end| part.ends_with(end))).collect();
    assert!(loaded.len() >= 4, "{html}");
    for file in loaded {
        let answer = routes.get(&format!("/docs/{file}")).await;
        assert_eq!((answer.status.as_u16(), answer.body.is_empty()), (200, false), "{file}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    // No script stands in the page itself, which the policy would not run.
    assert!(!html.contains("<script>"), "{html}");
    let start = String::from_utf8(routes.get("/docs/swagger-initializer.js").await.body.to_vec()).unwrap();
    assert!(start.contains("\"/openapi.json\""), "{start}");
    assert_eq!(routes.get("/docs/none.js").await.problem(), (404, "route_not_found".into()));
    let document = routes.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_code_has_its_place_on_the_page_of_problems() {
    let routes = Routes::new().await;
    let page = String::from_utf8(routes.get("/docs/problems").await.body.to_vec()).unwrap();
    for code in skep_proto::Code::ALL {
        assert!(page.contains(&format!("<dt id=\"{}\">", code.word())), "{code:?}");
    }
}

#[tokio::test]
async fn a_site_of_its_own_is_served() {
    let (engine, _folder) = engine();
    let home = Home::Site(&[
        File { path: "/", content_type: "text/html; charset=utf-8", bytes: b"<!doctype html>" },
        File { path: "/page.js", content_type: "text/javascript", bytes: b"1" },
    ]);
    let backend = Arc::new(Local::new(engine));
    let (ready, limits, policy) = (Readiness::default(), Limits::default(), Policy::default());
    let envelope = gate::http::router(backend, &home, Hosts::Any, ready, limits, policy).await.unwrap();
    let ask = async |path| {
        let request = Request::get(path).header("host", "x").body(axum::body::Body::empty()).unwrap();
        envelope.serve(request, None).await
    };
    assert_eq!(ask("/readyz").await.status(), 503, "the process has not said what it needs");
    for (path, kind, body) in
        [("/", "text/html; charset=utf-8", "<!doctype html>"), ("/page.js", "text/javascript", "1")]
    {
        let response = ask(path).await;
        assert_eq!(response.headers()["content-type"], kind);
        assert!(response.headers().contains_key("content-security-policy"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
    }
}
