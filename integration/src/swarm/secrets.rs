use std::{collections::BTreeMap, fs, path::PathBuf, process::Stdio};

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::{Machine, Swarm};
use crate::program::ADMIN_PASSWORD;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/secrets");
/// On no disk: everything of a swarm is in memory.
const FOLDER: &str = "/run/skep-secrets";

/// What `deploy/secrets` made.
#[derive(Debug)]
pub(super) struct Secrets {
    folder: PathBuf,
}

/// What it is asked of an operator's folder that is not the one that the swarm's secrets are of.
const OTHER: &str = "/run/skep-secrets-of-others";

impl Secrets {
    /// Makes all, with certificates for every machine's address and a password that tests know.
    pub(super) async fn make(swarm: &Swarm) -> anyhow::Result<Self> {
        let secrets = Self { folder: FOLDER.into() };
        fs::create_dir_all(&secrets.folder)?;
        fs::write(secrets.folder.join("admin_password.1"), ADMIN_PASSWORD)?;
        let names = swarm.machines().iter().map(|machine| machine.address().to_string());
        let args: Vec<_> =
            ["init".to_owned()].into_iter().chain(names.flat_map(|name| ["--name".into(), name])).collect();
        secrets.run(swarm.manager(), &args).await?;
        let mixed = Self { folder: OTHER.into() }.run(swarm.manager(), &["init".to_owned()]).await;
        ensure!(format!("{mixed:?}").contains("made in another folder"), "authorities are mixed: {mixed:?}");
        Ok(secrets)
    }

    /// Makes what is not there yet, with these options.
    pub(super) async fn init(&self, manager: &Machine, options: &[&str]) -> anyhow::Result<()> {
        let args: Vec<_> = ["init"].iter().chain(options).map(ToString::to_string).collect();
        self.run(manager, &args).await
    }

    /// The certificate of a tool, its key, and the authority that storages' certificates are by.
    pub(super) fn tool(&self) -> [PathBuf; 3] {
        ["tool_certificate.1", "tool_key.1", "inside_ca.1"].map(|name| self.folder.join(name))
    }

    /// Removes from Docker what is older than the versions before those in force.
    pub(super) async fn prune(&self, manager: &Machine) -> anyhow::Result<()> {
        self.run(manager, &["prune".to_owned()]).await
    }

    /// Makes the next version of these.
    pub(super) async fn rotate(&self, manager: &Machine, names: &[&str]) -> anyhow::Result<()> {
        let args: Vec<_> = ["rotate"].iter().chain(names).map(ToString::to_string).collect();
        self.run(manager, &args).await
    }

    async fn run(&self, manager: &Machine, args: &[String]) -> anyhow::Result<()> {
        let mut command = Command::new(PROGRAM);
        command.args(args).arg("--folder").arg(&self.folder).env("DOCKER_HOST", manager.door()).stdin(Stdio::null());
        let output = command.output().await?;
        ensure!(output.status.success(), "deploy/secrets {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// The versions in force, as variables.
    pub(super) fn versions(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let text = fs::read_to_string(self.folder.join("versions.env"))?;
        let line = |line: &str| {
            let (name, version) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), version.to_owned()))
        };
        text.lines().map(|text| line(text).with_context(|| text.to_owned())).collect()
    }

    /// The authority that has signed what the gates show.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("ca.1")
    }
}
