use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use nix::{
    sys::signal::{self, Signal},
    unistd::{Pid, geteuid},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    runtime::Runtime,
    sync::Mutex,
    time::timeout,
};

use super::place::{CLIENT_PORT, FOLDER_ARGUMENT, STORAGE_PORT};
use crate::{ChaosProxy, eventually};

const START_BOUND: Duration = Duration::from_mins(4);
const STOP_BOUND: Duration = Duration::from_mins(1);
const KILL_BOUND: Duration = Duration::from_secs(20);
const ANSWER_BOUND: Duration = Duration::from_secs(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
const TAIL_LINES: usize = 30;

/// Starts every node. The kernel ends a node when the thread that started it ends, and a test's own
/// threads end with the test; this one lives as long as the process.
pub(super) static KEEPER: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().expect("threads can be started")
});

/// One real Cassandra process, with its data. Dropping it kills it.
#[derive(Debug)]
pub struct CassandraNode {
    /// From 1, as the last number of its address.
    pub(super) number: usize,
    pub(super) address: IpAddr,
    pub(super) folder: PathBuf,
    /// Java's options before those that are the node's own, and where the jars are.
    pub(super) java: Vec<String>,
    pub(super) jars: PathBuf,
    pub(super) encrypted: bool,
    pub(super) proxy: Option<ChaosProxy>,
    pub(super) running: Mutex<Option<Running>>,
}

#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// How long each node's log was, in bytes, when this one started: what it tells before is of former
    /// starts.
    logged: Vec<u64>,
}

impl CassandraNode {
    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.proxy.as_ref().map_or(SocketAddr::new(self.address, CLIENT_PORT), ChaosProxy::address)
    }

    /// Where it keeps its data and its log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The proxy between it and its clients, for a cluster that was started with proxies.
    pub fn chaos(&self) -> anyhow::Result<&ChaosProxy> {
        self.proxy.as_ref().context("this cluster was not started with proxies")
    }

    /// All it has logged since its first start.
    pub fn log(&self) -> String {
        self.log_from(0).unwrap_or_default()
    }

    /// Its memory that is resident now, in bytes.
    pub async fn memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id().await?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }

    /// Ends it as a power cut would (SIGKILL).
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL).await?;
        self.ended(KILL_BOUND).await
    }

    /// Asks it to end (SIGTERM), which flushes and tells the other nodes, and waits until it has.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM).await?;
        self.ended(STOP_BOUND).await
    }

    /// Stops it where it stands (SIGSTOP), as a machine that hangs.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP).await
    }

    /// Lets it go on (SIGCONT).
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT).await
    }

    async fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(signal::kill(Pid::from_raw(self.id().await?), signal)?)
    }

    async fn ended(&self, bound: Duration) -> anyhow::Result<()> {
        let mut running = self.running.lock().await;
        if let Some(running) = running.as_mut() {
            let ended = timeout(bound, running.child.wait()).await;
            ended.map_err(|_| anyhow!("node {} does not end within {bound:?}\n{}", self.number, self.tail()))??;
        }
        *running = None;
        Ok(())
    }

    async fn id(&self) -> anyhow::Result<i32> {
        let running = self.running.lock().await;
        let id = running.as_ref().and_then(|running| running.child.id());
        Ok(id.with_context(|| format!("node {} does not run", self.number))?.try_into()?)
    }

    /// Starts it, `logged` being how long the logs of all nodes are.
    pub(super) async fn launch(&self, logged: Vec<u64>) -> anyhow::Result<()> {
        let mut running = self.running.lock().await;
        if running.as_mut().is_some_and(|running| matches!(running.child.try_wait(), Ok(None))) {
            bail!("node {} runs already", self.number);
        }
        let mut command = self.command()?;
        let child = KEEPER.spawn(async move { command.spawn() }).await?.context("setpriv")?;
        *running = Some(Running { child, logged });
        Ok(())
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if geteuid().is_root() {
            // Cassandra would lock its whole heap into memory.
            command.arg("--bounding-set=-ipc_lock");
        }
        command.arg(crate::parts::java()).args(&self.java);
        let folder = self.folder.display();
        command.arg(format!("{FOLDER_ARGUMENT}{folder}")).arg(format!("-Dcassandra.logdir={folder}"));
        command.arg(format!("-Dcassandra.config=file://{folder}/cassandra.yaml"));
        command.arg(format!("-Djava.io.tmpdir={folder}/tmp"));
        command.arg("-cp").arg(self.jars.join("*")).arg("org.apache.cassandra.service.CassandraDaemon");
        let output = File::options().create(true).append(true).open(self.folder.join("output"))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        Ok(command)
    }

    /// Waits until its native protocol answers.
    pub(super) async fn until_it_answers(&self) -> anyhow::Result<()> {
        let answers = eventually("the node answers CQL", START_BOUND, async || {
            let ended = self.running.lock().await.as_mut().and_then(|running| running.child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Some(Err(anyhow!("ended at its start: {status}")));
            }
            self.answers().await.then_some(Ok(()))
        });
        answers.await.flatten().with_context(|| format!("node {}\n{}", self.number, self.tail()))
    }

    /// Whether it answers an OPTIONS request (native protocol v4, section 4.1.3). Under TLS that it
    /// accepts has to do: it listens only when it can serve.
    pub async fn answers(&self) -> bool {
        const OPTIONS: [u8; 9] = [4, 0, 0, 0, 5, 0, 0, 0, 0];
        const SUPPORTED: u8 = 6;
        let asked = timeout(ANSWER_BOUND, async {
            let mut node = TcpStream::connect((self.address, CLIENT_PORT)).await?;
            if self.encrypted {
                return Ok(true);
            }
            node.write_all(&OPTIONS).await?;
            let mut head = [0; 9];
            node.read_exact(&mut head).await?;
            Ok::<_, std::io::Error>(head[4] == SUPPORTED)
        });
        matches!(asked.await, Ok(Ok(true)))
    }

    /// Whether its log has told, since both started, that it sees `other` up and with a share of the ring;
    /// of a node that does not run, nothing is expected.
    pub(super) async fn sees(&self, other: &Self) -> anyhow::Result<bool> {
        let start = async |node: &Self| node.running.lock().await.as_ref().map(|run| run.logged[self.number - 1]);
        let (Some(own), Some(others)) = (start(self).await, start(other).await) else { return Ok(true) };
        let name = format!("/{}:{STORAGE_PORT}", other.address);
        let log = self.log_from(own.max(others))?;
        let is_up = log.rsplit_once(&format!("{name} is now ")).is_some_and(|(_, state)| state.starts_with("UP"));
        Ok(is_up && log.contains(&format!("Node {name} state NORMAL")))
    }

    pub(super) fn log_length(&self) -> u64 {
        fs::metadata(self.folder.join("system.log")).map_or(0, |log| log.len())
    }

    fn log_from(&self, start: u64) -> anyhow::Result<String> {
        let mut log = File::open(self.folder.join("system.log"))?;
        log.seek(SeekFrom::Start(start))?;
        let mut text = Vec::new();
        log.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The end of what it logged and wrote, for an error.
    pub(super) fn tail(&self) -> String {
        let output = fs::read_to_string(self.folder.join("output")).unwrap_or_default();
        let log = self.log();
        let end = |text: &str| {
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
        };
        format!("--- the end of its log:\n{}\n--- and of its output:\n{}", end(&log), end(&output))
    }
}

impl Drop for CassandraNode {
    fn drop(&mut self) {
        let Some(running) = self.running.get_mut() else { return };
        let _ = running.child.start_kill();
        let end = Instant::now() + KILL_BOUND;
        while matches!(running.child.try_wait(), Ok(None)) && Instant::now() < end {
            thread::sleep(BETWEEN_LOOKS);
        }
    }
}
