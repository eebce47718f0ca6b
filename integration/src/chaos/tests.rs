use std::{
    io::{
        self,
        ErrorKind::{ConnectionRefused, ConnectionReset},
    },
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::ChaosProxy;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SOON: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(200);

async fn before_an_echo() -> anyhow::Result<ChaosProxy> {
    let echo = TcpListener::bind(ANY).await?;
    let target = echo.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut client, _)) = echo.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                copy(&mut from, &mut to).await
            });
        }
    });
    ChaosProxy::start(ANY, target).await
}

async fn connect(proxy: &ChaosProxy) -> io::Result<TcpStream> {
    TcpStream::connect(proxy.address()).await
}

async fn echoed(client: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; text.len()];
    let (mut from, mut to) = client.split();
    timeout(SOON, async { tokio::try_join!(to.write_all(text), from.read_exact(&mut answer)) }).await??;
    Ok(answer)
}

#[tokio::test]
async fn many_connections_carry_more_than_is_buffered_and_then_the_end() -> anyhow::Result<()> {
    let proxy = before_an_echo().await?;
    let text: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(connect(&proxy).await?);
    }
    for client in &mut clients {
        assert!(echoed(client, &text).await? == text);
        client.shutdown().await?;
        assert_eq!(timeout(SOON, client.read(&mut [0])).await??, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_closes_and_refuses_until_it_is_healed() -> anyhow::Result<()> {
    let proxy = before_an_echo().await?;
    let mut client = connect(&proxy).await?;
    echoed(&mut client, b"before").await?;

    proxy.cut().await?;
    assert_eq!(timeout(SOON, client.read(&mut [0])).await??, 0);
    assert_eq!(connect(&proxy).await.unwrap_err().kind(), ConnectionRefused);

    proxy.heal().await?;
    assert_eq!(echoed(&mut connect(&proxy).await?, b"after").await?, b"after");
    Ok(())
}

#[tokio::test]
async fn a_stall_forwards_nothing_and_loses_nothing() -> anyhow::Result<()> {
    let proxy = before_an_echo().await?;
    let mut old = connect(&proxy).await?;
    echoed(&mut old, b"before").await?;

    proxy.stall().await?;
    let mut new = connect(&proxy).await?;
    for client in [&mut old, &mut new] {
        client.write_all(b"during").await?;
        client.shutdown().await?;
        timeout(SILENCE, client.read(&mut [0])).await.expect_err("nothing is forwarded");
    }

    proxy.heal().await?;
    for client in [&mut old, &mut new] {
        let mut answer = Vec::new();
        timeout(SOON, client.read_to_end(&mut answer)).await??;
        assert_eq!(answer, b"during");
    }
    Ok(())
}

#[tokio::test]
async fn a_reset_is_no_orderly_end() -> anyhow::Result<()> {
    let proxy = before_an_echo().await?;
    let mut old = connect(&proxy).await?;
    echoed(&mut old, b"before").await?;

    proxy.reset().await?;
    let mut new = connect(&proxy).await?;
    for client in [&mut old, &mut new] {
        assert_eq!(timeout(SOON, client.read(&mut [0])).await?.unwrap_err().kind(), ConnectionReset);
    }
    Ok(())
}

#[tokio::test]
async fn slow_delays_either_direction() -> anyhow::Result<()> {
    let proxy = before_an_echo().await?;
    let mut client = connect(&proxy).await?;
    proxy.slow(SILENCE).await?;
    let begun = Instant::now();
    echoed(&mut client, b"slowly").await?;
    assert!(begun.elapsed() >= SILENCE * 2, "{:?}", begun.elapsed());

    proxy.heal().await?;
    let begun = Instant::now();
    echoed(&mut client, b"fast").await?;
    assert!(begun.elapsed() < SILENCE, "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_dead_target_ends_the_connection_and_a_dropped_proxy_frees_its_port() -> anyhow::Result<()> {
    let closed = TcpListener::bind(ANY).await?.local_addr()?;
    let proxy = ChaosProxy::start(ANY, closed).await?;
    let mut client = connect(&proxy).await?;
    assert_eq!(timeout(SOON, client.read(&mut [0])).await??, 0);

    let address = proxy.address();
    drop(proxy);
    crate::eventually("the port is free", SOON, async || TcpListener::bind(address).await.ok()).await?;
    Ok(())
}
