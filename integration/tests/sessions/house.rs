use std::time::Duration;

use integration::{House, Process, Program, Redis, Rest, eventually};
use serde_json::json;

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ME: &str = "/v1/accounts/me";
/// Longer than anything takes here that is not a question of time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Two gates that share a storage and a Redis.
pub(crate) struct Pair {
    pub(crate) storage: Process,
    /// The first is the one to hurt.
    pub(crate) redis: Vec<Redis>,
    pub(crate) gates: [Process; 2],
}

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) id: String,
    /// The account's entries in Redis.
    pub(crate) entries: String,
}

impl Pair {
    /// Gates that are told `settings` beside where everything is.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let redis = Redis::start().await?;
        let url = redis.url(false);
        Self::beside(vec![redis], &url, settings).await
    }

    /// Beside these servers, which gates find by `url`.
    pub(crate) async fn beside(redis: Vec<Redis>, url: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let storage = Program::storage(House::token())?.start().await?;
        let gate = async || {
            let gate = Program::gate(&storage, House::token())?.env("REDIS_URL", url);
            settings.iter().fold(gate, |gate, (name, value)| gate.env(name, *value)).start().await
        };
        let gates = [gate().await?, gate().await?];
        Ok(Self { storage, redis, gates })
    }

    /// A client of each gate.
    pub(crate) fn rests(&self) -> anyhow::Result<[Rest; 2]> {
        Ok([self.gates[0].http("rest")?, self.gates[1].http("rest")?])
    }

    /// Clients of each gate, signed in at the first.
    pub(crate) async fn sign_in(&self, name: &str) -> anyhow::Result<[Rest; 2]> {
        let [first, second] = self.rests()?;
        let first = first.sign_in(name, PASSWORD).await?;
        let second = second.bearing(first.token());
        Ok([first, second])
    }

    /// Makes an account.
    pub(crate) async fn person(&self, name: &str) -> anyhow::Result<Person> {
        person(&self.rests()?[0], name).await
    }

    /// [`until_shared`] by these servers.
    pub(crate) async fn until_shared(&self, person: &Person, rest: &Rest) -> anyhow::Result<()> {
        until_shared(&self.redis, person, rest).await
    }
}

/// Waits until what `rest` asks, which bears a token of that person, is remembered in Redis, on whichever server.
pub(crate) async fn until_shared(redis: &[Redis], person: &Person, rest: &Rest) -> anyhow::Result<()> {
    let ask = async |command: &str| {
        let answers = redis.iter().map(|server| server.ask(command));
        futures_util::future::join_all(answers).await.into_iter().filter_map(Result::ok).collect::<Vec<_>>()
    };
    eventually("the gate shares what it knows", PATIENCE, async || {
        ask(&format!("DEL {}", person.entries)).await;
        rest.get(ME).await.ok()?.expect(200);
        ask(&format!("EXISTS {}", person.entries)).await.iter().any(|answer| answer == ":1").then_some(())
    })
    .await
}

/// Makes an account.
pub(crate) async fn person(rest: &Rest, name: &str) -> anyhow::Result<Person> {
    let made = rest.post("/v1/accounts").json(json!({"name": name, "password": PASSWORD})).await?.expect(201);
    let id = made.json()["id"].as_str().unwrap_or_default().to_owned();
    Ok(Person { entries: format!("skep:{{{id}}}:sessions"), id })
}
