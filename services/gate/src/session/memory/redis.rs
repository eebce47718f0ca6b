//! The memory that gates share. One script is one round trip, and atomic.

use std::time::Duration;

use async_trait::async_trait;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, HashesInterface, KeysInterface},
    types::{
        Builder, ClusterHash, CustomCommand, Key as RedisKey, Value,
        config::{Options, ReconnectPolicy, UnresponsiveConfig},
        scripts::Script,
    },
};
use uuid::Uuid;

use super::{Entry, Key, Local, Look, Memory, Moment, circuit::Circuit};
use crate::{
    limit::{Count, Rate, Subject},
    policy::RedisConfig,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long Redis is left alone after it failed.
const REST: Duration = Duration::from_secs(1);
/// Between attempts to connect, in milliseconds.
const RECONNECT: u32 = 200;
/// What a connection may take to begin, and a silent one to be given up.
const CONNECT: Duration = Duration::from_secs(1);

const LOOK: &str = concat!(include_str!("count.lua"), include_str!("look.lua"));
const KEEP: &str = concat!(include_str!("count.lua"), include_str!("keep.lua"));
const LIMIT: &str = concat!(include_str!("count.lua"), include_str!("limit.lua"));

/// The memory in Redis, and one in this process for while that is away.
pub(crate) struct Redis {
    client: Client,
    options: Options,
    circuit: Circuit,
    look: Script,
    keep: Script,
    limit: Script,
    away: Local,
}

/// What every script answers: the time, an entry, and what [`Count`] tells; -1 if nothing was counted.
type Answer = (i64, Option<String>, i64, i64, i64);

impl Redis {
    /// Connects, in the background if that takes longer, and again whenever the connection breaks.
    pub(crate) async fn connect(config: &RedisConfig) -> anyhow::Result<Self> {
        let client = Builder::from_config(config.0.clone())
            .with_connection_config(|connection| {
                connection.connection_timeout = CONNECT;
                connection.internal_command_timeout = CONNECT;
                connection.max_command_attempts = 1;
                connection.reconnect_on_auth_error = true;
                connection.unresponsive = UnresponsiveConfig { max_timeout: Some(CONNECT), interval: CONNECT / 4 };
                connection.tcp.nodelay = Some(true);
            })
            .set_policy(ReconnectPolicy::new_constant(0, RECONNECT))
            .build()?;
        drop(client.connect());
        // A gate that starts beside its Redis shares from its first request on.
        let _ = tokio::time::timeout(CONNECT, client.wait_for_connect()).await;
        let options = Options { timeout: Some(PATIENCE), fail_fast: true, max_attempts: Some(1), ..Options::default() };
        let [look, keep, limit] = [LOOK, KEEP, LIMIT].map(Script::from_lua);
        Ok(Self { client, options, circuit: Circuit::new(REST), look, keep, limit, away: Local::new() })
    }

    /// What Redis answers; `None` if it does not.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, Error>>) -> Option<T> {
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(answer)) => {
                self.circuit.succeeded();
                Some(answer)
            }
            Ok(Err(error)) => {
                self.circuit.failed(&error);
                None
            }
            Err(late) => {
                self.circuit.failed(&late);
                None
            }
        }
    }

    async fn run(&self, script: &Script, keys: &[String], args: impl IntoIterator<Item = Value>) -> Option<Answer> {
        if !self.circuit.admits() {
            return None;
        }
        let number = i64::try_from(keys.len()).unwrap_or_default().into();
        let mut args: Vec<Value> = [script.sha1().clone().into(), number]
            .into_iter()
            .chain(keys.iter().map(|key| key.as_str().into()))
            .chain(args)
            .collect();
        self.ask(async {
            let client = self.client.with_options(&self.options);
            // In a cluster the first key tells the node; its place among the arguments would not be heeded.
            let slot = ClusterHash::Custom(RedisKey::from(&*keys[0]).cluster_hash());
            let command = |name| CustomCommand::new_static(name, slot.clone(), false);
            match client.custom(command("EVALSHA"), args.clone()).await {
                // A Redis that was started anew knows no script.
                Err(error) if error.details().starts_with("NOSCRIPT") => {
                    args[0] = script.lua().cloned().unwrap_or_default().into();
                    client.custom(command("EVAL"), args).await
                }
                answer => answer,
            }
        })
        .await
    }
}

fn count(rate: Option<Rate>, (_, _, remaining, reset, wait): &Answer) -> Option<Count> {
    let counted = rate.filter(|_| *remaining >= 0);
    counted.map(|rate| Count { rate, remaining: *remaining, reset: *reset, wait: *wait })
}

fn entries(account: Uuid) -> String {
    format!("skep:{{{account}}}:sessions")
}

fn keys(key: Key) -> [String; 2] {
    [entries(key.account), Subject::Account(key.account).to_string()]
}

/// A period and a cost as the scripts take them.
fn rate_args(rate: Option<Rate>) -> [Value; 2] {
    rate.map_or([0, 1], |rate| [rate.period(), rate.cost()]).map(Value::from)
}

/// What [`Memory::keep`] wrote: when it was confirmed, and the entry.
fn read(account: Uuid, kept: &str, now: i64) -> Option<(Entry, Duration)> {
    let (confirmed, json) = kept.split_once(' ')?;
    // What a clock that was set back holds for the future is not believed.
    let age = u64::try_from(now - confirmed.parse::<i64>().ok()?).ok()?;
    Some((Entry::from_json(account, json)?, Duration::from_micros(age)))
}

#[async_trait]
impl Memory for Redis {
    async fn look(&self, key: Key, rate: Option<Rate>) -> Look {
        let [period, cost] = rate_args(rate);
        let args = [key.session.to_string().into(), period, cost];
        let Some(answer) = self.run(&self.look, &keys(key), args).await else {
            return self.away.look(key, rate).await;
        };
        let entry = answer.1.as_deref().and_then(|kept| read(key.account, kept, answer.0));
        Look { entry, now: Moment::Redis(answer.0), count: count(rate, &answer) }
    }

    async fn keep(&self, key: Key, entry: &Entry, confirmed: Moment, rate: Option<Rate>) -> Option<Count> {
        let Moment::Redis(time) = confirmed else { return self.away.keep(key, entry, confirmed, rate).await };
        let [period, cost] = rate_args(rate);
        let args = [key.session.to_string().into(), period, cost, time.into(), entry.to_json().into()];
        match self.run(&self.keep, &keys(key), args).await {
            Some(answer) => count(rate, &answer),
            None => self.away.keep(key, entry, confirmed, rate).await,
        }
    }

    async fn count(&self, subject: &Subject, rate: Rate) -> Count {
        let answer = self.run(&self.limit, &[subject.to_string()], rate_args(Some(rate))).await;
        match answer.and_then(|answer| count(Some(rate), &answer)) {
            Some(count) => count,
            None => self.away.count(subject, rate).await,
        }
    }

    async fn forget(&self, account: Uuid, session: Option<Uuid>) {
        // What it would be asked for while Redis is away.
        self.away.forget(account, session).await;
        // Also while it is left alone: it may be back, and is asked this seldom.
        self.ask(async {
            let client = self.client.with_options(&self.options);
            match session {
                Some(session) => client.hdel::<(), _, _>(entries(account), session.to_string()).await,
                None => client.del::<(), _>(entries(account)).await,
            }
        })
        .await;
    }
}
