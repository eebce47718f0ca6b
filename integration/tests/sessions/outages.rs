//! What is over stays over, and who is known stays known, whatever is away.

use std::{
    io::{Write, stderr},
    time::{Duration, Instant},
};

use integration::{Rest, eventually};

use crate::{
    Outcome,
    house::{ME, Pair, Person},
};

/// An entry is believed for so long.
const TRUSTED: Duration = Duration::from_secs(5);
/// And for so much longer if storage is away.
const GRACE: Duration = Duration::from_mins(1);
/// What a request on its way may add on a busy machine.
const SLACK: Duration = Duration::from_secs(1);
/// How long a gate waits for a storage to come up, before it says that there is none. Two gates are asked, the last time again.
const REFUSAL: Duration = Duration::from_secs(2);

/// Asserts that the session is refused from 5 s after its end on. Until then what Redis remembers may be believed.
async fn holds(rest: &Rest, ended: Instant) -> Outcome {
    let mut believed = Duration::ZERO;
    while ended.elapsed() < 2 * TRUSTED {
        let asked = ended.elapsed();
        let answer = rest.get(ME).await?;
        assert!(answer.status == 401 || (answer.status == 200 && asked < TRUSTED), "after {asked:?}: {answer:#?}");
        if answer.status == 200 {
            believed = asked;
        }
    }
    writeln!(stderr(), "last believed {:.2} s after the sign-out", believed.as_secs_f64())?;
    Ok(())
}

/// Two gates, and a session that both of them know from Redis.
async fn known() -> anyhow::Result<(Pair, Person, [Rest; 2])> {
    let pair = Pair::start(&[]).await?;
    let ann = pair.person("ann").await?;
    let rests = pair.sign_in("ann").await?;
    for rest in &rests {
        pair.until_shared(&ann, rest).await?;
    }
    Ok((pair, ann, rests))
}

#[tokio::test]
async fn an_entry_of_a_clock_that_was_ahead_is_never_believed() -> Outcome {
    let (pair, ann, [here, there]) = known().await?;
    let (redis, session) = (&pair.redis[0], here.get("/v1/sessions/current").await?.expect(200).json()["id"].clone());
    let session = session.as_str().unwrap_or_default();
    let kept = redis.ask(&format!("HGET {} {session}", ann.entries)).await?;
    here.delete("/v1/sessions/current").await?.expect(204);
    let (since, entry) = kept.split_once(' ').unwrap_or_default();
    let ahead = since.parse::<u64>()? + 3_600_000_000;
    redis.ask(&format!("HSET {} {session} '{ahead} {entry}'", ann.entries)).await?;
    there.get(ME).await?.problem(401, "unauthenticated");
    assert_eq!(redis.ask(&format!("EXISTS {}", ann.entries)).await?, ":0", "it would be believed in an hour");
    Ok(())
}

#[tokio::test]
async fn a_sign_out_without_redis_holds_after_it_returns_with_old_contents() -> Outcome {
    let (mut pair, ann, [here, there]) = known().await?;
    pair.redis[0].save().await?;
    pair.redis[0].kill().await?;
    here.delete("/v1/sessions/current").await?.expect(204);
    let ended = Instant::now();
    here.get(ME).await?.problem(401, "unauthenticated");
    pair.redis[0].restart().await?;
    assert_eq!(pair.redis[0].ask(&format!("EXISTS {}", ann.entries)).await?, ":1", "the old entry is back");
    holds(&there, ended).await
}

#[tokio::test]
async fn a_sign_out_while_redis_hangs_holds_after_it_goes_on() -> Outcome {
    let (pair, _, [here, there]) = known().await?;
    pair.redis[0].pause()?;
    let asked = Instant::now();
    here.delete("/v1/sessions/current").await?.expect(204);
    let (ended, took) = (Instant::now(), asked.elapsed());
    assert!(took < SLACK, "a Redis that hangs is not waited for: {took:?}");
    // Each of these, too, would be remembered by a Redis that goes on.
    there.get(ME).await?.problem(401, "unauthenticated");
    pair.redis[0].resume()?;
    holds(&there, ended).await
}

#[tokio::test]
async fn who_is_known_is_believed_a_minute_longer_while_storage_is_away() -> Outcome {
    let (mut pair, _, [here, there]) = known().await?;
    // What is refused to a person who is known needs no storage.
    let ask = async |rest: &Rest| rest.get("/v1/accounts").await.map(|answer| answer.status);
    assert_eq!(ask(&here).await?, 403);
    pair.storage.kill().await?;
    let killed = Instant::now();
    let bound = TRUSTED + GRACE + 4 * REFUSAL;
    let last = eventually("nobody is believed without end", bound, async || {
        let [here, there] = [ask(&here).await.ok()?, ask(&there).await.ok()?];
        let forgotten = here == 503 && there == 503;
        assert!(forgotten || killed.elapsed() > GRACE || [here, there] == [403, 403], "{here} {there}");
        forgotten.then(|| killed.elapsed())
    });
    let last = last.await?;
    assert!(last > GRACE, "{last:?}");
    pair.storage.restart().await?;
    let back = eventually("storage is asked again", Duration::from_secs(20), async || {
        (ask(&here).await.ok()? == 403).then_some(())
    });
    back.await
}
