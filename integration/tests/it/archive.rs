//! `skep export` and `skep import`, against real servers, whole and interrupted.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::ensure;
use integration::{Process, Program, eventually};
use prost_types::Timestamp;
use serde_json::json;
use skep_proto::v1::{
    ImportRecordsRequest, ListRecordsRequest, Record, operator_service_client::OperatorServiceClient,
    record_service_client::RecordServiceClient,
};
use tempfile::TempDir;

use crate::{
    Outcome,
    grpc::{Door, door_of},
};

const COLLECTION: &str = "collections/notes";
/// Beyond what anything here takes.
const BOUND: Duration = Duration::from_mins(1);

/// A `skep serve` with a collection `notes`.
async fn noted() -> anyhow::Result<Process> {
    let process = Program::skep()?.start().await?;
    process.http("rest")?.administrator().await?.define("notes").await?.expect(201);
    Ok(process)
}

fn tool(process: &Process, args: &[&str]) -> anyhow::Result<Program> {
    let tool = Program::tool("skep")?.env("SKEP_ADDR", process.door("grpc")?.to_string());
    Ok(args.iter().fold(tool, |tool, arg| tool.arg(*arg)))
}

async fn run(process: &Process, args: &[&str]) -> anyhow::Result<Output> {
    tool(process, args)?.run().await
}

fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Records as they were elsewhere, from so many seconds after 1970 on, one a second.
fn records(seconds: std::ops::Range<i64>) -> Vec<Record> {
    let record = |second: i64| Record {
        name: format!("{COLLECTION}/records/r{second:07}"),
        data: json!({"n": second, "text": "a".repeat(100)}).to_string().into(),
        owner: ["", "ann"][usize::from(second % 3 == 0)].into(),
        create_time: Some(Timestamp { seconds: second, nanos: 0 }),
        update_time: Some(Timestamp { seconds: second + second % 2, nanos: 0 }),
        version: 1 + second % 2,
        etag: format!("\"{:032x}\"", second + 1),
    };
    seconds.map(record).collect()
}

async fn bring(process: &Process, records: Vec<Record>) -> Outcome {
    let mut door = OperatorServiceClient::new(door_of(process, None).await?);
    for records in records.chunks(1000) {
        door.import_records(ImportRecordsRequest {
            parent: COLLECTION.into(),
            records: records.to_vec(),
            latest: false,
        })
        .await?;
    }
    Ok(())
}

async fn every(process: &Process) -> anyhow::Result<Vec<Record>> {
    let mut door: RecordServiceClient<Door> = RecordServiceClient::new(door_of(process, None).await?);
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let asked = ListRecordsRequest { parent: COLLECTION.into(), page_size: 1000, page_token, ..Default::default() };
        let page = door.list_records(asked).await?.into_inner();
        all.extend(page.records);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

fn file(folder: &TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    (path.clone(), path.display().to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_the_same_elsewhere() -> Outcome {
    let (from, to, folder) = (noted().await?, Program::skep()?.start().await?, TempDir::new()?);
    bring(&from, records(0..2500)).await?;
    let rest = from.http("rest")?.administrator().await?;
    let pretty = "{\n  \"data\": {\n    \"text\": \"line\\nfeed\"\n  }\n}";
    rest.post("/v1/collections/notes/records").typed("application/json", pretty).await?.expect(201);
    rest.post("/v1/accounts").json(json!({"name": "Ann", "password": "the-password-of-ann"})).await?.expect(201);
    let definition = json!({"schema": {"type": "object"}, "indexes": ["n"], "rules": {"get": "true"}});
    rest.put("/v1/collections/other").json(definition).await?.expect(201);

    let (packed, name) = file(&folder, "all.ndjson.zst");
    let (code, said) = told(&run(&from, &["export", "--output", &name]).await?);
    assert_eq!((code, said.contains("2 collections, 2 accounts and 2501 records")), (Some(0), true), "{said}");
    // Without compression, by standard output.
    let plain = run(&from, &["export", "--output", "-"]).await?.stdout;
    ensure!(fs::metadata(&packed)?.len() * 4 < plain.len() as u64, "it is compressed");
    assert_eq!(String::from_utf8(plain)?.lines().count(), 2501 + 2 + 2 + 2);

    let (code, said) = told(&run(&to, &["import", &name]).await?);
    assert_eq!(code, Some(0), "{said}");
    for part in
        ["collections: 2 made", "accounts: 1 made, 0 replaced, 0 there already, 1 skipped", "records: 2501 made"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(said.contains("the account admin") && said.contains("is skipped: an account has this name"), "{said}");
    assert_eq!(every(&to).await?, every(&from).await?);
    let there = to.http("rest")?.administrator().await?;
    for path in ["/v1/collections/notes", "/v1/collections/other"] {
        assert_eq!(there.get(path).await?.json(), rest.get(path).await?.json());
    }
    to.http("rest")?.sign_in("Ann", "the-password-of-ann").await?;

    let (code, said) = told(&run(&to, &["import", &name]).await?);
    assert!(said.contains("records: 0 made, 0 replaced, 2501 there already, 0 skipped"), "{said}");
    assert_eq!(code, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_asked_for_is_exported() -> Outcome {
    let from = noted().await?;
    from.http("rest")?.administrator().await?.define("other").await?.expect(201);
    let only = run(&from, &["export", "--collection", "other", "--output", "-"]).await?;
    let text = String::from_utf8(only.stdout)?;
    assert!(!text.contains("notes") && !text.contains("account\""), "{text}");
    let (code, said) = told(&run(&from, &["export", "--collection", "nowhere", "--output", "-"]).await?);
    assert_eq!((code, &*said), (Some(1), "skep: there is no collection nowhere\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_as_it_was_is_refused_whole() -> Outcome {
    let (from, to, folder) = (noted().await?, Program::skep()?.start().await?, TempDir::new()?);
    bring(&from, records(0..300)).await?;
    for name in ["a.ndjson", "a.ndjson.zst"] {
        let (path, name) = file(&folder, name);
        assert_eq!(run(&from, &["export", "--output", &name]).await?.status.code(), Some(0));
        let whole = fs::read(&path)?;
        let mut damaged = whole.clone();
        let middle = whole.len() / 2;
        damaged[middle] ^= 1;
        let cases: [(&str, Vec<u8>); 6] = [
            ("cut off in a line", whole[..middle].to_vec()),
            ("cut off after a line", whole[..whole.len() - whole.len() / 10].to_vec()),
            ("one bit is another", damaged),
            ("it goes on", [&whole[..], &whole].concat()),
            ("empty", Vec::new()),
            ("foreign", b"id,name\n1,Ann\n".to_vec()),
        ];
        for (what, bytes) in cases {
            fs::write(&path, bytes)?;
            let (code, said) = told(&run(&to, &["import", &name]).await?);
            assert_eq!(code, Some(65), "{what}: {said}");
            assert!(said.contains("cannot be trusted"), "{what}: {said}");
        }
        assert!(to.http("rest")?.administrator().await?.get("/v1/collections/notes").await?.status == 404, "{name}");
        fs::write(&path, &whole)?;
    }
    // What is whole of a file without its end can be had.
    let (path, name) = file(&folder, "a.ndjson");
    let text = fs::read_to_string(&path)?;
    let cut: String = text.split_inclusive('\n').take(1 + 1 + 1 + 100).collect();
    fs::write(&path, cut + "{\"record\":{\"coll")?;
    let (code, said) = told(&run(&to, &["import", "--partial", &name]).await?);
    assert_eq!((code, said.contains("records: 100 made")), (Some(0), true), "{said}");
    assert_eq!(every(&to).await?.len(), 100);
    let nowhere = run(&to, &["import", "/nowhere/at.all"]).await?;
    assert_eq!(nowhere.status.code(), Some(1));
    Ok(())
}

/// Below a shell that lets no file grow beyond so many KiB.
async fn bounded(process: &Process, kib: u32, output: &str) -> anyhow::Result<Output> {
    let shell = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    tool(process, &["export", "--output", output])?.below(&["bash", "-c", &shell, "--"]).run().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_goes_on_where_it_was() -> Outcome {
    let (from, to, folder) = (noted().await?, Program::skep()?.start().await?, TempDir::new()?);
    bring(&from, records(0..60_000)).await?;
    for (name, kib) in [("a.ndjson", 9000), ("a.ndjson.zst", 300)] {
        let (path, name) = file(&folder, name);
        let partial = PathBuf::from(format!("{name}.partial"));
        // The disk is full.
        let (code, said) = told(&bounded(&from, kib, &name).await?);
        assert_eq!((code, said.contains("see that there is room")), (Some(1), true), "{said}");
        assert!(!path.exists() && fs::metadata(&partial)?.len() > 100_000);
        let (code, said) = told(&run(&from, &["export", "--output", &name]).await?);
        assert_eq!((code, said.contains("goes on after")), (Some(0), true), "{said}");
        assert!(said.contains("60000 records") && !partial.exists(), "{said}");
        assert_eq!(run(&from, &["export", "--output", &name]).await?.status.code(), Some(1), "it is there");
    }
    let (_, name) = file(&folder, "a.ndjson.zst");
    assert_eq!(run(&to, &["import", &name]).await?.status.code(), Some(0));
    assert_eq!(every(&to).await?, every(&from).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_is_begun_again() -> Outcome {
    let (from, to, folder) = (noted().await?, noted().await?, TempDir::new()?);
    bring(&from, records(0..20_000)).await?;
    let (path, name) = file(&folder, "a.ndjson");
    assert_eq!(run(&from, &["export", "--output", &name]).await?.status.code(), Some(0));
    let mut importing = tool(&to, &["import", &name])?.open().await?;
    let some = async || (!every(&to).await.ok()?.is_empty()).then_some(());
    eventually("some records are there", BOUND, some).await?;
    importing.kill().await?;
    let there = every(&to).await?.len();
    assert!(there < 20_000, "all are there already");
    assert_again(&to, &path, there).await?;
    assert_eq!(every(&to).await?, every(&from).await?);
    Ok(())
}

async fn assert_again(to: &Process, path: &Path, there: usize) -> Outcome {
    let (code, said) = told(&run(to, &["import", &path.display().to_string()]).await?);
    // Some may have been on the way.
    let kept = said
        .split("records: ")
        .nth(1)
        .and_then(|said| said.split(" replaced, ").nth(1)?.split(' ').next()?.parse().ok());
    assert_eq!((code, kept.is_some_and(|kept: usize| kept >= there)), (Some(0), true), "{there}: {said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_is_waited_for() -> Outcome {
    let (from, mut to, folder) = (noted().await?, noted().await?, TempDir::new()?);
    bring(&from, records(0..20_000)).await?;
    let (_, name) = file(&folder, "a.ndjson");
    assert_eq!(run(&from, &["export", "--output", &name]).await?.status.code(), Some(0));
    let mut importing = tool(&to, &["import", &name])?.open().await?;
    let some = async || (!every(&to).await.ok()?.is_empty()).then_some(());
    eventually("some records are there", BOUND, some).await?;
    to.kill().await?;
    ensure!(importing.is_alive(), "it had nothing left to do");
    to.restart().await?;
    let ended = tokio::time::timeout(BOUND, importing.ended()).await??;
    assert!(ended.success(), "{}", importing.stderr());
    assert_eq!(every(&to).await?, every(&from).await?);

    // So it is with an export, from one that hangs first.
    let (_, name) = file(&folder, "b.ndjson");
    to.pause()?;
    let mut exporting = tool(&to, &["export", "--output", &name])?.open().await?;
    to.restart().await?;
    let ended = tokio::time::timeout(BOUND, exporting.ended()).await??;
    assert!(ended.success() && exporting.stderr().contains("20000 records"), "{}", exporting.stderr());

    let nobody = Program::tool("skep")?.env("SKEP_ADDR", "127.0.0.1:1").arg("get").arg("notes").arg("a");
    let (code, said) = told(&nobody.run().await?);
    assert_eq!((code, said.contains("SKEP_ADDR")), (Some(69), true), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_written_by_one_and_read_by_nobody_else() -> Outcome {
    let (from, folder) = (noted().await?, TempDir::new()?);
    let (path, name) = file(&folder, "a.ndjson");
    let partial = PathBuf::from(format!("{name}.partial"));
    let other = fs::File::create(&partial)?;
    other.lock()?;
    let (code, said) = told(&run(&from, &["export", "--output", &name]).await?);
    assert_eq!((code, said.contains("being written by another export")), (Some(1), true), "{said}");
    drop(other);
    // Whatever is there is not written over.
    fs::write(&partial, "a poem")?;
    let (code, said) = told(&run(&from, &["export", "--output", &name]).await?);
    assert_eq!((code, said.contains("in the way")), (Some(1), true), "{said}");
    assert_eq!(fs::read_to_string(&partial)?, "a poem");
    fs::write(&partial, "{\"begun\":{\"sk")?;
    assert_eq!(run(&from, &["export", "--output", &name]).await?.status.code(), Some(0));
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_add_up() -> Outcome {
    let (from, to, folder) = (noted().await?, Program::skep()?.start().await?, TempDir::new()?);
    let (path, name) = file(&folder, "backups");
    bring(&from, records(0..500)).await?;
    assert_eq!(told(&run(&from, &["verify", &name]).await?).0, Some(1), "there is none");
    let (code, said) = told(&run(&from, &["backup", &name]).await?);
    assert_eq!((code, said.contains("500 records are in")), (Some(0), true), "{said}");

    let rest = from.http("rest")?.administrator().await?;
    let note = |id: &str| format!("/v1/collections/notes/records/{id}");
    // Its life begins anew, and counts from there; that of the other goes on.
    rest.delete(note("r0000001")).await?.expect(204);
    rest.put(note("r0000001")).json(json!({"data": {"n": "again"}})).await?.expect(201);
    rest.put(note("r0000003")).json(json!({"data": {"n": "changed"}})).await?.expect(200);
    rest.post("/v1/collections/notes/records").json(json!({"data": {"n": "new"}})).await?.expect(201);
    let rules = json!({"indexes": ["n"], "rules": {"list": "auth != null"}});
    rest.put("/v1/collections/notes").json(rules).await?.expect(200);
    let (code, said) = told(&run(&from, &["backup", &name]).await?);
    assert_eq!((code, said.contains(" 3 records are in")), (Some(0), true), "{said}");
    let (code, said) = told(&run(&from, &["verify", &name]).await?);
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{said}");

    let (code, said) = told(&run(&to, &["restore", &name]).await?);
    assert_eq!((code, said.contains("records: 1 made, 2 replaced, 0 there already")), (Some(0), true), "{said}");
    assert_eq!(every(&to).await?, every(&from).await?);
    let there = to.http("rest")?.administrator().await?;
    let (defined, wanted) = (there.get("/v1/collections/notes").await?, rest.get("/v1/collections/notes").await?);
    assert_eq!(
        (&defined.json()["rules"], &defined.json()["indexes"]),
        (&wanted.json()["rules"], &wanted.json()["indexes"])
    );
    // What is deleted by mistake comes back as it was last.
    there.delete(note("r0000003")).await?.expect(204);
    assert_eq!(run(&to, &["restore", &name]).await?.status.code(), Some(0));
    let back = there.get(note("r0000003")).await?.expect(200).json();
    assert_eq!(back["data"], json!({"n": "changed"}));

    // What was deleted comes back until there is a full one, before which all may go.
    rest.delete(note("r0000002")).await?.expect(204);
    run(&from, &["backup", "--full", &name]).await?;
    fs::remove_file(path.join("backup-0001.ndjson.zst"))?;
    fs::remove_file(path.join("backup-0002.ndjson.zst"))?;
    let (code, said) = told(&run(&Program::skep()?.start().await?, &["restore", &name]).await?);
    assert_eq!((code, said.contains("records: 500 made")), (Some(0), true), "{said}");
    assert_eq!(run(&from, &["backup", &name]).await?.status.code(), Some(0));
    assert_eq!(run(&from, &["backup", &name]).await?.status.code(), Some(0));

    let fourth = path.join("backup-0004.ndjson.zst");
    let mut bytes = fs::read(&fourth)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&fourth, bytes)?;
    let (code, said) = told(&run(&from, &["verify", &name]).await?);
    assert_eq!((code, said.contains("backup-0004.ndjson.zst cannot be trusted")), (Some(65), true), "{said}");
    fs::remove_file(&fourth)?;
    let (code, said) = told(&run(&from, &["restore", &name]).await?);
    assert_eq!((code, said.contains("a backup is missing")), (Some(1), true), "{said}");
    Ok(())
}
