//! Storage behind gRPC, and what becomes of it.

use std::sync::Arc;

use gate::{Home, Hosts, Limits, Policy, backend::remote, http::router};
use http::Request;
use http_body_util::BodyExt;
use kit::{Internal, Readiness};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::house::{define, engine};

fn bearing(token: Option<&str>) -> Internal {
    Internal { token: token.map(|token| token.to_owned().into()), tls: None }
}

/// A storage behind `stored`, asked by a gate that knows the token `sent`; what is told of a path, before and after it
/// is gone.
async fn told(stored: Option<&'static str>, sent: Option<&str>) -> [(u16, Value); 2] {
    let (engine, _folder) = engine();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storages = listener.local_addr().unwrap().into();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move { storage::grpc::serve(engine, listener, &bearing(stored), 64, stop).await });
    let envelope = router(
        Arc::new(remote::connect(storages, &bearing(sent)).unwrap()),
        &Home::Docs,
        Hosts::Any,
        Readiness::default(),
        Limits::default(),
        Policy::default(),
    )
    .await
    .unwrap();
    let ask = async || {
        let request = Request::get("/v1/collections/c").header("host", "x").body(axum::body::Body::empty()).unwrap();
        let response = envelope.serve(request, None).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&body).unwrap()["code"].clone())
    };
    let before = ask().await;
    shutdown.cancel();
    serving.await.unwrap().unwrap();
    [before, ask().await]
}

#[tokio::test]
async fn codes_come_over_the_hop_and_a_lost_storage_is_told_as_such() {
    let [before, after] = told(Some("secret"), Some("secret")).await;
    assert_eq!(before, (404, "collection_not_found".into()));
    assert_eq!(after, (503, "unavailable".into()));
}

#[tokio::test]
async fn a_refused_token_is_a_fault_of_ours() {
    for sent in [None, Some("other")] {
        assert_eq!(told(Some("secret"), sent).await[0], (500, "internal".into()));
    }
}

#[tokio::test]
async fn the_largest_page_comes_over_the_hop() {
    let (engine, _folder) = engine();
    define(&engine).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storages = listener.local_addr().unwrap().into();
    let serving = tokio::spawn(async move {
        storage::grpc::serve(engine, listener, &Internal::default(), 64, CancellationToken::new()).await
    });
    let envelope = router(
        Arc::new(remote::connect(storages, &Internal::default()).unwrap()),
        &Home::Docs,
        Hosts::Any,
        Readiness::default(),
        Limits::default(),
        Policy::default(),
    )
    .await
    .unwrap();
    let ask = async |method: &str, path: &str, body: String| {
        let request =
            Request::builder().method(method).uri(path).header("host", "x").header("content-type", "application/json");
        let response = envelope.serve(request.body(axum::body::Body::from(body)).unwrap(), None).await;
        assert!(response.status().is_success(), "{method} {path}: {response:?}");
        serde_json::from_slice::<Value>(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    };
    for _ in 0..9 {
        let data = "x".repeat((1 << 20) - 20);
        ask("POST", "/v1/collections/c/records", format!("{{\"data\":{{\"a\":\"{data}\"}}}}")).await;
    }
    let (mut seen, mut token) = (0, Value::from(""));
    while let Some(sent) = token.as_str() {
        let path = format!("/v1/collections/c/records?page_size=1000&page_token={sent}");
        let mut page = ask("GET", &path, String::new()).await;
        seen += page["records"].as_array().unwrap().len();
        token = page["next_page_token"].take();
    }
    assert_eq!(seen, 9);
    serving.abort();
}

#[tokio::test]
async fn a_storage_that_hangs_up_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let storages = listener.local_addr().unwrap().into();
    let hanging_up = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Once the call has begun to arrive.
            stream.readable().await.unwrap();
        }
    });
    let envelope = router(
        Arc::new(remote::connect(storages, &Internal::default()).unwrap()),
        &Home::Docs,
        Hosts::Any,
        Readiness::default(),
        Limits::default(),
        Policy::default(),
    )
    .await
    .unwrap();
    let request = Request::get("/v1/collections/c").header("host", "x").body(axum::body::Body::empty()).unwrap();
    assert_eq!(envelope.serve(request, None).await.status(), 503);
    hanging_up.abort();
}
