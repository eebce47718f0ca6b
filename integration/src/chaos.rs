use std::{
    io,
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpSocket, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

const BACKLOG: u32 = 1024;
const CHUNK_BYTES: usize = 16 * 1024;
const BETWEEN_ACCEPTS: Duration = Duration::from_millis(10);

/// A TCP proxy before a dependency, whose network a test breaks and heals. It holds no more than
/// 16 KiB of a connection in each direction; the rest waits in the sender.
///
/// Every change is in force when its call returns.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    wanted: watch::Sender<Network>,
    applied: watch::Receiver<Network>,
    /// Keeps the port while nothing listens on it.
    _reserved: TcpSocket,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Network {
    Whole,
    Cut,
    Stalled,
    Resetting,
    Slow(Duration),
}

impl Network {
    fn ends_connections(self) -> bool {
        matches!(self, Self::Cut | Self::Resetting)
    }
}

impl ChaosProxy {
    /// Listens on `listen` (whose port may be 0) and forwards to `target`, until it is dropped.
    pub async fn start(listen: SocketAddr, target: SocketAddr) -> anyhow::Result<Self> {
        let reserved = bind(listen).with_context(|| format!("{listen} is taken"))?;
        let address = reserved.local_addr()?;
        // Not yet applied, so that the wait below is for the listener.
        let (applied, applying) = watch::channel(Network::Cut);
        let (wanted, wanting) = watch::channel(Network::Whole);
        tokio::spawn(listen_and_forward(address, target, wanting, applied));
        let proxy = Self { address, wanted, applied: applying, _reserved: reserved };
        proxy.heal().await?;
        Ok(proxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections and refuses new ones.
    pub async fn cut(&self) -> anyhow::Result<()> {
        self.change(Network::Cut).await
    }

    /// Accepts connections and keeps them open, but forwards nothing, not even an end.
    pub async fn stall(&self) -> anyhow::Result<()> {
        self.change(Network::Stalled).await
    }

    /// Resets (TCP RST) all connections, and new ones as soon as they are accepted.
    pub async fn reset(&self) -> anyhow::Result<()> {
        self.change(Network::Resetting).await
    }

    /// Forwards each chunk, in either direction, only after `delay`.
    pub async fn slow(&self, delay: Duration) -> anyhow::Result<()> {
        self.change(Network::Slow(delay)).await
    }

    /// Forwards as if nothing had been; what a stall withheld goes on.
    pub async fn heal(&self) -> anyhow::Result<()> {
        self.change(Network::Whole).await
    }

    async fn change(&self, network: Network) -> anyhow::Result<()> {
        self.wanted.send(network).context("the proxy has ended")?;
        self.applied.clone().wait_for(|applied| *applied == network).await.context("the proxy has ended")?;
        Ok(())
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn listen_and_forward(
    address: SocketAddr,
    target: SocketAddr,
    mut wanted: watch::Receiver<Network>,
    applied: watch::Sender<Network>,
) -> io::Result<()> {
    let mut listener = None;
    let mut connections = JoinSet::new();
    loop {
        let network = *wanted.borrow_and_update();
        if network == Network::Cut {
            listener.take().as_ref().map_or(Ok(()), deafen)?;
        } else if listener.is_none() {
            listener = Some(bind(address)?.listen(BACKLOG)?);
        }
        if network.ends_connections() {
            while connections.join_next().await.is_some() {}
        }
        applied.send_replace(network);
        loop {
            tokio::select! {
                change = wanted.changed() => match change {
                    Ok(()) => break,
                    Err(_dropped) => return Ok(()),
                },
                client = accept(listener.as_ref()) => { connections.spawn(connect(client, target, wanted.clone())); }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Ends listening at once: to close alone would leave it to a child that another thread is just starting, for as long as
/// that has not come to its own program.
fn deafen(listener: &TcpListener) -> io::Result<()> {
    SockRef::from(listener).shutdown(Shutdown::Both)
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((client, _)) => return client,
            // Out of file descriptors, say: asking again at once would spin.
            Err(_) => sleep(BETWEEN_ACCEPTS).await,
        }
    }
}

/// Both streams close when it returns.
async fn connect(mut client: TcpStream, target: SocketAddr, network: watch::Receiver<Network>) -> io::Result<()> {
    let mut server = None;
    let mut broken = network.clone();
    tokio::select! {
        biased;
        ended = broken.wait_for(|network| network.ends_connections()) => {
            if ended.is_ok_and(|network| *network == Network::Resetting) {
                client.set_zero_linger()?;
                server.as_ref().map_or(Ok(()), TcpStream::set_zero_linger)?;
            }
            Ok(())
        }
        done = forward(&mut client, &mut server, target, network) => done,
    }
}

async fn forward(
    client: &mut TcpStream,
    server: &mut Option<TcpStream>,
    target: SocketAddr,
    network: watch::Receiver<Network>,
) -> io::Result<()> {
    let server = server.insert(TcpStream::connect(target).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::try_join!(pump(from_client, to_server, network.clone()), pump(from_server, to_client, network))?;
    Ok(())
}

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut network: watch::Receiver<Network>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = from.read(&mut chunk).await?;
        let state = network.wait_for(|network| *network != Network::Stalled).await.map(|network| *network);
        if let Ok(Network::Slow(delay)) = state {
            sleep(delay).await;
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..length]).await?;
    }
}

#[cfg(test)]
mod tests;
