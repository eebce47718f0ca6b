use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

const BETWEEN_QUESTIONS: Duration = Duration::from_millis(10);

/// Asks until `answer` gives something, for at most `bound`; the error then says `what` did not come.
pub async fn eventually<T>(
    what: &str,
    bound: Duration,
    mut answer: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let end = Instant::now() + bound;
    loop {
        if let Some(found) = answer().await {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("not within {bound:?}: {what}");
        }
        sleep(BETWEEN_QUESTIONS).await;
    }
}
