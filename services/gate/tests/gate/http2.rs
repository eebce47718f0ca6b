//! HTTP/2 without TLS, by prior knowledge.

use std::time::Duration;

use axum::body::Body;
use gate::Limits;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{task::JoinHandle, time::timeout};

use crate::house::{Gate, PATIENCE};

async fn connect(gate: &Gate) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(gate.connect().await)).await.unwrap();
    (client, tokio::spawn(connection))
}

async fn ask(client: &mut SendRequest<Body>, method: &str, path: &str, body: Vec<u8>) -> (StatusCode, String) {
    let request =
        Request::builder().method(method).uri(format!("http://x{path}")).header("content-type", "application/json");
    client.ready().await.unwrap();
    let response = client.send_request(request.body(Body::from(body)).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn requests_share_a_connection() {
    let gate = Gate::start(Limits { head: Duration::from_millis(50), ..Limits::default() }).await;
    let (mut client, _connection) = connect(&gate).await;
    let (status, made) =
        ask(&mut client, "POST", "/v1/collections/c/records", br#"{"data":{},"id":"a"}"#.to_vec()).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(ask(&mut client, "HEAD", "/v1/collections/c/records/a", vec![]).await, (StatusCode::OK, String::new()));
    assert_eq!(ask(&mut client, "HEAD", "/v1/collections/c/records/b", vec![]).await.0, 404);
    let (status, told) = ask(&mut client, "POST", "/v1/collections/c/records", vec![b' '; 2 << 20]).await;
    assert_eq!(status, 413);
    assert!(told.contains("payload_too_large"), "{told}");
    assert_eq!(ask(&mut client, "GET", "/v1/collections/c/records/a", vec![]).await, (StatusCode::OK, made));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let gate = Gate::start(Limits { idle: Duration::from_millis(200), ..Limits::default() }).await;
    let (mut client, connection) = connect(&gate).await;
    assert_eq!(ask(&mut client, "GET", "/livez", vec![]).await.0, 200);
    let _ = timeout(PATIENCE, connection).await.expect("it stays open");
}

#[tokio::test]
async fn a_stop_closes_the_connection() {
    let gate = Gate::start(Limits::default()).await;
    let (mut client, connection) = connect(&gate).await;
    assert_eq!(ask(&mut client, "GET", "/livez", vec![]).await.0, 200);
    gate.shutdown.cancel();
    timeout(PATIENCE, connection).await.expect("it stays open").unwrap().unwrap();
    timeout(PATIENCE, gate.serving).await.expect("the stop does not end").unwrap();
}
