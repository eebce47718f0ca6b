//! Bodies, of requests and of answers: too large, too slow, too many.

use std::time::Duration;

use gate::Limits;
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::house::{Gate, PATIENCE, answer, post, rest};

const SHORT: Duration = Duration::from_millis(200);

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
async fn a_body_that_does_not_come_is_waited_for_so_long() {
    let gate = Gate::start(Limits { body: SHORT, ..Limits::default() }).await;
    let told = gate.exchange(format!("{}\r\n{{\"data\":", post(100)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("request_timeout"), "{told}");
    assert!(told.contains("connection: close\r\n"), "{told}");
}

#[tokio::test]
async fn bodies_that_do_not_come_cannot_fill_the_memory() {
    let gate = Gate::start(Limits { bodies: 1_900_000, ..Limits::default() }).await;
    let mut slow = Vec::new();
    // What is declared and does not come takes no room.
    let declared: Vec<_> = futures_util::future::join_all((0..20).map(async |_| {
        let mut stream = gate.connect().await;
        stream.write_all(format!("{}\r\n{{", post(1_040_000)).as_bytes()).await.unwrap();
        stream
    }))
    .await;
    let whole = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "x".repeat(1_000_000));
    let ask = format!("{}connection: close\r\n\r\n{whole}", post(whole.len()));
    let until = async |status: &str| while !gate.exchange(ask.as_bytes()).await.starts_with(status) {};
    // One that is refused itself, because both arrive at once, is followed by another.
    let fill = async {
        loop {
            let mut stream = gate.connect().await;
            let _ = stream.write_all(format!("{}\r\n{}", post(1_040_000), " ".repeat(1_030_000)).as_bytes()).await;
            slow.push(stream);
            if gate.exchange(ask.as_bytes()).await.starts_with("HTTP/1.1 503 ") {
                break;
            }
        }
    };
    timeout(PATIENCE, fill).await.expect("room for all");
    gate.is_well().await;
    let small = format!("{}connection: close\r\n\r\n{{\"data\":{{}}}}", post(11));
    let told = gate.exchange(small.as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 201 "), "small ones have room of their own: {told}");
    drop(declared);
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
async fn answers_that_nobody_takes_cannot_fill_the_memory() {
    let gate = Gate::start(Limits { bodies: 8_000_000, ..Limits::default() }).await;
    let data = format!("{{\"data\":{{\"a\":\"{}\"}}}}", "x".repeat(1_000_000));
    let ask = format!("{}connection: close\r\n\r\n{data}", post(data.len()));
    for _ in 0..4 {
        let told = gate.exchange(ask.as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 201 "), "{told:.300}");
    }
    let get = "GET /v1/collections/c/records HTTP/1.1\r\nhost: x\r\n";
    let mut deaf = Vec::new();
    for _ in 0..2 {
        let mut stream = gate.connect().await;
        // One answer may fit into what the kernel holds.
        stream.write_all(format!("{get}\r\n").repeat(64).as_bytes()).await.unwrap();
        deaf.push(stream);
    }
    let get = format!("{get}connection: close\r\n\r\n");
    let until = async |status: &str| {
        while !gate.exchange(get.as_bytes()).await.starts_with(status) {}
    };
    timeout(PATIENCE, until("HTTP/1.1 503 ")).await.expect("room for all");
    gate.is_well().await;
    drop(deaf);
    timeout(PATIENCE, until("HTTP/1.1 200 ")).await.expect("no room after the deaf ones left");
}
