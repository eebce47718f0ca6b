use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

use crate::{Cassandra, Process};

const RUN_BOUND: Duration = Duration::from_secs(20);
/// Where Debian keeps it, in the folder of each architecture.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// The password of the administrator `admin`.
pub const ADMIN_PASSWORD: &str = "the-password-of-this-administrator";

/// A door of a process, and the variable that says where it is.
pub(crate) const DOORS: [(&str, &str); 3] =
    [("rest", "GATE_ADDR"), ("grpc", "STORAGE_ADDR"), ("metrics", "METRICS_ADDR")];

/// A binary with its arguments and environment, and a folder that lives as long as anything uses it.
///
/// It inherits no environment: what a test does not say has its default, but for the administrator's password, which is
/// known, and the limits of rate, which are off.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) binary: &'static str,
    pub(crate) doors: &'static [&'static str],
    wrapper: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    folder: Arc<TempDir>,
}

impl Program {
    /// `skep serve`: everything in one process.
    pub fn skep() -> anyhow::Result<Self> {
        let program = Self::new("skep", &["rest", "grpc", "metrics"])?.arg("serve");
        let data = program.path("data");
        let program = program.env("DATA_DIR", data.display().to_string());
        Ok(program.env("ADMIN_PASSWORD", ADMIN_PASSWORD).env("RATE_LIMIT", "off"))
    }

    /// `storage` on the embedded store, its door guarded by `token`.
    pub fn storage(token: &str) -> anyhow::Result<Self> {
        let program = Self::new("storage", &["grpc", "metrics"])?.env("INTERNAL_TOKEN", token);
        let data = program.path("data");
        Ok(program.env("DATA_DIR", data.display().to_string()).env("ADMIN_PASSWORD", ADMIN_PASSWORD))
    }

    /// `storage` on a cluster, its door guarded by `token`.
    pub fn storage_on(cluster: &Cassandra, keyspace: &str, token: &str) -> anyhow::Result<Self> {
        let program = Self::storage(token)?.without("DATA_DIR").env("CASSANDRA_KEYSPACE", keyspace);
        Ok(cluster.variables().iter().fold(program, |program, (name, value)| program.env(name, value)))
    }

    /// `gate` before that storage.
    pub fn gate(storage: &Process, token: &str) -> anyhow::Result<Self> {
        Self::gate_before(&[storage.door("grpc")?], token)
    }

    /// `gate` before the storages at those addresses.
    pub fn gate_before(storages: &[SocketAddr], token: &str) -> anyhow::Result<Self> {
        let program = Self::new("gate", &["rest", "metrics"])?.env("INTERNAL_TOKEN", token).env("RATE_LIMIT", "off");
        let hosts: Vec<_> = storages.iter().map(ToString::to_string).collect();
        Ok(program.env("STORAGE_HOST", hosts.join(",")))
    }

    /// A binary to be run to its end, told nothing yet.
    pub fn tool(binary: &'static str) -> anyhow::Result<Self> {
        Self::new(binary, &[])
    }

    fn new(binary: &'static str, doors: &'static [&'static str]) -> anyhow::Result<Self> {
        let folder = Arc::new(TempDir::with_prefix(format!("{binary}-"))?);
        let mut program = Self { binary, doors, wrapper: Vec::new(), args: Vec::new(), env: Vec::new(), folder };
        for (door, variable) in DOORS {
            if doors.contains(&door) {
                program = program.env(variable, "127.0.0.1:0");
            }
        }
        Ok(program)
    }

    /// The binary's name.
    pub fn binary(&self) -> &'static str {
        self.binary
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, value: impl Into<String>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Runs it by another command, which is given the binary and its arguments after its own.
    #[must_use]
    pub fn below(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|part| (*part).to_owned()).collect();
        self
    }

    /// Sets a variable; the last setting of a name counts.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a variable away again.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    /// Lets it believe that it is so many seconds later, or earlier, than it is; how time passes is left alone.
    ///
    /// # Errors
    /// Without Debian's package `libfaketime`.
    pub fn clock(self, seconds: i32) -> anyhow::Result<Self> {
        let find = || {
            fs::read_dir("/usr/lib").ok()?.flatten().map(|found| found.path().join(FAKETIME)).find(|path| path.exists())
        };
        let library = find().context("libfaketime is missing; on Debian: apt-get install libfaketime")?;
        let program = self.env("LD_PRELOAD", library.display().to_string()).env("FAKETIME", format!("{seconds:+}s"));
        Ok(program.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
    }

    /// A path inside the program's folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> anyhow::Result<Process> {
        Process::start(self, true).await
    }

    /// Starts it and waits until its doors are open, whether or not it is ready.
    pub async fn open(self) -> anyhow::Result<Process> {
        Process::start(self, false).await
    }

    /// Runs it to its end, which must come within 20 seconds.
    pub async fn run(&self) -> anyhow::Result<Output> {
        let run = self.command(&self.path("logs"))?.stdin(Stdio::null()).kill_on_drop(true).output();
        timeout(RUN_BOUND, run).await.with_context(|| format!("{} does not end", self.binary))?.map_err(Into::into)
    }

    /// Ready to be spawned, with its standard error going on in a file.
    pub(crate) fn logged_command(&self, logs: &Path) -> anyhow::Result<Command> {
        let errors = File::options().create(true).append(true).open(self.path("stderr"))?;
        let mut command = self.command(logs)?;
        command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors);
        Ok(command)
    }

    fn command(&self, logs: &Path) -> anyhow::Result<Command> {
        let binary = built(self.binary)?;
        let mut command = match self.wrapper.split_first() {
            None => Command::new(binary),
            Some((wrapper, args)) => {
                let mut command = Command::new(wrapper);
                command.args(args).arg(binary);
                command
            }
        };
        command.args(&self.args).env_clear().env("RUST_BACKTRACE", "1").env("LOG_DIR", logs);
        command.envs(self.env.iter().map(|(name, value)| (name, value))).current_dir(self.folder.path());
        Ok(command)
    }
}

/// The binary that cargo built beside this test (whose own folder is `deps`) or program.
pub(crate) fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = env::current_exe()?;
    let profile = own.ancestors().skip(1).find(|folder| folder.file_name() != Some(OsStr::new("deps")));
    let path = profile.context("this program has no folder")?.join(name);
    ensure!(path.exists(), "{} is missing: run `cargo build --workspace --bins` first", path.display());
    Ok(path)
}
