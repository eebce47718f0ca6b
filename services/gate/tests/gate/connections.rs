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

use crate::house::{Disturbed, Gate, PATIENCE, answer, post, rest};

const SHORT: Duration = Duration::from_millis(200);
/// Times are kept to the millisecond.
const GRAIN: Duration = Duration::from_millis(5);
const GET: &[u8] = b"GET /v1/collections/c/records/a HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_head_too_large_is_answered() {
    let gate = Gate::start(Limits::default()).await;
    let head =
        |length| format!("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(length));
    let told = gate.exchange(head(200_000).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
    let told = gate.exchange(head(33_000).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 431 ") && told.contains("head_too_large"), "{told}");
    assert!(gate.exchange(head(30_000).as_bytes()).await.starts_with("HTTP/1.1 200 "));
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

/// A gate whose storage says when a record is asked for, and holds that until it is released.
async fn holding(limits: Limits) -> (Gate, Arc<Notify>, Arc<Semaphore>) {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (begun, held) = (entered.clone(), release.clone());
    let before = move |call| -> BoxFuture<'static, _> {
        let (begun, held) = (begun.clone(), held.clone());
        Box::pin(async move {
            if call == "get_record" {
                begun.notify_one();
                held.acquire().await.unwrap().forget();
            }
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
async fn who_asks_again_while_it_stops_is_answered_and_told() {
    let gate = Gate::start(Limits { linger: PATIENCE, ..Limits::default() }).await;
    let mut often = gate.connect().await;
    let ask = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    often.write_all(ask).await.unwrap();
    answer(&mut often).await;
    gate.shutdown.cancel();
    let shut = || async { tokio::net::TcpStream::connect(gate.addr).await.is_err() };
    timeout(PATIENCE, async {
        while !shut().await {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the door stays open");
    often.write_all(ask).await.unwrap();
    let told = answer(&mut often).await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    let (gate, entered, release) = holding(Limits::default()).await;
    let (mut idle, mut busy) = (gate.connect().await, gate.connect().await);
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    answer(&mut idle).await;
    busy.write_all(GET).await.unwrap();
    entered.notified().await;
    let mut begun = gate.connect().await;
    begun.write_all(b"GET / HT").await.unwrap();
    gate.is_well().await;

    let start = Instant::now();
    gate.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed");
    assert_eq!(rest(&mut begun).await, "", "the rest of a head is not awaited");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(!gate.serving.is_finished());
    release.add_permits(1);
    let told = rest(&mut busy).await;
    assert!(told.starts_with("HTTP/1.1 404 ") && told.contains("connection: close"), "{told}");
    timeout(PATIENCE, gate.serving).await.expect("the stop does not end").unwrap();
    assert!(tokio::net::TcpStream::connect(gate.addr).await.is_err());
}
