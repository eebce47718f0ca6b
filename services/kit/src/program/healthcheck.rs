use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use http::Uri;

/// The check of a container has to answer before Docker gives it up.
const WITHIN: Duration = Duration::from_secs(2);

/// The longest status line that is read.
const STATUS_LINE: usize = 1024;

/// Gets `url` by plain HTTP/1.1; anything but the status 200 is an error, told as a sentence.
pub(super) fn check(url: &str) -> anyhow::Result<()> {
    let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
    ensure!(uri.scheme_str() == Some("http"), "{url} is not of the form http://host:port/path");
    let host = uri.host().with_context(|| format!("{url} names no host"))?;
    let status = status(&uri, host).with_context(|| format!("{url} does not answer"))?;
    ensure!(status == "200", "{url} answers with the status {status}, not 200");
    Ok(())
}

fn status(uri: &Uri, host: &str) -> anyhow::Result<String> {
    let until = Instant::now() + WITHIN;
    let left =
        || until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).context("it took too long");
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addr = (bare, uri.port_u16().unwrap_or(80)).to_socket_addrs()?.next().context("its host has no address")?;
    let mut stream = TcpStream::connect_timeout(&addr, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;

    let (mut answer, mut chunk) = (Vec::new(), [0; STATUS_LINE]);
    while !answer.contains(&b'\n') && answer.len() < STATUS_LINE {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok(status.to_owned()),
        _ => bail!("it does not speak HTTP"),
    }
}
