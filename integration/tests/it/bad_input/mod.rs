//! Whatever a client sends is answered with a problem that has a code, or its connection is closed: in
//! bounded time and memory, and others are served meanwhile.

mod bodies;
mod bombs;
mod connections;
mod places;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use integration::{Answer, Process, Program, Rest};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    Outcome,
    crud::{NOTES, create_as, define},
};

/// Whoever waits for a patch waits longer; a busy machine alone takes half of it now and then.
const WELL_BOUND: Duration = Duration::from_secs(3);
/// Far above what such a process needs, far below what any of these inputs would take if it were let.
const MEMORY_BOUND: u64 = 384 * 1024 * 1024;

/// A process with a collection and the record `a` in it.
async fn victim() -> anyhow::Result<(Process, Rest)> {
    let skep = Program::skep()?.start().await?;
    let rest = skep.http("rest")?;
    define(&rest, "notes").await?;
    create_as(&rest, "a", json!({"a": [1], "t": "text"})).await?;
    Ok((skep, rest))
}

/// The process lives, answers within three seconds, and has stayed within its memory.
async fn is_well(skep: &mut Process) -> Outcome {
    ensure!(skep.is_alive(), "the process has ended");
    serves(&skep.http("rest")?).await?;
    let peak = skep.peak_memory()?;
    ensure!(peak < MEMORY_BOUND, "it has used {} MiB", peak / 1024 / 1024);
    let stderr = skep.stderr();
    ensure!(!stderr.contains("panicked"), "something panicked");
    Ok(())
}

async fn serves(rest: &Rest) -> Outcome {
    let answer =
        timeout(WELL_BOUND, rest.get(NOTES).into_future()).await.context("no answer within three seconds")??;
    answer.expect(200);
    Ok(())
}

/// Asserts that this is a problem of the client's, whichever.
#[track_caller]
fn refused(what: &str, answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:#?}");
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    assert!(!code.is_empty(), "{what}: {answer:#?}");
    answer.clone().problem(answer.status, &code);
}

/// A connection under a test's own hand.
struct Raw(TcpStream);

impl Raw {
    async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self(TcpStream::connect(address).await?))
    }

    /// Sends what the other side still takes.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Says that nothing more will come.
    async fn finish(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// All that is answered until the other side closes, which it must within `bound`.
    async fn rest(mut self, bound: Duration) -> anyhow::Result<String> {
        let mut answer = Vec::new();
        // A reset is a way of closing too.
        let read = timeout(bound, self.0.read_to_end(&mut answer)).await;
        ensure!(read.is_ok(), "still open after {bound:?}; so far: {}", String::from_utf8_lossy(&answer));
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// Asserts that what came over a raw connection is nothing, or an answer that blames the client.
#[track_caller]
fn closed_or_refused(what: &str, answer: &str) {
    for status in answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")) {
        assert!(status.starts_with('4') || status.starts_with('1'), "{what}: {answer}");
    }
}
