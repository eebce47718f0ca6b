//! Limits of rate, counted over all gates.

use integration::{Answer, Program, Rest};
use serde_json::json;

use crate::{
    Outcome,
    house::{PASSWORD, Pair},
};

const ASKED: &str = "/v1/collections";

/// What is left after each of six requests, sent to the gates in turn; the last is refused.
async fn spend(rests: &[Rest]) -> anyhow::Result<Vec<String>> {
    let mut left = Vec::new();
    for at in 0..6 {
        let answer = rests[at % rests.len()].get(ASKED).await?;
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=5;w=3600", "{answer:?}");
        left.push(answer.header("ratelimit").to_owned());
        if at < 5 {
            answer.expect(200);
        } else {
            let refused = answer.problem(429, "rate_limited");
            assert_ne!(refused.header("retry-after"), "");
        }
    }
    Ok(left)
}

#[tokio::test]
async fn a_limit_is_one_over_all_gates_and_each_gates_own_without_redis() -> Outcome {
    let limited = [("RATE_LIMIT", "5/1h"), ("SIGN_IN_LIMIT", "1000/1m"), ("CLIENT_ADDRESS", "none")];
    let mut pair = Pair::start(&limited).await?;
    for name in ["ann", "ben", "cleo"] {
        pair.person(name).await?;
    }
    let connected = pair.person("dora").await?;
    let rests = pair.sign_in("dora").await?;
    // Not all of its five requests.
    for rest in &rests {
        pair.until_shared(&connected, rest).await?;
    }

    let shared = spend(&pair.sign_in("ann").await?).await?;
    pair.redis[0].kill().await?;
    let [first, second] = pair.sign_in("ben").await?;
    let alone = [spend(&[first]).await?, spend(&[second]).await?];
    // The seconds may differ by one; what is left may not.
    let left =
        |told: &[String]| told.iter().map(|told| told.split(";t=").next().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(left(&shared), left(&alone[0]), "a script and a gate reckon alike");
    assert_eq!(left(&shared), left(&alone[1]));
    pair.redis[0].restart().await?;
    Ok(())
}

#[tokio::test]
async fn who_guesses_passwords_is_counted_over_all_gates() -> Outcome {
    let pair = Pair::start(&[("RATE_LIMIT", "6000/1m"), ("SIGN_IN_LIMIT", "4/1h")]).await?;
    let ann = pair.person("ann").await?;
    let signed = pair.sign_in("ann").await?;
    for rest in &signed {
        pair.until_shared(&ann, rest).await?;
    }
    let rests = pair.rests()?;
    let guess = async |at: usize, name: &str, password: &str| -> anyhow::Result<Answer> {
        rests[at % 2].post("/v1/sessions").json(json!({"name": name, "password": password})).await
    };
    // The first of four may have been counted before the gates had found Redis.
    let mut refused = 0;
    for at in 0..6 {
        refused += u32::from(guess(at, "Ann", "wrong horse").await?.status == 429);
    }
    assert!((2..=3).contains(&refused), "{refused}");
    guess(0, "ann", PASSWORD).await?.problem(429, "rate_limited");
    guess(1, "ann", PASSWORD).await?.problem(429, "rate_limited");
    guess(1, "ben", PASSWORD).await?.problem(401, "invalid_credentials");
    Ok(())
}

#[tokio::test]
async fn one_process_has_its_limits_alone_and_on_by_default() -> Outcome {
    let skep = Program::skep()?.without("RATE_LIMIT").start().await?;
    let answer = skep.http("rest")?.get(ASKED).await?.expect(200);
    assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=6000;w=60");
    assert_eq!(answer.header("ratelimit"), "\"default\";r=5999;t=1");
    Ok(())
}
