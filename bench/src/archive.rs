//! What an export and an import take, whole and interrupted, from one machine to a cluster and back: records a second
//! beside bare calls of storage, and the tool's memory.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::ensure;
use futures_util::{StreamExt, TryStreamExt, stream};
use integration::{Cassandra, CassandraOptions, House, Process, Program};
use skep_proto::v1::{
    Collection, ImportCollectionRequest, ImportRecordsRequest, ListRecordsRequest, Record,
    operator_service_client::OperatorServiceClient, record_service_client::RecordServiceClient,
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use crate::compare::progress;

const PARENT: &str = "collections/notes";
/// As the tool has it.
const THINGS: u64 = 100;
const CALLS: usize = 4;
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run(records: u64, on_cassandra: u64) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        one(records).await?;
        cluster(on_cassandra).await
    })
}

/// What a command did.
struct Row {
    records: u64,
    taken: Duration,
    memory: u64,
    ended: bool,
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn told(what: &str, row: &Row, floor: Option<f64>) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = row.records as f64 / row.taken.as_secs_f64();
    let of = floor.map_or_else(String::new, |floor| format!("{:.2}", rate / floor));
    let memory = if row.memory == 0 { String::new() } else { format!("{} MB", row.memory / 1_000_000) };
    println!("| {what} | {} | {:.1} s | {rate:.0} | {of} | {memory} |", row.records, row.taken.as_secs_f64());
    rate
}

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
async fn one(records: u64) -> anyhow::Result<()> {
    let from = Program::skep()?.start().await?;
    progress(format_args!("{records} records"));
    let bare = filled(&from, records).await?;
    println!("\n| | records | took | records/s | of the bare calls | memory |\n|---|---|---|---|---|---|");
    let import = told("import calls, one process", &bare, None);
    let list = told("list calls, one process", &walked(&from).await?, None);
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let packed = file("a.ndjson.zst");
    told("export, compressed", &tool(&from, records, "export", &packed, None).await?, Some(list));
    told("export", &tool(&from, records, "export", &file("a.ndjson"), None).await?, Some(list));

    let to = Program::skep()?.start().await?;
    told("import", &tool(&to, records, "import", &packed, None).await?, Some(import));
    told("import, all is there", &tool(&to, records, "import", &packed, None).await?, Some(import));
    tool(&to, records, "export", &file("b.ndjson"), None).await?;
    same(&file("a.ndjson"), &file("b.ndjson"), records)
}

async fn cluster(records: u64) -> anyhow::Result<()> {
    let (from, folder) = (Program::skep()?.start().await?, tempfile::tempdir()?);
    let import = told("import calls, one process", &filled(&from, records).await?, None);
    let file = |name: &str| folder.path().join(name);
    let packed = file("a.ndjson.zst");
    tool(&from, records, "export", &packed, None).await?;
    tool(&from, records, "export", &file("a.ndjson"), None).await?;
    drop(from);
    let cluster = Cassandra::start(CassandraOptions::default()).await?;
    let storage = Program::storage_on(&cluster, &cluster.keyspace(), House::token())?.start().await?;
    let half = tool(&storage, records, "import", &packed, Some(records)).await?;
    ensure!(!half.ended, "it came to its end before it was killed");
    told("import into Cassandra, killed", &half, None);
    told("the same begun again", &tool(&storage, records, "import", &packed, None).await?, None);
    let list = told("list calls, Cassandra", &walked(&storage).await?, None);
    told("export from Cassandra", &tool(&storage, records, "export", &file("c.ndjson"), None).await?, Some(list));
    same(&file("a.ndjson"), &file("c.ndjson"), records)?;
    let back = Program::skep()?.start().await?;
    told("import from there", &tool(&back, records, "import", &file("c.ndjson"), None).await?, Some(import));
    tool(&back, records, "export", &file("d.ndjson"), None).await?;
    same(&file("a.ndjson"), &file("d.ndjson"), records)
}

/// Records as somebody made them over a month, by calls alone.
async fn filled(process: &Process, records: u64) -> anyhow::Result<Row> {
    let mut door = OperatorServiceClient::new(channel(process).await?);
    let month = 30 * 86_400_000_000;
    let at = |micros: u64| prost_types::Timestamp {
        seconds: 1_790_000_000 + (micros / 1_000_000).cast_signed(),
        nanos: i32::try_from(micros % 1_000_000 * 1000).unwrap_or_default(),
    };
    let collection = Collection {
        name: PARENT.into(),
        indexes: vec!["author".into()],
        create_time: Some(at(0)),
        update_time: Some(at(0)),
        ..Collection::default()
    };
    door.import_collection(ImportCollectionRequest { collection: Some(collection), spans: Vec::new() }).await?;
    let record = |number: u64| {
        let made = at(month / records * number);
        Record {
            name: format!("{PARENT}/records/r{number:09}"),
            data: format!(r#"{{"author":"author {}","message":"{number} {}"}}"#, number % 1000, "words ".repeat(20))
                .into(),
            owner: "01a21c8a-6404-7c10-bfcc-9649857b3f9d".into(),
            create_time: Some(made),
            update_time: Some(made),
            version: 1,
            etag: String::new(),
        }
    };
    let begun = Instant::now();
    let calls = (0..records).step_by(usize::try_from(THINGS)?).map(|first| {
        let records = (first..records.min(first + THINGS)).map(record).collect();
        let mut door = door.clone();
        async move { door.import_records(ImportRecordsRequest { parent: PARENT.into(), records, latest: false }).await }
    });
    stream::iter(calls).buffer_unordered(CALLS).try_for_each(async |_| Ok(())).await?;
    Ok(Row { records, taken: begun.elapsed(), memory: 0, ended: true })
}

async fn channel(process: &Process) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{}", process.door("grpc")?))?.connect().await?)
}

/// All of them, oldest first, by calls alone.
async fn walked(process: &Process) -> anyhow::Result<Row> {
    let mut door = RecordServiceClient::new(channel(process).await?);
    let (begun, mut records, mut page_token) = (Instant::now(), 0, String::new());
    loop {
        let (parent, order_by) = (PARENT.to_owned(), "created_at".to_owned());
        let asked = ListRecordsRequest { parent, page_size: 1000, page_token, order_by, ..Default::default() };
        let mut asked = Request::new(asked);
        asked.metadata_mut().insert("authorization", format!("Bearer {}", House::token()).parse()?);
        let page = door.list_records(asked).await?.into_inner();
        records += page.records.len() as u64;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(Row { records, taken: begun.elapsed(), memory: 0, ended: true });
        }
    }
}

/// Runs `skep`, and kills it when half of so many records are there.
async fn tool(storage: &Process, records: u64, what: &str, file: &Path, half_of: Option<u64>) -> anyhow::Result<Row> {
    progress(what);
    let tool = Program::tool("skep")?.env("SKEP_ADDR", storage.door("grpc")?.to_string());
    let tool = tool.env("INTERNAL_TOKEN", House::token()).arg(what);
    let tool = if what == "export" { tool.arg("--output") } else { tool };
    let begun = Instant::now();
    let mut running = tool.arg(file.display().to_string()).open().await?;
    let mut memory = 0;
    while running.is_alive() {
        memory = running.peak_memory().unwrap_or(memory);
        if let Some(records) = half_of
            && begun.elapsed() > LOOK
            && reached(storage, records / 2).await?
        {
            running.kill().await?;
            return Ok(Row { records: records / 2, taken: begun.elapsed(), memory, ended: false });
        }
        tokio::time::sleep(LOOK).await;
    }
    let taken = begun.elapsed();
    ensure!(running.ended().await?.success(), "skep {what}: {}", running.stderr());
    Ok(Row { records, taken, memory, ended: true })
}

/// Whether the record of that number is there.
async fn reached(storage: &Process, number: u64) -> anyhow::Result<bool> {
    let mut door = RecordServiceClient::new(channel(storage).await?);
    let name = format!("{PARENT}/records/r{number:09}");
    let mut asked = Request::new(skep_proto::v1::GetRecordRequest { name });
    asked.metadata_mut().insert("authorization", format!("Bearer {}", House::token()).parse()?);
    Ok(door.get_record(asked).await.is_ok())
}

/// That both hold the same records in the same order.
fn same(one: &PathBuf, other: &PathBuf, records: u64) -> anyhow::Result<()> {
    let lines = |path: &PathBuf| -> anyhow::Result<_> {
        let lines = BufReader::new(File::open(path)?).lines().map_while(Result::ok);
        Ok(lines.filter(|line| line.starts_with("{\"record\"")))
    };
    let (mut one, mut other, mut count) = (lines(one)?, lines(other)?, 0);
    loop {
        match (one.next(), other.next()) {
            (None, None) => break,
            (first, second) => ensure!(first == second, "{first:?} is {second:?} there"),
        }
        count += 1;
    }
    ensure!(count == records, "{count} of {records} records are compared");
    Ok(())
}
