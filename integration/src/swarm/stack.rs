use std::{
    collections::{BTreeMap, BTreeSet},
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
        let [stack, other] = images::files();
        let args = ["stack", "deploy", "--compose-file", &stack, "--compose-file", &other, NAME];
        let mut command = self.swarm.manager().client(&args)?;
        command.env("REGISTRY", REGISTRY).env("VERSION", version).envs(self.secrets.versions()?);
        command.envs(variables.iter().copied());
        let output = command.output().await?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!told.contains("Ignoring") && !told.contains("eprecated"), "{told}");
        self.swarm.manager().checked(&args, &output).map(drop)
    }

    /// Takes all tasks off a machine, or lets it have some again.
    pub async fn drain(&self, machine: &str, availability: &str) -> anyhow::Result<()> {
        self.swarm.manager().docker(&["node", "update", "--availability", availability, machine]).await.map(drop)
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

    /// The tasks that run, on machines that are up, and those of a service that ends by itself which have done what
    /// they had to; each with the names of its service and its machine.
    pub async fn tasks(&self) -> anyhow::Result<Vec<(String, String)>> {
        let services = self.services().await?;
        let services: BTreeMap<_, _> = services.iter().map(|service| (service["ID"].as_str(), service)).collect();
        let nodes = self.swarm.manager().ask("/nodes").await?;
        let up = nodes.as_array().into_iter().flatten().filter(|node| node["Status"]["State"] == "ready");
        let up: BTreeMap<_, _> =
            up.map(|node| (node["ID"].as_str(), node["Description"]["Hostname"].as_str())).collect();
        let tasks = self.swarm.manager().ask("/tasks").await?;
        let useful = tasks.as_array().into_iter().flatten().filter_map(|task| {
            let service = services.get(&task["ServiceID"].as_str())?;
            let machine = (*up.get(&task["NodeID"].as_str())?)?;
            let useful = task["Status"]["State"] == if ends(service) { "complete" } else { "running" };
            useful.then(|| (name(service), machine.to_owned()))
        });
        Ok(useful.collect())
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
            let found = tasks.iter().filter(|(service, _)| *service == name).count() as u64;
            // What ends by itself may have done so more than once.
            let is_full = found == wanted || ends(&service) && found > wanted;
            if !is_full {
                services.push(format!("{name} {found}/{wanted}"));
            }
        }
        Ok(services)
    }

    /// Waits until every service has all its tasks.
    pub async fn until_full(&self, bound: Duration) -> anyhow::Result<()> {
        self.until_full_without("nothing", bound).await
    }

    /// Waits until every service but this one has all its tasks.
    pub async fn until_full_without(&self, absent: &str, bound: Duration) -> anyhow::Result<()> {
        let mut last = Vec::new();
        let full = eventually("every service has its tasks", bound, async || {
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
            last = self.out_of_strength().await.ok()?;
            last.retain(|service: &String| service.split(' ').next() != Some(absent));
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
