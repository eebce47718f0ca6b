//! Parts that are fetched as jars: Cassandra and Elasticsearch.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// The folder of a part's jars, which `recipe`, its folder here, fetches if they are missing.
pub(crate) async fn fetch(recipe: &str) -> anyhow::Result<PathBuf> {
    let script = Path::new(recipe).join("fetch");
    let output = Command::new(&script).output().await.with_context(|| format!("{}", script.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().into())
}

/// The Java that runs them.
pub(crate) fn java() -> PathBuf {
    env::var_os("JAVA_HOME").map_or_else(|| "java".into(), |home| Path::new(&home).join("bin/java"))
}
