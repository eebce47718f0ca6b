//! The load generator: HTTP/1.1 connections that each ask again as soon as they are answered.
//!
//! It runs on one thread and writes prepared bytes, so that it takes little of the machine that is measured.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// A request without its connection.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// What the answers were like.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How long each took that succeeded, sorted.
    pub(crate) taken: Vec<Duration>,
    /// How many did not.
    pub(crate) failed: usize,
    /// How long all of it took.
    pub(crate) wall: Duration,
    /// The bodies of the answers, where they were to be kept.
    pub(crate) bodies: Vec<Vec<u8>>,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        count(self.taken.len()) / self.wall.as_secs_f64()
    }

    /// The latency that so many of a thousand answers did not exceed.
    pub(crate) fn quantile(&self, per_mille: usize) -> Duration {
        let index = self.taken.len() * per_mille / 1000;
        self.taken.get(index.min(self.taken.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of requests")]
pub(crate) fn count(of: usize) -> f64 {
    of as f64
}

/// Asks over `connections` until `time` is over. `next` makes the n-th request of a connection.
pub(crate) async fn run(
    addr: SocketAddr,
    connections: usize,
    time: Duration,
    keep: bool,
    next: impl Fn(usize, usize) -> Ask + Clone + Send + Sync + 'static,
) -> anyhow::Result<Outcome> {
    let mut clients = JoinSet::new();
    let started = Instant::now();
    for connection in 0..connections {
        let next = next.clone();
        clients.spawn(async move { client(addr, started + time, keep, move |n| next(connection, n)).await });
    }
    let mut outcome = Outcome::default();
    while let Some(client) = clients.join_next().await {
        let (taken, bodies, failed) = client??;
        outcome.taken.extend(taken);
        outcome.bodies.extend(bodies);
        outcome.failed += failed;
    }
    outcome.wall = started.elapsed();
    outcome.taken.sort_unstable();
    Ok(outcome)
}

async fn client(
    addr: SocketAddr,
    end: Instant,
    keep: bool,
    next: impl Fn(usize) -> Ask,
) -> anyhow::Result<(Vec<Duration>, Vec<Vec<u8>>, usize)> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut taken, mut bodies, mut failed, mut buffer) = (Vec::new(), Vec::new(), 0, Vec::with_capacity(64 << 10));
    for n in 0.. {
        let Ask { method, path, body } = next(n);
        let started = Instant::now();
        if started >= end {
            break;
        }
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let (succeeded, answer) = receive(&mut stream, &mut buffer).await?;
        if !succeeded {
            failed += 1;
            continue;
        }
        taken.push(started.elapsed());
        if keep {
            bodies.push(answer.to_vec());
        }
    }
    Ok((taken, bodies, failed))
}

/// Whether it is a success, and its body.
async fn receive<'b>(stream: &mut TcpStream, buffer: &'b mut Vec<u8>) -> anyhow::Result<(bool, &'b [u8])> {
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let text = str::from_utf8(&buffer[..head])?;
        let length = text
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::parse::<usize>));
        let whole = head + 4 + length.context("an answer without a length")??;
        while buffer.len() < whole {
            ensure!(stream.read_buf(buffer).await? > 0, "the answer was cut");
        }
        return Ok((buffer.starts_with(b"HTTP/1.1 2"), &buffer[head + 4..whole]));
    }
}
