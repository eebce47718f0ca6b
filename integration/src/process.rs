use std::{collections::BTreeMap, fs, net::SocketAddr, process::ExitStatus, time::Duration};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tokio::{process::Child, time::timeout};

use crate::{Logs, Program, Rest, eventually, program::DOORS};

const START_BOUND: Duration = Duration::from_secs(30);
const EXIT_BOUND: Duration = Duration::from_secs(40);
const TAIL_LINES: usize = 40;

/// A running process of ours. Dropping it kills it and tells the end of its standard error, which the
/// test runner shows if the test failed.
#[derive(Debug)]
pub struct Process {
    program: Program,
    child: Child,
    doors: BTreeMap<&'static str, SocketAddr>,
    logs: Logs,
    starts: u32,
}

impl Process {
    pub(crate) async fn start(program: Program, until_ready: bool) -> anyhow::Result<Self> {
        Self::launch(program, 1, until_ready).await
    }

    async fn launch(program: Program, starts: u32, until_ready: bool) -> anyhow::Result<Self> {
        // A folder for each start: the addresses of the former start are not to be read again.
        let folder = program.path(format!("logs-{starts}"));
        let child = program.logged_command(&folder)?.kill_on_drop(true).spawn()?;
        let mut process = Self { program, child, doors: BTreeMap::new(), logs: Logs::new(&folder), starts };
        process.until_open(until_ready).await?;
        Ok(process)
    }

    async fn until_open(&mut self, ready: bool) -> anyhow::Result<()> {
        let open = eventually("the process is open", START_BOUND, async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(Err(status));
            }
            for door in self.program.doors {
                self.doors.insert(door, self.logs.door(door)?);
            }
            (!ready || self.is_ready().await).then_some(Ok(()))
        });
        let ended = open.await.with_context(|| format!("{}: {:?}", self.program.binary, self.doors))?;
        ended.map_err(|status| anyhow::anyhow!("{} ended at its start: {status}", self.program.binary))
    }

    /// Whether `/readyz` says so.
    pub async fn is_ready(&self) -> bool {
        let Ok(metrics) = self.http("metrics") else { return false };
        metrics.get("/readyz").await.is_ok_and(|answer| answer.status == 200)
    }

    /// Where a door is: `rest`, `grpc` or `metrics`.
    pub fn door(&self, door: &str) -> anyhow::Result<SocketAddr> {
        self.doors.get(door).copied().with_context(|| format!("{} has no door {door}", self.program.binary))
    }

    /// A client of one of its doors that speak HTTP/1.1: `rest` or `metrics`.
    pub fn http(&self, door: &str) -> anyhow::Result<Rest> {
        Ok(Rest::new(self.door(door)?))
    }

    /// The samples of a metric that are whole numbers: its labels as they are written, and the value.
    pub async fn metric(&self, name: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        let told = self.http("metrics")?.get("/metrics").await?.expect(200).text;
        let sample = |line: &str| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then(|| Some((labels.to_owned(), value.parse().ok()?)))?
        };
        Ok(told.lines().filter_map(sample).collect())
    }

    /// What this start has logged.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// What all starts wrote to standard output and standard error.
    pub fn stderr(&self) -> String {
        fs::read(self.program.path("stderr"))
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// Its program, with the folder it works in.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().context("the process has ended")?;
        Ok(signal::kill(Pid::from_raw(id.try_into()?), signal)?)
    }

    /// Ends it as a power cut would (SIGKILL).
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        match timeout(EXIT_BOUND, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{} does not end within {EXIT_BOUND:?}", self.program.binary),
        }
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops it where it stands (SIGSTOP), as a machine that hangs.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Starts it again on the same addresses and data, after killing it if it still runs.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        if self.is_alive() {
            self.kill().await?;
        }
        let mut program = self.program.clone();
        for (door, variable) in DOORS {
            if let Some(address) = self.doors.get(door) {
                program = program.env(variable, address.to_string());
            }
        }
        *self = Self::launch(program, self.starts + 1, true).await?;
        Ok(())
    }

    /// Its process id.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("the process has ended")
    }

    /// The most memory it has ever had resident, in bytes.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        let id = self.child.id().context("the process has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim_end_matches("kB").trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let stderr = self.stderr();
        let lines: Vec<_> = stderr.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        eprintln!("--- {}, the end of its standard error:\n{tail}\n---", self.program.binary);
    }
}
