//! How long it takes to be refused tells nobody whether a name exists.

use std::{
    io::{Write, stderr},
    time::{Duration, Instant},
};

use integration::Rest;
use serde_json::{Value, json};

use crate::{
    Outcome,
    house::{PASSWORD, Pair},
};

const ROUNDS: usize = 150;
/// Of two medians. A sign-in that skips the hash, or hashes twice, is off by ten, or by two.
const ALIKE: f64 = 1.25;

/// How long it took, and what was answered but for the request's id.
async fn refused(rest: &Rest, name: &str, password: &str) -> anyhow::Result<(Duration, Value)> {
    let begun = Instant::now();
    let answer = rest.post("/v1/sessions").json(json!({"name": name, "password": password})).await?;
    let taken = begun.elapsed();
    let mut told = answer.problem(401, "invalid_credentials").json();
    told["request_id"].take();
    Ok((taken, told))
}

#[tokio::test]
async fn an_unknown_name_a_wrong_password_and_a_disabled_account_are_refused_alike() -> Outcome {
    let pair = Pair::start(&[]).await?;
    let [rest, _] = pair.rests()?;
    pair.person("ann").await?;
    let ben = pair.person("ben").await?;
    let disabled = rest.administrator().await?.patch(format!("/v1/accounts/{}", ben.id));
    disabled.json(json!({"disabled": true})).await?.expect(200);
    let ways = [
        ("wrong password", "ann", "wrong horse"),
        ("unknown name", "zoe", "wrong horse"),
        ("disabled account", "ben", PASSWORD),
    ];
    let mut taken = ways.map(|_| Vec::new());
    let (_, expected) = refused(&rest, "ann", "wrong horse").await?;
    // In turn, and each way first as often as another: the machine's speed drifts.
    for round in 0..ROUNDS {
        for turn in 0..ways.len() {
            let at = (round + turn) % ways.len();
            let (_, name, password) = ways[at];
            let (time, told) = refused(&rest, name, password).await?;
            assert_eq!(told, expected, "{name}");
            taken[at].push(time.as_secs_f64() * 1e3);
        }
    }
    writeln!(
        stderr(),
        "| ms | {} |\n|---|{}",
        (1..10).map(|n| format!("{n}0 %")).collect::<Vec<_>>().join(" | "),
        "---|".repeat(9)
    )?;
    let medians = ways.iter().zip(&mut taken).map(|((way, ..), taken)| {
        taken.sort_by(f64::total_cmp);
        let deciles: Vec<_> = (1..10).map(|n| format!("{:.1}", taken[n * ROUNDS / 10])).collect();
        writeln!(stderr(), "| {way} | {} |", deciles.join(" | "))?;
        Ok(taken[ROUNDS / 2])
    });
    let medians = medians.collect::<anyhow::Result<Vec<f64>>>()?;
    for median in &medians {
        let ratio = median / medians[0];
        assert!((1.0 / ALIKE..ALIKE).contains(&ratio), "{medians:?} ms");
    }
    Ok(())
}
