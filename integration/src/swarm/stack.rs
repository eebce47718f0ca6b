use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::{Machine, REGISTRY, Swarm, alone, images, secrets::Secrets};
use crate::{Rest, eventually};

/// How often the manager is asked while something is awaited.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(250);
const NAME: &str = "skep";
/// The port of the gates.
const GATE: u16 = 8082;
/// As in `swarm/override.yml`; no machine has the label.
const NOWHERE: &str = "node.labels.skep.nowhere == true";

/// The stack of `deploy/stack.yml` on a [`Swarm`].
#[derive(Debug)]
pub struct Stack<'a> {
    swarm: &'a Swarm,
    secrets: Secrets,
}

impl<'a> Stack<'a> {
    /// Makes the secrets; nothing is deployed yet.
    pub async fn new(swarm: &'a Swarm) -> anyhow::Result<Self> {
        Ok(Self { swarm, secrets: Secrets::make(swarm).await? })
    }

    /// Makes the next version of these secrets; a deployment brings them into force.
    pub async fn rotate(&self, names: &[&str]) -> anyhow::Result<()> {
        self.secrets.rotate(self.swarm.manager(), names).await
    }

    /// Removes from Docker what no update would go back to.
    pub async fn prune(&self) -> anyhow::Result<()> {
        self.secrets.prune(self.swarm.manager()).await
    }

    /// The secrets that Docker has.
    pub async fn secrets(&self) -> anyhow::Result<Vec<String>> {
        let secrets = self.swarm.manager().docker(&["secret", "ls", "--format", "{{.Name}}"]).await?;
        Ok(secrets.lines().map(str::to_owned).collect())
    }

    /// The certificate of a tool, its key, and the authority that storages' certificates are by.
    pub fn tool(&self) -> [PathBuf; 3] {
        self.secrets.tool()
    }

    /// Makes, once more, what is not there yet of the secrets, with these options.
    pub async fn prepare(&self, options: &[&str]) -> anyhow::Result<()> {
        self.secrets.init(self.swarm.manager(), options).await
    }

    /// A client of the gate that a machine has.
    pub fn gate(&self, machine: &Machine) -> anyhow::Result<Rest> {
        Rest::trusting(machine.port(GATE), &self.secrets.authority())
    }

    /// What `docker stack config` makes of the stack file alone, and of it with each of the files that change it; nothing
    /// where no client knows the command.
    pub async fn configurations(&self) -> anyhow::Result<Vec<String>> {
        let [stack, other] = images::files();
        let variants = images::variants()?;
        let mut found = Vec::new();
        for client in alone::all("docker") {
            let help = Command::new(&client).args(["stack", "config", "--help"]).output().await?;
            if !String::from_utf8_lossy(&help.stdout).contains("docker stack config") {
                continue;
            }
            let mut changes = vec![Vec::new(), vec!["-c", &other]];
            changes.extend(variants.iter().map(|file| vec!["-c", file]));
            for files in changes.into_iter().map(|change| [vec!["-c", &stack], change].concat()) {
                let args: Vec<_> = ["stack", "config"].into_iter().chain(files).collect();
                let output = self.swarm.manager().client_at(&client, &args).env("REGISTRY", REGISTRY).output().await?;
                let told = String::from_utf8_lossy(&output.stderr).into_owned();
                ensure!(output.status.success() && told.is_empty(), "{} {args:?}: {told}", client.display());
                found.push(String::from_utf8(output.stdout)?);
            }
        }
        Ok(found)
    }

    /// Deploys a version of our images, and what `variables` say.
    pub async fn deploy(&self, version: &str, variables: &[(&str, &str)]) -> anyhow::Result<()> {
        self.deploy_with(&[], version, variables).await
    }

    /// As [`deploy`](Self::deploy), with some of the files that change the stack.
    pub async fn deploy_with(
        &self,
        variants: &[&str],
        version: &str,
        variables: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let [stack, other] = images::files();
        let variants: Vec<_> = variants.iter().map(|name| images::variant(name)).collect();
        let mut args = vec!["stack", "deploy", "--resolve-image", "changed"];
        let six = variants.iter().any(|file| file.contains("six")).then(images::six);
        for file in [&stack].into_iter().chain(&variants).chain([&other]).chain(&six) {
            args.extend(["--compose-file", file]);
        }
        args.push(NAME);
        let mut command = self.swarm.manager().client(&args)?;
        command.env("REGISTRY", REGISTRY).env("VERSION", version).envs(self.secrets.versions()?);
        command.envs(variables.iter().copied());
        let output = command.output().await?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!told.contains("Ignoring") && !told.contains("eprecated"), "{told}");
        self.swarm.manager().checked(&args, &output).map(drop)
    }

    /// Sets whether a machine may have tasks: `active`, no new ones (`pause`), or none (`drain`).
    pub async fn drain(&self, machine: &str, availability: &str) -> anyhow::Result<()> {
        self.swarm.manager().docker(&["node", "update", "--availability", availability, machine]).await.map(drop)
    }

    /// Sees to it that a machine has a task of a service, of which there are two or three then: the third can only go there.
    pub async fn bring(&self, service: &str, machine: &str, bound: Duration) -> anyhow::Result<()> {
        self.scale(service, 2).await?;
        self.until_full(bound).await?;
        if self.tasks().await?.iter().any(|(name, at)| name == service && at == machine) {
            return Ok(());
        }
        let others = || self.swarm.machines().iter().filter(|other| other.name() != machine);
        for other in others() {
            self.drain(&other.name(), "pause").await?;
        }
        self.scale(service, 3).await?;
        self.until_full(bound).await?;
        for other in others() {
            self.drain(&other.name(), "active").await?;
        }
        Ok(())
    }

    /// Sets how many tasks a service has, as an operator does.
    pub async fn scale(&self, service: &str, tasks: u32) -> anyhow::Result<()> {
        let wish = format!("{NAME}_{service}={tasks}");
        self.swarm.manager().docker(&["service", "scale", "--detach", &wish]).await.map(drop)
    }

    /// Begins to replace a service's tasks by those of another version.
    pub async fn roll(&self, service: &str, version: &str) -> anyhow::Result<()> {
        let (image, service) = (format!("{REGISTRY}/{service}:{version}"), format!("{NAME}_{service}"));
        self.swarm.manager().docker(&["service", "update", "--detach", "--image", &image, &service]).await.map(drop)
    }

    async fn services(&self) -> anyhow::Result<Vec<Value>> {
        let services = self.swarm.manager().ask("/services").await?;
        Ok(services.as_array().context("no list of services")?.clone())
    }

    /// The tasks that run, on machines that are up; each with the names of its service and its machine.
    pub async fn tasks(&self) -> anyhow::Result<Vec<(String, String)>> {
        let services = self.services().await?;
        let services: BTreeMap<_, _> = services.iter().map(|service| (service["ID"].as_str(), service)).collect();
        let nodes = self.swarm.manager().ask("/nodes").await?;
        let up = nodes.as_array().into_iter().flatten().filter(|node| node["Status"]["State"] == "ready");
        let up: BTreeMap<_, _> =
            up.map(|node| (node["ID"].as_str(), node["Description"]["Hostname"].as_str())).collect();
        let tasks = self.swarm.manager().ask("/tasks").await?;
        let tasks = tasks.as_array().into_iter().flatten().filter(|task| task["Status"]["State"] == "running");
        let placed = tasks.filter_map(|task| {
            let machine = (*up.get(&task["NodeID"].as_str())?)?;
            Some((name(services.get(&task["ServiceID"].as_str())?), machine.to_owned()))
        });
        Ok(placed.collect())
    }

    /// The machine on which a service has a task.
    pub async fn place(&self, service: &str) -> anyhow::Result<&'a Machine> {
        let tasks = self.tasks().await?;
        let (_, machine) = tasks.iter().find(|(name, _)| name == service).with_context(|| format!("no {service}"))?;
        self.swarm.machine(machine)
    }

    /// Takes the stack away, but for its volumes, and waits until nothing of it runs.
    pub async fn remove(&self, bound: Duration) -> anyhow::Result<()> {
        self.swarm.manager().docker(&["stack", "rm", NAME]).await?;
        let gone = async || {
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            for machine in self.swarm.machines().iter().filter(|machine| machine.is_on()) {
                let left = machine.docker(&["ps", "--quiet", "--all", "--filter", "name=skep_"]).await.ok()?;
                left.is_empty().then_some(())?;
            }
            let networks = self.swarm.manager().docker(&["network", "ls", "--quiet", "--filter", "name=skep_"]).await;
            networks.ok()?.is_empty().then_some(())
        };
        eventually("nothing of the stack is left", bound, gone).await
    }

    /// The ids of the tasks of a service that run.
    pub async fn running(&self, service: &str) -> anyhow::Result<BTreeSet<String>> {
        self.ids(service, "running").await
    }

    /// How many tasks of a service have ended well.
    pub async fn completed(&self, service: &str) -> anyhow::Result<usize> {
        Ok(self.ids(service, "complete").await?.len())
    }

    async fn ids(&self, service: &str, state: &str) -> anyhow::Result<BTreeSet<String>> {
        let path = format!("/tasks?filters={{\"service\":[\"{NAME}_{service}\"]}}");
        let tasks = self.swarm.manager().ask(&path).await?;
        let tasks = tasks.as_array().into_iter().flatten().filter(|task| task["Status"]["State"] == state);
        Ok(tasks.filter_map(|task| task["ID"].as_str().map(str::to_owned)).collect())
    }

    /// What the last tasks of a service have written to standard output and standard error.
    pub async fn logs(&self, service: &str) -> anyhow::Result<String> {
        let service = format!("{NAME}_{service}");
        let args = ["service", "logs", "--raw", "--tail", "20", &service];
        let output = self.swarm.manager().client(&args)?.output().await?;
        Ok([output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
    }

    /// The services that have fewer tasks of use than they should, or more, such as one that is still to go; and how
    /// many they have.
    pub async fn out_of_strength(&self) -> anyhow::Result<Vec<String>> {
        let tasks = self.tasks().await?;
        let mut services = Vec::new();
        for service in self.services().await? {
            let Some(wanted) = service["Spec"]["Mode"]["Replicated"]["Replicas"].as_u64() else { continue };
            if is_absent(&service) {
                continue;
            }
            let name = name(&service);
            // What ends by itself may have done so more than once.
            let found = if ends(&service) {
                wanted.min(self.completed(&name).await? as u64)
            } else {
                tasks.iter().filter(|(service, _)| *service == name).count() as u64
            };
            if found != wanted {
                services.push(format!("{name} {found}/{wanted}"));
            }
        }
        Ok(services)
    }

    /// Waits until every service has all its tasks.
    pub async fn until_full(&self, bound: Duration) -> anyhow::Result<()> {
        self.until_full_without(&[], bound).await
    }

    /// Waits until every service but these has all its tasks.
    pub async fn until_full_without(&self, absent: &[&str], bound: Duration) -> anyhow::Result<()> {
        let mut last = Vec::new();
        let full = eventually("every service has its tasks", bound, async || {
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            last = self.out_of_strength().await.ok()?;
            last.retain(|service: &String| !absent.iter().any(|name| service.split(' ').next() == Some(name)));
            last.is_empty().then_some(())
        });
        let waited = full.await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(format!("not at strength: {last:?}\n{}", self.story().await))),
        }
    }

    /// Waits until a service's update has ended, and gives its state: `completed`, `rollback_completed`, `paused`, ….
    pub async fn until_updated(&self, service: &str, bound: Duration) -> anyhow::Result<String> {
        let path = format!("/services/{NAME}_{service}");
        let ended = eventually("the update has ended", bound, async || {
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            let found = self.swarm.manager().ask(&path).await.ok()?;
            let state = found["UpdateStatus"]["State"].as_str()?.to_owned();
            (!matches!(state.as_str(), "updating" | "rollback_started")).then_some(state)
        });
        match ended.await {
            Ok(state) => Ok(state),
            Err(error) => Err(error.context(self.story().await)),
        }
    }

    /// The services that may take any amount of memory or of the processors, or have no memory reserved.
    pub async fn unlimited(&self) -> anyhow::Result<Vec<String>> {
        let is_bounded = |service: &&Value| {
            let resources = &service["Spec"]["TaskTemplate"]["Resources"];
            let given = |of: &str, what: &str| resources[of][what].as_u64().is_some_and(|amount| amount > 0);
            given("Limits", "MemoryBytes") && given("Limits", "NanoCPUs") && given("Reservations", "MemoryBytes")
        };
        Ok(self.services().await?.iter().filter(|service| !is_bounded(service)).map(name).collect())
    }

    /// The memory of each container of the stack, in bytes, without files that are only cached, and what its service reserves.
    pub async fn memory(&self) -> anyhow::Result<BTreeMap<String, (u64, u64)>> {
        let mut found = BTreeMap::new();
        for service in self.services().await? {
            let reserved = service["Spec"]["TaskTemplate"]["Resources"]["Reservations"]["MemoryBytes"].as_u64();
            let service = name(&service);
            for machine in self.swarm.machines() {
                let filter = format!("name=skep_{service}.");
                let containers = machine.docker(&["ps", "--quiet", "--filter", &filter]).await?;
                for container in containers.lines() {
                    let stats = machine.ask(&format!("/containers/{container}/stats?stream=false")).await?;
                    let stats = &stats["memory_stats"];
                    // As the docker client reckons it, under either version of control groups.
                    let cached = ["inactive_file", "total_inactive_file"].map(|name| stats["stats"][name].as_u64());
                    let cached = cached.into_iter().flatten().max().unwrap_or(0);
                    let used = stats["usage"].as_u64().context("no usage")?.saturating_sub(cached);
                    found.insert(format!("{service} on {}", machine.name()), (used, reserved.unwrap_or(0)));
                }
            }
        }
        Ok(found)
    }

    /// The image that a service is to run now.
    pub async fn image(&self, service: &str) -> anyhow::Result<String> {
        let found = self.swarm.manager().ask(&format!("/services/{NAME}_{service}")).await?;
        let image = &found["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"];
        Ok(image.as_str().context("no image")?.to_owned())
    }

    /// Waits until the manager takes a machine for `ready` or `down`.
    pub async fn until_machine(&self, machine: &str, state: &str, bound: Duration) -> anyhow::Result<()> {
        let path = format!("/nodes/{machine}");
        eventually("the machine is seen as it is", bound, async || {
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            let node = self.swarm.manager().ask(&path).await.ok()?;
            (node["Status"]["State"] == state).then_some(())
        })
        .await
    }

    /// What became of every task, for an error.
    pub async fn story(&self) -> String {
        let format = "{{.Name}}  {{.Node}}  {{.DesiredState}}  {{.CurrentState}}  {{.Error}}";
        let tasks = self.swarm.manager().docker(&["stack", "ps", "--no-trunc", "--format", format, NAME]).await;
        tasks.unwrap_or_else(|error| format!("{error:#}"))
    }
}

/// Whether its tasks end by themselves when they have done their work.
fn ends(service: &Value) -> bool {
    service["Spec"]["TaskTemplate"]["RestartPolicy"]["Condition"] == "on-failure"
}

/// Whether no machine may have its tasks, by what the test swarm differs in.
fn is_absent(service: &Value) -> bool {
    let constraints = &service["Spec"]["TaskTemplate"]["Placement"]["Constraints"];
    constraints.as_array().into_iter().flatten().any(|constraint| constraint == NOWHERE)
}

/// A service's name in the stack file.
fn name(service: &Value) -> String {
    let name = service["Spec"]["Name"].as_str().unwrap_or_default();
    name.strip_prefix(NAME).and_then(|name| name.strip_prefix('_')).unwrap_or(name).to_owned()
}
