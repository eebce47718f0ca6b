//! What is acknowledged is on disk: whatever moment the process is killed at, nothing acknowledged is
//! lost and nothing is applied twice.

mod disk;
mod keys;
mod ledger;
mod writer;

use std::{
    io::{Write, stderr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use integration::{Program, eventually};

use self::{ledger::Audit, writer::Writer};
use crate::{
    Outcome,
    crud::{NOTES, all, define},
};

const ROUNDS: usize = 5;
const WRITERS: usize = 16;
const ENOUGH_BOUND: Duration = Duration::from_mins(2);

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() -> Outcome {
    let mut skep = Program::skep()?.start().await?;
    define(&skep.http("rest")?, "notes").await?;
    let mut writers: Vec<_> = (0..WRITERS).map(Writer::new).collect();
    let mut table = format!("{ROUNDS} rounds of kill -9 under {WRITERS} writing clients\n{}\n", Audit::HEADER);
    let mut faults = Vec::new();
    for round in 1..=ROUNDS {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let rest = skep.http("rest")?;
        let running = writers.drain(..).map(|writer| tokio::spawn(writer.run(rest.clone(), Arc::clone(&acknowledged))));
        let running: Vec<_> = running.collect();
        let enough = 300 + 170 * round;
        eventually("enough writes", ENOUGH_BOUND, async || (acknowledged.load(Relaxed) >= enough).then_some(()))
            .await?;
        skep.kill().await?;
        for writer in try_join_all(running).await? {
            writers.push(writer?);
        }
        let killed = Instant::now();
        skep.restart().await?;
        let ready = killed.elapsed();

        let rest = skep.http("rest")?;
        let mut audit = Audit::new(all(&rest, NOTES, 1000).await?);
        for writer in &mut writers {
            writer.settle(&rest, &mut audit).await?;
        }
        audit.finish(all(&rest, NOTES, 1000).await?);
        table += &audit.row(round, acknowledged.load(Relaxed), ready);
        faults.extend(audit.faults);
    }
    // Told whether or not it fails: the test runner would keep what print! writes to itself.
    writeln!(stderr(), "{table}")?;
    assert!(faults.is_empty(), "{faults:#?}");
    Ok(())
}
