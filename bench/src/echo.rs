//! The floor: what axum costs when nothing is done with the request.

use std::{env, net::SocketAddr, process::Stdio};

use anyhow::Context;
use axum::{Router, body::Bytes, routing::any};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

/// Serves until killed; the first line of standard output is the address.
#[allow(clippy::print_stdout, reason = "its parent reads the address there")]
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, Router::new().fallback(any(async |body: Bytes| body))).await?;
        Ok(())
    })
}

/// Starts the echo as a process of its own.
pub(crate) async fn start() -> anyhow::Result<(Child, SocketAddr)> {
    let mut child = Command::new(env::current_exe()?).arg("echo").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let stdout = child.stdout.take().context("the echo has no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("the echo ended")?;
    Ok((child, line.parse()?))
}
