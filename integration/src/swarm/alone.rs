use std::{
    env,
    io::{Write, stderr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use nix::unistd::geteuid;

/// What makes machines and guards them, and the packages of Debian that have it.
const PROGRAMS: [(&str, &str); 7] = [
    ("dockerd", "docker.io"),
    ("docker-registry", "docker-registry"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("redis-server", "redis-server"),
];

/// Runs an ignored test of this program again, as the first process of network, mount and process namespaces of its
/// own, in which a [`Swarm`](super::Swarm) can stand. Whatever it started or mounted is gone when it ends, however it
/// ends.
///
/// Where that cannot be done it says so and leaves it out; in continuous integration (`CI` is set) that is an error.
pub fn in_own_namespaces(test: &str) -> anyhow::Result<()> {
    if let Err(why) = possible() {
        if env::var_os("CI").is_some_and(|ci| !ci.is_empty()) {
            bail!("a swarm cannot stand here: {why:#}");
        }
        writeln!(stderr(), "!! SKIPPED, a swarm cannot stand here: {why:#}")?;
        return Ok(());
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(env::current_exe()?).args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::null());
    let status = command.status()?;
    super::machine::clear_groups();
    ensure!(status.success(), "{test}: {status}");
    Ok(())
}

fn possible() -> anyhow::Result<()> {
    ensure!(geteuid().is_root(), "it needs root, for namespaces and Docker daemons");
    for (program, package) in PROGRAMS {
        found(program).with_context(|| format!("on Debian: apt-get install {package}"))?;
    }
    let own = Command::new("unshare").args(["--net", "--mount", "--pid", "--fork", "ip", "link"]).output()?;
    ensure!(own.status.success(), "no namespaces: {}", String::from_utf8_lossy(&own.stderr));
    Ok(())
}

/// The program's file, as a shell would find it.
pub(super) fn found(program: &str) -> anyhow::Result<PathBuf> {
    all(program).into_iter().next().with_context(|| format!("{program} is missing"))
}

/// Every program of that name: more than one version may be installed.
pub(super) fn all(program: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    folders.map(|folder| folder.join(program)).filter(|file| file.is_file()).collect()
}
