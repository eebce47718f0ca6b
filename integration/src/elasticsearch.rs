use std::{fs, net::Ipv4Addr, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};

use anyhow::Context;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Rest, eventually, parts, redis::free_port};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/elasticsearch");
const OPEN: Duration = Duration::from_mins(3);

/// A real Elasticsearch of one node on loopback, without security, lifecycles and ingest, which its jars do not hold. Dropping
/// it kills it.
#[derive(Debug)]
pub struct Elasticsearch {
    _child: Child,
    _folder: TempDir,
    rest: Rest,
}

impl Elasticsearch {
    /// Starts an empty one, which is fetched if it is missing.
    ///
    /// # Errors
    /// Without a JDK and Maven.
    pub async fn start() -> anyhow::Result<Self> {
        let (home, folder, port) = (parts::fetch(RECIPE).await?, TempDir::with_prefix("elasticsearch-")?, free_port()?);
        configure(folder.path(), &home, port)?;
        let output = fs::File::create(folder.path().join("output"))?;
        let mut child = Command::new(parts::java())
            .args(["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"])
            .args(["-Djava.net.preferIPv4Stack=true", "-Dlog4j2.disable.jmx=true"])
            .arg(format!("-Djava.io.tmpdir={}", folder.path().display()))
            .arg(format!("-Djna.tmpdir={}", folder.path().display()))
            .arg(format!("-Des.path.home={}", folder.path().display()))
            .arg("-cp")
            .arg(format!("{home}/classes:{home}/jars/*", home = home.display()))
            .arg("Launcher")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("java is missing; on Debian: apt-get install openjdk-17-jdk-headless")?;
        let rest = Rest::new((Ipv4Addr::LOCALHOST, port).into());
        let open = eventually("elasticsearch answers", OPEN, async || match child.try_wait() {
            Ok(Some(status)) => Some(Err(status)),
            _ => rest.get("/_cluster/health").await.ok().filter(|answer| answer.status == 200).map(|_| Ok(())),
        });
        if let Err(status) = open.await? {
            let output = fs::read_to_string(folder.path().join("output"))?;
            anyhow::bail!("elasticsearch ended at its start: {status}: {output}");
        }
        Ok(Self { _child: child, _folder: folder, rest })
    }

    /// A way to ask it.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }
}

fn configure(folder: &Path, home: &Path, port: u16) -> anyhow::Result<()> {
    let (config, shown) = (folder.join("config"), folder.display());
    fs::create_dir(&config)?;
    symlink(home.join("modules"), folder.join("modules"))?;
    let settings = format!(
        "cluster.name: test\nnode.name: one\nnetwork.host: 127.0.0.1\nhttp.port: {port}\ntransport.port: {}\n\
         discovery.type: single-node\npath.data: {shown}/data\npath.logs: {shown}\n\
         cluster.routing.allocation.disk.threshold_enabled: false\n",
        free_port()?
    );
    fs::write(config.join("elasticsearch.yml"), settings)?;
    let logging = "appender.console.type = Console\nappender.console.name = console\n\
         appender.console.layout.type = PatternLayout\nappender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n\n\
         rootLogger.level = warn\nrootLogger.appenderRef.console.ref = console\n";
    Ok(fs::write(config.join("log4j2.properties"), logging)?)
}
