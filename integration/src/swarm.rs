mod alone;
mod images;
mod machine;
mod names;
mod secrets;
mod stack;

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};
use tokio_util::task::AbortOnDropHandle;

pub use self::{alone::in_own_namespaces, machine::Machine, stack::Stack};

/// The switch that all machines are on, and its address.
const SWITCH: &str = "br0";
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
/// Where images are pushed to and pulled from.
const REGISTRY: &str = "10.77.0.254:5000";
/// The disks of all machines: in memory, so that nothing is left of them. Not below `/run`, of which each machine has
/// its own.
const DISKS: &str = "/mnt";

/// How many of the machines are managers: one of three can be lost.
const MANAGERS: usize = 3;

/// Machines on one switch that form a Docker Swarm, the first three of them its managers, and a registry.
///
/// It takes the network that it is started in, so it needs one of its own: [`in_own_namespaces`].
#[derive(Debug)]
pub struct Swarm {
    machines: Vec<Machine>,
    _registry: Child,
    _names: AbortOnDropHandle<()>,
}

impl Swarm {
    /// Starts so many machines, and joins them.
    pub async fn start(machines: u8) -> anyhow::Result<Self> {
        ensure!(std::process::id() == 1, "a swarm needs namespaces of its own");
        let disks = disks().await?;
        run("ip", &["link", "set", "lo", "up"]).await?;
        run("ip", &["link", "add", SWITCH, "type", "bridge"]).await?;
        run("ip", &["address", "add", &format!("{GATEWAY}/24"), "dev", SWITCH]).await?;
        run("ip", &["link", "set", SWITCH, "up"]).await?;
        let names = names::serve(GATEWAY).await?;
        let registry = registry(&disks)?;
        let started = (1..=machines).map(|number| Machine::start(number, &disks));
        let mut machines = Vec::new();
        for machine in started {
            machines.push(machine.await?);
        }
        let swarm = Self { machines, _registry: registry, _names: names };
        swarm.join().await?;
        Ok(swarm)
    }

    async fn join(&self) -> anyhow::Result<()> {
        let address = |machine: &Machine| machine.address().to_string();
        let first = address(self.manager());
        self.manager().docker(&["swarm", "init", "--advertise-addr", &first]).await?;
        for (place, machine) in self.machines.iter().enumerate().skip(1) {
            let role = if place < MANAGERS { "manager" } else { "worker" };
            let token = self.manager().docker(&["swarm", "join-token", "--quiet", role]).await?;
            let own = address(machine);
            machine.docker(&["swarm", "join", "--token", &token, "--advertise-addr", &own, &first]).await?;
        }
        Ok(())
    }

    /// The machines; each has the last number of its address, counted from 1, in its name.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The first manager that has power.
    pub fn manager(&self) -> &Machine {
        self.machines[..MANAGERS].iter().find(|machine| machine.is_on()).unwrap_or(&self.machines[0])
    }

    /// The manager that leads.
    pub async fn leader(&self) -> anyhow::Result<&Machine> {
        let nodes = self.manager().ask("/nodes").await?;
        let leads = |node: &&serde_json::Value| node["ManagerStatus"]["Leader"] == true;
        let leader = nodes.as_array().into_iter().flatten().find(leads).context("nobody leads")?;
        self.machine(leader["Description"]["Hostname"].as_str().context("no name")?)
    }

    /// The machine of that name.
    pub fn machine(&self, name: &str) -> anyhow::Result<&Machine> {
        self.machines.iter().find(|machine| machine.name() == name).with_context(|| format!("no machine {name}"))
    }

    /// Puts labels on a machine, each of which is then `true`.
    pub async fn label(&self, machine: &str, labels: &[&str]) -> anyhow::Result<()> {
        let labels: Vec<_> = labels.iter().map(|label| format!("--label-add={label}=true")).collect();
        let mut args = vec!["node", "update"];
        args.extend(labels.iter().map(String::as_str));
        args.push(machine);
        self.manager().docker(&args).await.map(drop)
    }
}

/// A memory file system, and a `/run` of our own.
async fn disks() -> anyhow::Result<PathBuf> {
    run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]).await?;
    run("mount", &["-t", "tmpfs", "-o", "size=8g", "tmpfs", DISKS]).await?;
    Ok(DISKS.into())
}

fn registry(disks: &Path) -> anyhow::Result<Child> {
    let folder = disks.join("registry");
    fs::create_dir(&folder)?;
    let settings = format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {REGISTRY:?}}}\n",
        folder.display()
    );
    let (file, log) = (disks.join("registry.yml"), fs::File::create(disks.join("registry.log"))?);
    fs::write(&file, settings)?;
    let mut command = Command::new("docker-registry");
    command.arg("serve").arg(file).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Runs a program to its end, which must be a success.
async fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().await.context(program.to_owned())?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {}\n{told}", args.join(" "), output.status);
    Ok(())
}
