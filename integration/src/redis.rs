mod groups;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::{certificates::Certificates, eventually};

const PASSWORD: &str = "the-password-of-this-redis";
const BOUND: Duration = Duration::from_secs(10);

/// A real Redis server on loopback, which demands a password. Dropping it kills it.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    child: Child,
    port: u16,
    tls_port: u16,
    mode: &'static [&'static str],
}

impl Redis {
    /// Starts an empty one.
    ///
    /// # Errors
    /// Without Debian's package `redis-server`.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with("", &[]).await
    }

    /// With more lines in its configuration, and in a mode that a flag says.
    async fn with(lines: &str, mode: &'static [&'static str]) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("redis-")?;
        Certificates::make(folder.path(), [Ipv4Addr::LOCALHOST.into()])?;
        let (port, tls_port) = (free_port()?, free_port()?);
        let dir = folder.path().display();
        // A password on the command line would be anybody's to read.
        let configuration = format!(
            "bind 127.0.0.1\nport {port}\ntls-port {tls_port}\ntls-auth-clients no\ntls-cert-file {dir}/keystore.pem\n\
             tls-key-file {dir}/keystore.pem\ntls-ca-cert-file {dir}/authority.pem\ndir {dir}\nsave \"\"\n\
             requirepass {PASSWORD}\nmasterauth {PASSWORD}\n{lines}"
        );
        fs::write(folder.path().join("redis.conf"), configuration)?;
        let child = spawn(&folder, mode)?;
        let mut redis = Self { folder, child, port, tls_port, mode };
        redis.until_open().await?;
        Ok(redis)
    }

    /// Where it is, with its password: `redis://`, or with TLS `rediss://`.
    pub fn url(&self, tls: bool) -> String {
        let (scheme, port) = if tls { ("rediss", self.tls_port) } else { ("redis", self.port) };
        format!("{scheme}://:{PASSWORD}@127.0.0.1:{port}")
    }

    /// The certificate of the authority that its own is signed by, a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Ends it as a power cut would (SIGKILL): it loses all since the last [`save`](Self::save).
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// Starts it again with what it last saved, after killing it if it still runs.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.child.id().is_some() {
            self.kill().await?;
        }
        self.child = spawn(&self.folder, self.mode)?;
        self.until_open().await
    }

    /// Stops it where it stands (SIGSTOP).
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Writes all that it holds to the disk.
    pub async fn save(&self) -> anyhow::Result<()> {
        self.ask("SAVE").await.map(drop)
    }

    /// Makes it forget everything.
    pub async fn empty(&self) -> anyhow::Result<()> {
        self.ask("FLUSHALL").await.map(drop)
    }

    /// Sends a command without spaces in its arguments, and returns the text or the first line of the answer.
    pub async fn ask(&self, command: &str) -> anyhow::Result<String> {
        let asked = async {
            let mut stream = BufReader::new(TcpStream::connect(self.address()).await?);
            stream.write_all(format!("AUTH {PASSWORD}\r\n{command}\r\n").as_bytes()).await?;
            let (mut greeting, mut answer) = (String::new(), String::new());
            stream.read_line(&mut greeting).await?;
            stream.read_line(&mut answer).await?;
            match answer.trim_end() {
                "" => bail!("redis hung up"),
                fault if fault.starts_with('-') => bail!("redis refuses {command}: {fault}"),
                length if length.starts_with('$') && length != "$-1" => {
                    let mut text = vec![0; length[1..].parse()?];
                    stream.read_exact(&mut text).await?;
                    Ok(String::from_utf8(text)?)
                }
                answer => Ok(answer.to_owned()),
            }
        };
        timeout(BOUND, asked).await.context("redis does not answer")?
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    async fn until_open(&mut self) -> anyhow::Result<()> {
        let open = eventually("redis answers", BOUND, async || match self.child.try_wait() {
            Ok(Some(status)) => Some(Err(anyhow::anyhow!("redis ended at its start: {status}"))),
            _ => self.ask("PING").await.ok().map(|_| Ok(())),
        });
        open.await?
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().context("redis has ended")?;
        Ok(signal::kill(Pid::from_raw(id.try_into()?), signal)?)
    }
}

fn spawn(folder: &TempDir, mode: &[&str]) -> anyhow::Result<Child> {
    let mut command = Command::new("redis-server");
    command
        .arg(folder.path().join("redis.conf"))
        .args(mode)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command.spawn().context("redis-server is missing; on Debian: apt-get install redis-server")
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
