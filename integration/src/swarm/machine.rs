use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Context, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::Client;
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    sync::Mutex,
};

use super::{GATEWAY, REGISTRY, alone};
use crate::{eventually, rest::client};

/// Its first process.
const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/swarm/node");
const NAMESPACES: [&str; 8] = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
const START_BOUND: Duration = Duration::from_mins(1);
const END_BOUND: Duration = Duration::from_secs(20);
/// The control groups of a machine's containers, where Linux has them.
const GROUPS: &str = "/sys/fs/cgroup";
const GROUP: &str = "skep-swarm-";

/// A machine with its own network card and a Docker daemon: namespaces on this one.
#[derive(Debug)]
pub struct Machine {
    number: u8,
    folder: PathBuf,
    daemon: Client,
    running: Mutex<Option<Child>>,
    is_on: AtomicBool,
}

impl Machine {
    pub(super) async fn start(number: u8, all: &Path) -> anyhow::Result<Self> {
        let folder = all.join(format!("n{number}"));
        fs::create_dir_all(&folder)?;
        let daemon = client().unix_socket(folder.join("docker.sock")).timeout(END_BOUND).build()?;
        let machine = Self { number, folder, daemon, running: None.into(), is_on: false.into() };
        machine.power_on().await?;
        Ok(machine)
    }

    /// Its host name.
    pub fn name(&self) -> String {
        format!("n{}", self.number)
    }

    /// Where others find it.
    pub fn address(&self) -> Ipv4Addr {
        let [a, b, c, _] = GATEWAY.octets();
        Ipv4Addr::new(a, b, c, self.number)
    }

    /// One of its ports.
    pub fn port(&self, port: u16) -> SocketAddr {
        (self.address(), port).into()
    }

    /// Starts it, on the disk that it had, and waits until its daemon answers.
    pub async fn power_on(&self) -> anyhow::Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = Command::new("unshare");
        command.args(NAMESPACES).arg(NODE).args([self.name(), self.address().to_string()]).arg(&self.folder);
        command.args([group(self.number)?, GATEWAY.to_string(), REGISTRY.into()]);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        // The socket of a former start would answer nobody.
        let _ = fs::remove_file(self.folder.join("docker.sock"));
        let child = command.spawn()?;
        let outer = child.id().context("it has just been started")?;
        *self.running.lock().await = Some(child);
        let first = eventually("the machine's first process", START_BOUND, async || first_process(outer)).await?;
        let (port, netns) = (format!("p{}", self.number), first.to_string());
        super::run("ip", &["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &netns]).await?;
        super::run("ip", &["link", "set", &port, "master", super::SWITCH, "up"]).await?;
        let answers = eventually("the daemon answers", START_BOUND, async || self.ask("/_ping").await.ok()).await;
        self.is_on.store(true, Relaxed);
        answers.map(drop).with_context(|| format!("{}\n{}", self.name(), self.log()))
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Pulls its cable, or plugs it in again.
    pub async fn plug(&self, is_in: bool) -> anyhow::Result<()> {
        super::run("ip", &["link", "set", &format!("p{}", self.number), if is_in { "up" } else { "down" }]).await
    }

    /// Kills the containers of a service of the stack that run on it (SIGKILL); how many these are.
    pub async fn kill(&self, service: &str) -> anyhow::Result<usize> {
        let found = self.docker(&["ps", "--quiet", "--filter", &format!("name=skep_{service}")]).await?;
        for container in found.lines() {
            self.docker(&["kill", container]).await?;
        }
        Ok(found.lines().count())
    }

    /// Runs a command in the container of a service of the stack that is on it, and gives what it prints.
    pub async fn exec(&self, service: &str, command: &[&str]) -> anyhow::Result<String> {
        let found = self.docker(&["ps", "--quiet", "--filter", &format!("name=skep_{service}")]).await?;
        let container = found.lines().next().with_context(|| format!("{}: no {service}", self.name()))?;
        self.docker(&[&["exec", container], command].concat()).await
    }

    /// Ends all that runs on it at once (SIGKILL), and takes it off the network.
    pub async fn power_cut(&self) -> anyhow::Result<()> {
        self.is_on.store(false, Relaxed);
        let mut running = self.running.lock().await;
        let child = running.as_mut().context("it does not run")?;
        let first = first_process(child.id().context("it has ended")?).context("it has no first process")?;
        kill(Pid::from_raw(first), Signal::SIGKILL)?;
        child.wait().await?;
        *running = None;
        drop(running);
        let port = format!("p{}", self.number);
        let gone = async || super::run("ip", &["link", "show", &port]).await.is_err().then_some(());
        eventually("its cable is gone", END_BOUND, gone).await
    }

    /// The answer of its daemon to a GET (Docker Engine API 1.41).
    pub async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let path = if path.starts_with("/_") { path.to_owned() } else { format!("/v1.41{path}") };
        let answer = self.daemon.get(format!("http://docker{path}")).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Runs the docker client on this machine, and gives what it prints.
    pub async fn docker(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.client(args)?.output().await?;
        self.checked(args, &output)
    }

    /// The docker client with arguments, to be run on this machine.
    pub(super) fn client(&self, args: &[&str]) -> anyhow::Result<Command> {
        Ok(self.client_at(&alone::found("docker")?, args))
    }

    pub(super) fn client_at(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.arg("--host").arg(self.door()).args(args);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Where its daemon is asked.
    pub(super) fn door(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }

    pub(super) fn checked(&self, args: &[&str], output: &Output) -> anyhow::Result<String> {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}: docker {}: {}\n{out}{err}", self.name(), args.join(" "), output.status);
        Ok(out.trim_end().to_owned())
    }

    /// What its daemon wrote, for an error.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The folder of a volume on its disk.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.folder.join("data/volumes").join(name).join("_data")
    }
}

/// A control group that no other run has: it is named by our network.
fn group(number: u8) -> anyhow::Result<String> {
    let network = fs::read_link("/proc/self/ns/net")?;
    let digits: String = network.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Ok(format!("/{GROUP}{digits}-{number}"))
}

/// The first process of the namespaces that `unshare` made.
fn first_process(unshare: u32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Removes the control groups that machines left behind: no namespace ends them.
pub(super) fn clear_groups() {
    fn remove(folder: &Path) {
        for below in fs::read_dir(folder).into_iter().flatten().flatten() {
            if below.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove(&below.path());
            }
        }
        // One in which a process of another run still is stays.
        let _ = fs::remove_dir(folder);
    }
    let hierarchies = fs::read_dir(GROUPS).into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([GROUPS.into()]) {
        for group in fs::read_dir(hierarchy).into_iter().flatten().flatten() {
            if group.file_name().to_string_lossy().starts_with(GROUP) {
                remove(&group.path());
            }
        }
    }
}
