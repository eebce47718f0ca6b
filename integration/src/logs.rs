use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::Value;

/// The log files of one start of a process.
#[derive(Clone, Debug)]
pub struct Logs(PathBuf);

impl Logs {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The files by name, with what they hold; a process that has not logged yet has none.
    pub fn files(&self) -> anyhow::Result<Vec<(String, String)>> {
        let Ok(folder) = fs::read_dir(&self.0) else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        for file in folder {
            let file = file?;
            files.push((file.file_name().to_string_lossy().into_owned(), fs::read_to_string(file.path())?));
        }
        files.sort();
        Ok(files)
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
