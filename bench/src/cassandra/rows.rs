//! What a record takes in a partition: the size that bounds are about (not compressed), and on disk.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use integration::{Cassandra, CassandraNode, eventually};

use super::{
    Plan, driver,
    pages::{Lists, Shape},
};
use crate::{compare::progress, load::count};

const WRITTEN: Duration = Duration::from_mins(1);

/// Fills one partition, and looks at the files of the first node, which has a copy of everything.
#[allow(clippy::print_stdout, reason = "the table is what it is for")]
pub(crate) async fn measure(cluster: &Cassandra, plan: Plan) -> anyhow::Result<()> {
    let node = cluster.nodes().first().context("the files of nodes elsewhere cannot be seen")?;
    println!("| bytes of data | records | bytes of partition a record | beyond the data | on disk |");
    println!("|---|---|---|---|---|");
    for bytes in [plan.bytes, 60] {
        let opened = driver::open(cluster, "info").await?;
        let lists = Lists::prepare(opened.session).await?;
        progress(format_args!("filling a partition with {} records of {bytes} bytes", plan.records));
        let Shape { .. } = lists.fill(1, 1, plan.records, bytes).await?;
        // The table's memory is written to files without a tool.
        lists.session.query_unpaged("ALTER TABLE record_entries WITH memtable_flush_period_in_ms = 1000", ()).await?;
        let least = plan.records * bytes;
        let (partition, disk) = eventually("the files are written", WRITTEN, async || {
            sizes(node, &opened.keyspace).ok().filter(|(partition, _)| *partition >= least)
        })
        .await?;
        let each = |size: usize| count(size) / count(plan.records);
        let beyond = each(partition) - count(bytes);
        println!("| {bytes} | {} | {:.0} | {beyond:.0} | {:.0} |", plan.records, each(partition), each(disk));
    }
    Ok(())
}

/// Of all files of the table: as their data is, and as it is compressed.
fn sizes(node: &CassandraNode, keyspace: &str) -> anyhow::Result<(usize, usize)> {
    let tables = fs::read_dir(node.folder().join("data").join(keyspace))?;
    let is_ours =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("record_entries-"));
    let table = tables.flatten().map(|entry| entry.path()).find(is_ours).context("the table has no folder")?;
    let (mut partition, mut disk) = (0, 0);
    for file in fs::read_dir(table)? {
        let path = file?.path();
        let name = path.to_string_lossy();
        if let Some(start) = name.strip_suffix("CompressionInfo.db") {
            partition += uncompressed(&path)?;
            disk += usize::try_from(fs::metadata(format!("{start}Data.db"))?.len())?;
        }
    }
    Ok((partition, disk))
}

/// The length that a file's compression tells, as Cassandra's `CompressionMetadata` writes it: compressor, options, length
/// of a chunk, greatest length of a compressed one, length of the data.
fn uncompressed(path: &Path) -> anyhow::Result<usize> {
    let mut file = fs::File::open(path)?;
    let mut text = || -> anyhow::Result<fs::File> {
        let mut length = [0; 2];
        file.read_exact(&mut length)?;
        file.read_exact(&mut vec![0; u16::from_be_bytes(length).into()])?;
        Ok(file.try_clone()?)
    };
    let mut options = [0; 4];
    text()?.read_exact(&mut options)?;
    for _ in 0..2 * u32::from_be_bytes(options) {
        text()?;
    }
    let mut rest = [0; 16];
    file.read_exact(&mut rest)?;
    Ok(usize::try_from(u64::from_be_bytes(rest[8..].try_into()?))?)
}
