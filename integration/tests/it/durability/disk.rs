//! A disk that fills, and is cleared.

use std::time::Duration;

use integration::{House, Program, eventually};
use serde_json::json;

use crate::{
    Outcome,
    crud::{NOTES, define, note},
};

/// In units of 512 bytes: 4 MiB.
const LARGEST_FILE: u32 = 8192;

/// No file of the process may grow beyond a size, which stands in for a full disk; then the bound is lifted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_needs_no_restart() -> Outcome {
    let program = Program::skep()?.below(&[
        "/bin/sh",
        "-c",
        &format!("trap '' XFSZ; ulimit -S -f {LARGEST_FILE}; exec \"$0\" \"$@\""),
    ]);
    let house = House { gate: program.start().await?, storage: None };
    let rest = house.rest()?;
    define(&rest, "notes").await?;
    let data = json!({"data": {"text": "x".repeat(100_000)}});
    let mut kept = Vec::new();
    let full = loop {
        let answer = rest.post(NOTES).json(data.clone()).await?;
        if answer.status != 201 {
            break answer;
        }
        kept.push(answer.json()["id"].as_str().unwrap_or_default().to_owned());
    };
    let full = full.problem(503, "unavailable");
    assert!(!full.header("retry-after").is_empty() && kept.len() > 5, "{} kept, {full:?}", kept.len());
    rest.get(note(&kept[0])).await?.expect(200);

    let id = house.gate.id()?;
    let lifted =
        std::process::Command::new("prlimit").args(["--pid", &id.to_string(), "--fsize=unlimited"]).status()?;
    anyhow::ensure!(lifted.success(), "prlimit (Debian: util-linux) {lifted}");
    let written = eventually("writes are taken again", Duration::from_secs(20), async || {
        let answer = rest.post(NOTES).json(data.clone()).await.ok()?;
        (answer.status == 201).then_some(answer)
    });
    kept.push(written.await?.json()["id"].as_str().unwrap_or_default().to_owned());
    for id in &kept {
        rest.get(note(id)).await?.expect(200);
    }
    Ok(())
}
