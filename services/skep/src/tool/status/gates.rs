//! How a gate is.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::Context;
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::{Found, WITHIN, report::Gate};

/// What `/readyz` says.
#[derive(Deserialize)]
struct Readiness {
    status: String,
    checks: BTreeMap<String, String>,
}

pub(super) async fn ask(found: Found) -> Gate {
    let (address, name) = (found.shown(), found.host);
    let unknown = Gate { address, name, answers: false, ready: false, version: None, redis: None, fault: None };
    let told = match found.address {
        Ok(address) => spawn_blocking(move || told(address)).await.map_err(anyhow::Error::from).flatten(),
        Err(why) => return Gate { fault: Some(why), ..unknown },
    };
    let (readiness, metrics) = match told {
        Ok(told) => told,
        Err(error) => return Gate { fault: Some(format!("does not answer: {}", error.root_cause())), ..unknown },
    };
    Gate {
        answers: true,
        ready: readiness.status == "ready",
        version: version(&metrics).map(str::to_owned),
        redis: redis(&metrics),
        fault: fault(&readiness),
        ..unknown
    }
}

fn told(address: SocketAddr) -> anyhow::Result<(Readiness, String)> {
    // 503 if it is not ready, with the same body.
    let (_, readiness) = kit::get(&format!("http://{address}/readyz"), WITHIN)?;
    let readiness = serde_json::from_str(&readiness).context("it is no gate's metrics door")?;
    let (_, metrics) = kit::get(&format!("http://{address}/metrics"), WITHIN)?;
    Ok((readiness, metrics))
}

/// Why it is not ready.
fn fault(Readiness { status, checks }: &Readiness) -> Option<String> {
    let faults = checks.iter().filter(|(_, said)| *said != "ok").map(|(check, said)| format!("{check}: {said}"));
    let faults: Vec<_> = faults.collect();
    let told = if faults.is_empty() { status.clone() } else { faults.join("; ") };
    (status != "ready").then_some(told)
}

fn version(metrics: &str) -> Option<&str> {
    let labels = metrics.lines().find_map(|line| line.strip_prefix("skep_build_info{"))?;
    labels.split_once("version=\"")?.1.split_once('"').map(|(version, _)| version)
}

/// Whether Redis is there; `None` for a gate that uses none.
fn redis(metrics: &str) -> Option<&'static str> {
    let away = metrics.lines().find_map(|line| line.strip_prefix("skep_redis_away "))?;
    Some(if away.trim() == "0" { "there" } else { "away" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_tell_version_and_redis() {
        let metrics = "# TYPE skep_build_info gauge\nskep_build_info{program=\"gate\",version=\"0.1.0\"} 1\n";
        assert_eq!((version(metrics), redis(metrics)), (Some("0.1.0"), None));
        assert_eq!(redis("# HELP skep_redis_away x\nskep_redis_away 0\n"), Some("there"));
        assert_eq!((version("skep_redis_away 1"), redis("skep_redis_away 1")), (None, Some("away")));
    }

    #[test]
    fn what_is_not_well_is_told() {
        let checks = [("door", "ok"), ("storage", "no quorum")].map(|(name, said)| (name.into(), said.into())).into();
        let unready = Readiness { status: "unready".into(), checks };
        assert_eq!(fault(&unready).as_deref(), Some("storage: no quorum"));
        let stopping = Readiness { status: "stopping".into(), checks: BTreeMap::new() };
        assert_eq!(fault(&stopping).as_deref(), Some("stopping"));
        assert_eq!(fault(&Readiness { status: "ready".into(), ..stopping }), None);
    }
}
