use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use http::Uri;

/// The check of a container has to answer before Docker gives it up.
const WITHIN: Duration = Duration::from_secs(2);

/// The longest answer that is read.
const ANSWER: usize = 1 << 20;

/// Asks by plain HTTP/1.1 and GET: the status and the body of the answer, of which a mebibyte is read at most. It blocks.
///
/// # Errors
///
/// When there is no answer `within` that time.
pub fn get(url: &str, within: Duration) -> anyhow::Result<(u16, String)> {
    Question { method: "GET", url: url.to_owned(), body: String::new() }.answer(within)
}

/// What is asked of a process that runs.
pub(super) struct Question {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) body: String,
}

impl Question {
    /// Asks by plain HTTP/1.1; the body of the answer. A status that is not 200 is an error, told as a sentence with what the
    /// process says.
    pub(super) fn ask(&self) -> anyhow::Result<String> {
        let (status, body) = self.answer(WITHIN)?;
        ensure!(status == 200, "{} answers with the status {status}: {}", self.url, body.trim_end());
        Ok(body)
    }

    fn answer(&self, within: Duration) -> anyhow::Result<(u16, String)> {
        let url = &self.url;
        let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        ensure!(uri.scheme_str() == Some("http"), "{url} is not of the form http://host:port/path");
        let host = uri.host().with_context(|| format!("{url} names no host"))?;
        let answer = self.exchange(&uri, host, within).with_context(|| format!("{url} does not answer"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let mut words = head.split_whitespace();
        match (words.next(), words.next().and_then(|status| status.parse().ok())) {
            (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok((status, body.to_owned())),
            _ => bail!("{url} does not speak HTTP"),
        }
    }

    fn exchange(&self, uri: &Uri, host: &str, within: Duration) -> anyhow::Result<String> {
        let until = Instant::now() + within;
        let left =
            || until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).context("it took too long");
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addr = (bare, uri.port_u16().unwrap_or(80)).to_socket_addrs()?.next().context("its host has no address")?;
        let mut stream = TcpStream::connect_timeout(&addr, left()?)?;
        stream.set_write_timeout(Some(left()?))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let (method, body, length) = (self.method, &self.body, self.body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        while answer.len() < ANSWER {
            stream.set_read_timeout(Some(left()?))?;
            match stream.read(&mut chunk)? {
                0 => break,
                read => answer.extend_from_slice(&chunk[..read]),
            }
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
