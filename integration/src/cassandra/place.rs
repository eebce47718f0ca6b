use std::{
    env, fs,
    fs::{File, TryLockError},
    net::{IpAddr, TcpListener},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use nix::{
    sys::signal::{self, Signal},
    unistd::{Pid, geteuid},
};

/// The native protocol's port of every node.
pub(crate) const CLIENT_PORT: u16 = 9042;
/// The port through which nodes speak to each other.
pub(crate) const STORAGE_PORT: u16 = 7000;
/// The argument that tells whose a node is.
pub(crate) const FOLDER_ARGUMENT: &str = "-Dcassandra.storagedir=";

const NETWORK: [u8; 2] = [127, 77];
/// The last number of a node's address and that of its proxy are so far apart.
const PROXIES: u8 = 100;
const END_BOUND: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A range of loopback addresses, 127.77.X.0/24, and a folder, both for one cluster alone.
///
/// A lock on a file beside the folder says that they are in use; the kernel takes it away when the
/// process ends, however it ends. Whoever gets the lock next ends what is left and clears the folder.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    network: u8,
    lock: File,
}

impl Place {
    pub(crate) fn claim(nodes: usize) -> anyhow::Result<Self> {
        let all = env::temp_dir().join(format!("skep-cassandra-{}", geteuid()));
        Self::claim_in(&all, nodes)
    }

    fn claim_in(all: &Path, nodes: usize) -> anyhow::Result<Self> {
        fs::create_dir_all(all).with_context(|| format!("{}", all.display()))?;
        for network in 1..=u8::MAX {
            let lock = File::create(all.join(format!("{network}.lock")))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            let place = Self { folder: all.join(network.to_string()), network, lock };
            place.clear()?;
            if (1..=nodes).all(|node| place.is_free(node)) {
                fs::create_dir(&place.folder)?;
                return Ok(place);
            }
        }
        bail!("no range of loopback addresses is free")
    }

    /// The folder of a node, counted from 1, as its address.
    pub(crate) fn folder(&self, node: usize) -> PathBuf {
        self.folder.join(format!("node{node}"))
    }

    pub(crate) fn address(&self, node: usize) -> IpAddr {
        self.last(u8::try_from(node).expect("a few nodes"))
    }

    pub(crate) fn proxy(&self, node: usize) -> IpAddr {
        self.last(PROXIES + u8::try_from(node).expect("a few nodes"))
    }

    fn last(&self, number: u8) -> IpAddr {
        [NETWORK[0], NETWORK[1], self.network, number].into()
    }

    /// A file for all nodes.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn is_free(&self, node: usize) -> bool {
        [CLIENT_PORT, STORAGE_PORT].iter().all(|port| TcpListener::bind((self.address(node), *port)).is_ok())
    }

    fn clear(&self) -> anyhow::Result<()> {
        let end = Instant::now() + END_BOUND;
        loop {
            let nodes = self.nodes()?;
            for node in &nodes {
                // It may just have ended.
                let _ = signal::kill(*node, Signal::SIGKILL);
            }
            if nodes.is_empty() {
                break;
            }
            ensure!(Instant::now() < end, "nodes {nodes:?} of an earlier run cannot be ended");
            thread::sleep(BETWEEN_LOOKS);
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).with_context(|| format!("{}", self.folder.display()))?;
        }
        Ok(())
    }

    /// The processes that are told to keep their data in this folder, by their command lines.
    fn nodes(&self) -> anyhow::Result<Vec<Pid>> {
        let argument = format!("{FOLDER_ARGUMENT}{}/", self.folder.display());
        let mut nodes = Vec::new();
        for process in fs::read_dir("/proc")? {
            let process = process?;
            let Some(id) = process.file_name().to_str().and_then(|id| id.parse().ok()) else { continue };
            let Ok(line) = fs::read(process.path().join("cmdline")) else { continue };
            if line.split(|byte| *byte == 0).any(|given| given.starts_with(argument.as_bytes())) {
                nodes.push(Pid::from_raw(id));
            }
        }
        Ok(nodes)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            eprintln!("cassandra: {error:#}");
        }
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn node_in(place: &Place) -> Child {
        let argument = format!("{FOLDER_ARGUMENT}{}", place.folder(1).display());
        let waiting = ["-c", "read _", "sh", &argument];
        let node = Command::new("sh").args(waiting).stdin(Stdio::piped()).spawn().unwrap();
        // The kernel shows the new command line a moment after the spawn has returned.
        while place.nodes().unwrap().is_empty() {
            thread::yield_now();
        }
        node
    }

    #[test]
    fn a_place_in_use_is_left_alone_and_one_left_behind_is_cleared() {
        let all = tempfile::tempdir().unwrap();
        let used = Place::claim_in(all.path(), 0).unwrap();
        let mut at_work = node_in(&used);

        let left = Place::claim_in(all.path(), 0).unwrap();
        assert_ne!(used.network, left.network);
        let mut orphan = node_in(&left);
        fs::write(left.path("of an earlier run"), "").unwrap();
        let network = left.network;
        // As if its process had been killed: the lock goes, the rest stays.
        left.lock.unlock().unwrap();

        let next = Place::claim_in(all.path(), 0).unwrap();
        assert_eq!(next.network, network);
        assert!(!next.path("of an earlier run").exists());
        assert!(orphan.wait().unwrap().code().is_none(), "ended by a signal");
        assert!(at_work.try_wait().unwrap().is_none(), "what another run uses goes on");

        let folder = used.folder.clone();
        drop(used);
        assert!(at_work.wait().unwrap().code().is_none(), "nothing outlives its place");
        assert!(!folder.exists());
        std::mem::forget(left);
    }
}
