use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use integration::House;

use super::{Raw, closed_or_refused, is_well, serves, victim};
use crate::{Outcome, random::Random};

/// A request head is waited for 10 s, a body 30 s; each with something for a busy machine.
const HEAD_BOUND: Duration = Duration::from_secs(15);
const BODY_BOUND: Duration = Duration::from_secs(40);

const POST: &str =
    "POST /v1/collections/notes/records HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn requests_that_are_no_http() -> Outcome {
    let (mut skep, _) = victim().await?;
    let long = "x".repeat(40_000);
    let many = "h: 1\r\n".repeat(5_000);
    for request in [
        "\r\n\r\n\r\n".to_owned(),
        "GET\r\n\r\n".into(),
        "GET / HTTP/9.9\r\nhost: localhost\r\n\r\n".into(),
        "GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nhost: localhost\r\na: \0\r\n\r\n".into(),
        format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        format!("GET /livez HTTP/1.1\r\nhost: localhost\r\na: {long}\r\n\r\n"),
        format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"),
        format!("{POST}content-length: 5\r\ncontent-length: 6\r\n\r\n{{}}"),
        format!("{POST}content-length: -1\r\n\r\n{{}}"),
        format!("{POST}content-length: 99999999999999999999999\r\n\r\n{{}}"),
        format!("{POST}content-length: 18446744073709551615\r\n\r\n{{}}"),
        format!("{POST}transfer-encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"),
        format!("{POST}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
        format!("{POST}transfer-encoding: gzip\r\n\r\n{{}}"),
        format!("{POST}expect: 200-maybe\r\ncontent-length: 2\r\n\r\n{{}}"),
    ] {
        let mut raw = Raw::to(skep.door("rest")?).await?;
        raw.send(request.as_bytes()).await;
        raw.finish().await;
        let what = &request[..request.len().min(200)];
        closed_or_refused(what, &raw.rest(HEAD_BOUND).await?);
    }
    is_well(&mut skep).await
}

#[tokio::test]
async fn requests_that_break_off() -> Outcome {
    let (mut skep, _) = victim().await?;
    let whole = format!("{POST}content-length: 30\r\n\r\n{{\"data\":{{\"name\":\"half a text");
    for length in (1..=whole.len()).step_by(3) {
        let mut raw = Raw::to(skep.door("rest")?).await?;
        raw.send(&whole.as_bytes()[..length]).await;
        if length % 2 == 0 {
            raw.finish().await;
            closed_or_refused("half a request", &raw.rest(HEAD_BOUND).await?);
        }
    }
    is_well(&mut skep).await
}

/// Sends a byte at a time, for ever, until the other side closes.
async fn drip(mut raw: Raw) -> anyhow::Result<String> {
    let begun = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    while begun.elapsed() < HEAD_BOUND {
        beat.tick().await;
        raw.send(b"x").await;
    }
    raw.rest(Duration::from_secs(1)).await
}

#[tokio::test]
async fn three_hundred_slow_clients() -> Outcome {
    let (mut skep, rest) = victim().await?;
    let door = skep.door("rest")?;
    let slow = (0..300).map(|n| async move {
        let mut raw = Raw::to(door).await?;
        match n % 3 {
            0 => {
                raw.send(&POST.as_bytes()[..60]).await;
                raw.rest(HEAD_BOUND).await
            }
            1 => {
                raw.send(format!("{POST}x-slow: ").as_bytes()).await;
                drip(raw).await
            }
            _ => {
                raw.send(format!("{POST}content-length: 30\r\n\r\n{{\"data\"").as_bytes()).await;
                let answer = raw.rest(BODY_BOUND).await?;
                anyhow::ensure!(answer.contains("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
                Ok(answer)
            }
        }
    });
    let mut slow = tokio::spawn(try_join_all(slow.collect::<Vec<_>>()));
    let mut served = 0;
    let answers = loop {
        tokio::select! {
            answers = &mut slow => break answers??,
            answer = serves(&rest) => answer?,
        }
        served += 1;
    };
    assert!(served > 100, "only {served} were served meanwhile");
    for answer in answers {
        closed_or_refused("a slow client", &answer);
    }
    is_well(&mut skep).await
}

#[tokio::test]
async fn random_bytes_at_every_port() -> Outcome {
    let mut house = House::two().await?;
    let rest = house.rest()?;
    crate::crud::define(&rest, "notes").await?;
    let doors = [
        house.gate.door("rest")?,
        house.gate.door("metrics")?,
        house.engine().door("grpc")?,
        house.engine().door("metrics")?,
    ];
    let mut random = Random::seeded(7);
    let starts: [&[u8]; 4] = [
        b"",
        b"GET /v1/",
        b"POST /v1/collections HTTP/1.1\r\nhost: localhost\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for door in doors {
        for n in 0..120 {
            let mut raw = Raw::to(door).await?;
            let length = random.below(2_000);
            raw.send(&[starts[n % starts.len()], &random.bytes(length)].concat()).await;
            raw.finish().await;
            closed_or_refused("random bytes", &raw.rest(HEAD_BOUND).await?);
        }
    }
    is_well(&mut house.gate).await?;
    let storage = house.storage.as_mut().unwrap();
    assert!(storage.is_alive() && !storage.stderr().contains("panicked"));
    storage.http("metrics")?.get("/readyz").await?.expect(200);
    Ok(())
}
