use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;

/// The log files of one start of a process.
#[derive(Clone, Debug)]
pub struct Logs(PathBuf);

impl Logs {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Where the files are; a process that has not logged yet has none. What stands in a file's place is left out.
    pub fn paths(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.0).into_iter().flatten() {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                paths.push(entry.path());
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// The files by name, with what they hold.
    pub fn files(&self) -> anyhow::Result<Vec<(String, String)>> {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.paths()?.into_iter().map(|path| Ok((name(&path), fs::read_to_string(&path)?))).collect()
    }

    /// Puts a full disk in the place of the file in which a service writes that minute, if one begins each minute.
    pub fn fill(&self, service: &str, minute: Timestamp) -> anyhow::Result<()> {
        let paths = self.paths()?;
        let name =
            |path: &PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".ndjson")?.rsplit_once('.')?.0.to_owned());
        let mut names = paths.iter().filter_map(name);
        let name = names.find(|name| name.starts_with(&format!("{service}-"))).context("no file of that service")?;
        Ok(symlink("/dev/full", self.0.join(format!("{name}.{}.ndjson", minute.strftime("%Y-%m-%d-%H-%M"))))?)
    }

    /// The numbers (`event.sequence`) of each service's lines, each of which has to be whole, and to stand there once.
    pub fn numbers(&self) -> anyhow::Result<BTreeMap<String, BTreeSet<u64>>> {
        let mut numbers = BTreeMap::<String, BTreeSet<u64>>::new();
        for path in self.paths()? {
            for line in BufReader::new(File::open(&path)?).lines() {
                let line: Value =
                    serde_json::from_str(&line?).with_context(|| format!("{} has a torn line", path.display()))?;
                let service = line["service.name"].as_str().context("a line of no service")?;
                let number = line["event.sequence"].as_u64().context("a line without a number")?;
                anyhow::ensure!(numbers.entry(service.to_owned()).or_default().insert(number), "twice: {line}");
            }
        }
        Ok(numbers)
    }

    /// Every finished line, which must be a JSON object (a line still being written is left out).
    pub fn lines(&self) -> anyhow::Result<Vec<Value>> {
        let mut lines = Vec::new();
        for (name, text) in self.files()? {
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                let value: Value = serde_json::from_str(line).with_context(|| format!("{name}: {line}"))?;
                anyhow::ensure!(value.is_object(), "{name}: not an object: {line}");
                lines.push(value);
            }
        }
        Ok(lines)
    }

    /// The address a door was bound to, once that is logged.
    pub(crate) fn door(&self, door: &str) -> Option<SocketAddr> {
        let lines = self.lines().ok()?;
        let line = lines.iter().find(|line| line["message"] == "listening" && line["door"] == door)?;
        line["server.address"].as_str()?.parse().ok()
    }
}
