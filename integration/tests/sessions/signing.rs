//! In at one gate, known at the other; out at one, unknown at the other.

use integration::{House, Program, Redis, Rest};
use serde_json::json;

use crate::{
    Outcome,
    house::{ME, PASSWORD, Pair, person, until_shared},
};

#[tokio::test]
async fn who_signs_out_at_one_gate_is_unknown_at_the_other_at_once() -> Outcome {
    let pair = Pair::start(&[]).await?;
    let ann = pair.person("ann").await?;
    let admin = pair.rests()?[0].administrator().await?;

    // Each ends the sessions of ann at the first gate.
    let current = async |rest: &Rest| rest.delete("/v1/sessions/current").await.map(|answer| answer.expect(204));
    let everywhere = async |rest: &Rest| rest.delete("/v1/sessions").await.map(|answer| answer.expect(204));
    let disabled = async |to: bool| {
        let patch = admin.patch(format!("/v1/accounts/{}", ann.id)).json(json!({"disabled": to}));
        patch.await.map(|answer| answer.expect(200))
    };
    for way in ["current", "everywhere", "disabled"] {
        let [here, there] = pair.sign_in("ann").await?;
        for rest in [&here, &there] {
            pair.until_shared(&ann, rest).await?;
        }
        assert_eq!(there.get(ME).await?.expect(200).json()["id"], ann.id);
        match way {
            "current" => current(&here).await?,
            "everywhere" => everywhere(&here).await?,
            _ => disabled(true).await?,
        };
        there.get(ME).await?.problem(401, "unauthenticated");
        here.get(ME).await?.problem(401, "unauthenticated");
        if way == "disabled" {
            disabled(false).await?;
        }
    }

    let [kept, _] = pair.sign_in("ann").await?;
    let [_, there] = pair.sign_in("ann").await?;
    pair.until_shared(&ann, &there).await?;
    let change = json!({"current_password": PASSWORD, "new_password": "battery staple"});
    kept.put(format!("{ME}/password")).json(change).await?.expect(204);
    there.get(ME).await?.problem(401, "unauthenticated");
    pair.rests()?[1].bearing(kept.token()).get(ME).await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn redis_is_spoken_to_by_tls() -> Outcome {
    let redis = Redis::start().await?;
    let storage = Program::storage(House::token())?.start().await?;
    let authority = redis.authority().display().to_string();
    // Of the system's authorities, and by a setting of its own, which turns TLS on where the address does not.
    let system = [("REDIS_URL", redis.url(true)), ("SSL_CERT_FILE", authority.clone())];
    let named = [("REDIS_URL", redis.url(true).replace("rediss:", "redis:")), ("REDIS_TLS_CA", authority)];
    for (name, variables) in [("ann", system), ("bea", named)] {
        let gate = Program::gate(&storage, House::token())?;
        let gate = variables.into_iter().fold(gate, |gate, (name, value)| gate.env(name, value)).start().await?;
        let rest = gate.http("rest")?;
        let person = person(&rest, name).await?;
        until_shared(std::slice::from_ref(&redis), &person, &rest.sign_in(name, PASSWORD).await?).await?;
    }
    Ok(())
}
