//! HTTP/2 without TLS, by prior knowledge.

use std::time::Duration;

use axum::body::Body;
use gate::Limits;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::AsyncWriteExt, task::JoinHandle, time::timeout};

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

/// A client that says all it must and never reads what comes, as the preface, its settings, and `frames`.
async fn deaf(gate: &Gate, frames: &[u8]) -> tokio::net::TcpStream {
    let mut stream = gate.connect().await;
    stream.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frames].concat()).await.unwrap();
    stream.readable().await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_gives_no_sign_of_life_does_not_hold_the_stop() {
    let gate = Gate::start(Limits::default()).await;
    let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let _deaf = deaf(&gate, &empty_settings).await;
    gate.is_well().await;
    gate.shutdown.cancel();
    timeout(Duration::from_secs(8), gate.serving).await.expect("the stop does not end").unwrap();
}

#[tokio::test]
async fn a_slow_download_outlasts_the_idle_time() {
    let gate = Gate::start(Limits { idle: Duration::from_millis(600), ..Limits::default() }).await;
    let (mut client, _connection) = connect(&gate).await;
    let data = format!("{{\"data\":{{\"a\":\"{}\"}},\"id\":\"a\"}}", "x".repeat(1_000_000)).into_bytes();
    assert_eq!(ask(&mut client, "POST", "/v1/collections/c/records", data).await.0, 201);
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(50_000).initial_connection_window_size(100_000);
    let (mut client, connection) = builder.handshake(TokioIo::new(gate.connect().await)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://x/v1/collections/c/records/a").body(Body::empty()).unwrap();
    let mut body = client.send_request(request).await.unwrap().into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.expect("cut off").data_ref().map_or(0, bytes::Bytes::len);
        // The client's own pace: it takes more than the idle time for all of it.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(length > 1_000_000);
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
