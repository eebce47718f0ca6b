//! Notes of windows that are over.

use std::{sync::Arc, time::Duration};

use skep_proto::{Contract, mutation};

use crate::{
    dividing::{SECOND, another, defined},
    late::Two,
    load::door::{Door, Wanted, Write},
    opened::ALONE,
};

/// When no statement is left before which it could stop.
const UNSTOPPED: Duration = Duration::from_secs(10);

fn wanted(id: &str, n: u64) -> Wanted<'_> {
    Wanted { id, of: "", n, etag: "" }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_of_what_is_old_leave_no_notes() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (settings, replica, tables) = defined("touched").await;
    let replica: Arc<dyn Contract> = Arc::new(replica);
    replica.create("touched", wanted("bee", 0), Write::new(false)).await.unwrap();
    // As if it had been made an hour ago in a window of a second.
    tables.divide("touched", &[(i64::MIN, SECOND, 4)]).await?;
    tables.antedate("bee", mutation::now() - 3600 * SECOND).await?;
    let replica: Arc<dyn Contract> = Arc::new(another(&settings).await);
    for n in 1..100 {
        replica.replace("touched", wanted("bee", n), Write::new(false)).await.unwrap();
    }
    assert_eq!(replica.page("touched", "").await.unwrap().0[0].n, 99);
    assert_eq!(tables.count("windows").await?, 1, "who mended it noted its window");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_that_comes_late_is_not_cleared_before_its_record_is_there() -> anyhow::Result<()> {
    let _guard = ALONE.read().await;
    let (settings, replica, tables) = defined("noted").await;
    let (replica, mut stopped): (Arc<dyn Contract>, _) = (Arc::new(replica), 0);
    tables.divide("noted", &[(i64::MIN, SECOND, 4)]).await?;
    let two = Two::of(settings).await;
    // Whichever statements come before the entry.
    for statements in 0..8 {
        let id = format!("bee-{statements}");
        replica.create("noted", wanted(&id, 1), Write::new(false)).await.unwrap();
        tables.antedate(&id, mutation::now() - (3600 + i64::from(statements)) * SECOND).await?;
        let mend = async |slow: &Arc<dyn Contract>| slow.get("noted", &id).await;
        let lists = async {
            for _ in 0..2 {
                two.other.page("noted", "").await.unwrap();
            }
        };
        let asked = two.stop(statements, mend, lists);
        let Ok(got) = tokio::time::timeout(UNSTOPPED, asked).await else { break };
        assert_eq!(got.unwrap().n, 1);
        stopped += 1;
        let (listed, _) = two.other.page("noted", "").await.unwrap();
        assert!(listed.iter().any(|record| record.id == id), "{statements}: got, not listed: {listed:?}");
    }
    assert!(stopped > 2, "stopped {stopped} times");
    Ok(())
}
