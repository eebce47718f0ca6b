//! Who is signed in at one gate is so at the other, and no longer than there.

use std::time::{Duration, Instant};

use integration::{Rest, eventually};

use crate::Outcome;

const ME: &str = "/v1/accounts/me";
const BOUND: Duration = Duration::from_mins(1);
/// A gate that remembers by itself believes what it knows for 5 s.
const ALONE: Duration = Duration::from_secs(4);

/// Signs in at `first`, is known at `second`, signs out at `first`, and is unknown at `second` at once: it knew of the
/// session a moment ago, and hears of its end through Redis alone.
pub(crate) async fn are_shared(first: &Rest, second: &Rest) -> Outcome {
    // A gate that has waited too long for its Redis does without it for a second.
    eventually("a sign-out is seen at once", BOUND, async || {
        let here = first.administrator().await.ok()?;
        let there = second.bearing(here.token());
        let known = Instant::now();
        let account = there.get(ME).await.ok()?.expect(200).json();
        assert_eq!(account["name"], "admin", "{account}");
        here.delete("/v1/sessions/current").await.ok()?.expect(204);
        let status = there.get(ME).await.ok()?.status;
        (status == 401 && known.elapsed() < ALONE).then_some(())
    })
    .await
}
