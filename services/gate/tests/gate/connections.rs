//! Clients that are slow, silent, half gone, or talk nonsense.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use gate::{Limits, backend::Local};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tokio::{
    io::AsyncWriteExt,
    sync::{Notify, Semaphore},
    time::{Instant, timeout},
};

use crate::house::{Disturbed, Gate, PATIENCE, answer, rest};

const SHORT: Duration = Duration::from_millis(200);
/// Times are kept to the millisecond.
const GRAIN: Duration = Duration::from_millis(5);
const GET: &[u8] = b"GET /v1/collections/c/records/a HTTP/1.1\r\nhost: x\r\n\r\n";

fn post(length: usize) -> String {
    format!(
        "POST /v1/collections/c/records HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    )
}

#[tokio::test]
async fn a_body_too_large_is_answered_to_who_sends_it_whole() {
    let gate = Gate::start(Limits::default()).await;
    let body = vec![b' '; 2 << 20];
    let told =
        gate.exchange(&[format!("{}connection: close\r\n\r\n", post(body.len())).as_bytes(), &body].concat()).await;
    assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("payload_too_large"), "{told}");

    let chunk = [b"100000\r\n", &body[..1 << 20], b"\r\n"].concat();
    let head = post(0).replace("content-length: 0", "transfer-encoding: chunked");
    let told = gate
        .exchange(&[format!("{head}connection: close\r\n\r\n").as_bytes(), &chunk, &chunk, b"0\r\n\r\n"].concat())
        .await;
    assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("payload_too_large"), "{told}");
}

#[tokio::test]
async fn a_body_larger_than_is_read_on_for_is_answered_and_cut() {
    let limits = Limits { discard: SHORT, ..Limits::default() };
    let gate = Gate::start(limits).await;
    let mut stream = gate.connect().await;
    stream.write_all(format!("{}\r\n{}", post(1 << 30), " ".repeat(1000)).as_bytes()).await.unwrap();
    let told = rest(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("payload_too_large"), "{told}");
}

#[tokio::test]
async fn who_asks_before_sending_a_body_too_large_need_not_send_it() {
    let gate = Gate::start(Limits::default()).await;
    let mut stream = gate.connect().await;
    stream.write_all(format!("{}expect: 100-continue\r\n\r\n", post(2 << 20)).as_bytes()).await.unwrap();
    let told = answer(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
}

#[tokio::test]
async fn a_head_too_large_is_answered() {
    let gate = Gate::start(Limits::default()).await;
    let told =
        gate.exchange(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(200_000)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
    let fits = format!("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(30_000));
    assert!(gate.exchange(fits.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_answer_is_not_lost_to_a_body_that_nobody_wanted() {
    let gate = Gate::start(Limits { linger: PATIENCE, ..Limits::default() }).await;
    let mut stream = gate.connect().await;
    stream.write_all(b"POST /none HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n").await.unwrap();
    let told = rest(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 404 ") && told.contains("route_not_found"), "{told}");
    // A client that first sends all of it is not reset meanwhile, which could cost it the answer.
    for _ in 0..100 {
        stream.write_all(&[b' '; 10_000]).await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_also_after_another_request() {
    let gate = Gate::start(Limits { head: SHORT, ..Limits::default() }).await;
    for first in [&b""[..], GET] {
        let mut stream = gate.connect().await;
        stream.write_all(first).await.unwrap();
        if !first.is_empty() {
            answer(&mut stream).await;
        }
        let start = Instant::now();
        stream.write_all(b"GET / HT").await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
        assert!(start.elapsed() + GRAIN >= SHORT, "{:?}", start.elapsed());
    }
}

/// A gate whose storage says when a call has come, and holds each until it is released.
async fn holding(limits: Limits) -> (Gate, Arc<Notify>, Arc<Semaphore>) {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (begun, held) = (entered.clone(), release.clone());
    let before = move || -> BoxFuture<'static, _> {
        let (begun, held) = (begun.clone(), held.clone());
        Box::pin(async move {
            begun.notify_one();
            held.acquire().await.unwrap().forget();
            Ok(())
        })
    };
    let gate = Gate::over(|engine| Arc::new(Disturbed { real: Local::new(engine), before }), limits).await;
    (gate, entered, release)
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let (gate, _, release) = holding(Limits { idle: SHORT, head: SHORT, ..Limits::default() }).await;
    let mut busy = gate.connect().await;
    busy.write_all(GET).await.unwrap();

    let start = Instant::now();
    assert_eq!(rest(&mut gate.connect().await).await, "", "idle from the start");
    assert!(start.elapsed() + GRAIN >= SHORT);

    // By now the busy one has been so for longer than any limit.
    release.add_permits(1);
    assert!(answer(&mut busy).await.starts_with("HTTP/1.1 404 "));
    let start = Instant::now();
    assert_eq!(rest(&mut busy).await, "", "idle after a request");
    assert!(start.elapsed() + GRAIN >= SHORT);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_so_long() {
    let gate = Gate::start(Limits { body: SHORT, ..Limits::default() }).await;
    let told = gate.exchange(format!("{}\r\n{{\"data\":", post(100)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("request_timeout"), "{told}");
}

#[tokio::test]
async fn bodies_that_do_not_come_cannot_fill_the_memory() {
    let gate = Gate::start(Limits { bodies: 2_000_000, ..Limits::default() }).await;
    let mut slow = gate.connect().await;
    slow.write_all(format!("{}\r\n{{", post(1_040_000)).as_bytes()).await.unwrap();
    let whole = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "x".repeat(1_000_000));
    let ask = format!("{}connection: close\r\n\r\n{whole}", post(whole.len()));
    let until = async |status: &str| while !gate.exchange(ask.as_bytes()).await.starts_with(status) {};
    timeout(PATIENCE, until("HTTP/1.1 503 ")).await.expect("room for both");
    gate.is_well().await;
    // What is given up makes room.
    drop(slow);
    timeout(PATIENCE, until("HTTP/1.1 201 ")).await.expect("no room after the slow one left");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_fault_of_its_client() {
    let gate = Gate::start(Limits::default()).await;
    let mut stream = gate.connect().await;
    stream.write_all(format!("{}\r\n{{\"data\":", post(100)).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let told = rest(&mut stream).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 400 "), "{told}");
    gate.is_well().await;
}

#[tokio::test]
async fn a_client_that_has_said_all_still_gets_its_answer() {
    let (gate, entered, release) = holding(Limits::default()).await;
    let mut stream = gate.connect().await;
    stream.write_all(GET).await.unwrap();
    entered.notified().await;
    stream.shutdown().await.unwrap();
    // Meanwhile the gate sees the end of what the client says.
    gate.is_well().await;
    release.add_permits(1);
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_gives_way() {
    // One slot alone: the second client is served once the first is given up.
    let gate = Gate::start(Limits { write: SHORT, connections: 1, ..Limits::default() }).await;
    let data = format!("{{\"data\":{{\"a\":\"{}\"}},\"id\":\"a\"}}", "x".repeat(1_000_000));
    let stored = gate.exchange(format!("{}connection: close\r\n\r\n{data}", post(data.len())).as_bytes()).await;
    assert!(stored.starts_with("HTTP/1.1 201 "), "{stored:.300}");
    let mut deaf = gate.connect().await;
    deaf.write_all(&GET.repeat(64)).await.unwrap();
    timeout(PATIENCE, gate.is_well()).await.expect("the deaf client keeps its place");
    assert!(rest(&mut deaf).await.len() < 64 * 1_000_000);
}

#[tokio::test]
async fn random_bytes_are_refused_and_forgotten() {
    let gate = Gate::start(Limits { head: SHORT, linger: SHORT, ..Limits::default() }).await;
    let nonsense = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4096),
        "(GET|PUT|PRI|\\*|[A-Z]{1,9}) [ -~]{0,80}( HTTP/[0-9]\\.[0-9])?(\r?\n)[ -~\r\n]{0,200}(\r\n\r\n)?"
            .prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200)
            .prop_map(|bytes| [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &bytes].concat()),
    ];
    let mut runner = TestRunner::new(Config::default());
    let mut clients = tokio::task::JoinSet::new();
    let addr = gate.addr;
    for _ in 0..200 {
        let bytes = nonsense.new_tree(&mut runner).unwrap().current();
        clients.spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            (rest(&mut stream).await, bytes)
        });
    }
    while let Some(told) = clients.join_next().await {
        let (told, sent) = told.unwrap();
        assert!(!told.starts_with("HTTP/1.1 5"), "{told} to {:?}", String::from_utf8_lossy(&sent));
    }
    gate.is_well().await;
}

#[tokio::test]
async fn slow_clients_hinder_no_other() {
    let gate = Gate::start(Limits::default()).await;
    let mut slow = Vec::new();
    for n in 0..300 {
        let mut stream = gate.connect().await;
        let begun =
            [&b"GET / HTTP/1.1\r\nx:"[..], &format!("{}\r\n{{\"da", post(50)).into_bytes(), b""][n % 3].to_vec();
        stream.write_all(&begun).await.unwrap();
        slow.push(stream);
    }
    for _ in 0..10 {
        timeout(Duration::from_secs(5), gate.is_well()).await.expect("hindered");
    }
    drop(slow);
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    let (gate, entered, release) = holding(Limits::default()).await;
    let (mut idle, mut busy) = (gate.connect().await, gate.connect().await);
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    answer(&mut idle).await;
    busy.write_all(GET).await.unwrap();
    entered.notified().await;

    gate.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed at once");
    assert!(!gate.serving.is_finished());
    release.add_permits(1);
    let told = rest(&mut busy).await;
    assert!(told.starts_with("HTTP/1.1 404 ") && told.contains("connection: close"), "{told}");
    timeout(PATIENCE, gate.serving).await.expect("the stop does not end").unwrap();
    assert!(tokio::net::TcpStream::connect(gate.addr).await.is_err());
}
