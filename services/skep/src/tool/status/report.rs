//! What is shown.

use std::collections::BTreeMap;

use anyhow::{anyhow, ensure};
use kit::Failed;
use serde::Serialize;
use skep_proto::v1::{CassandraStore, EmbeddedStore, GetStatusResponse, get_status_response};

/// Everything that was found. The names of the fields are told in `docs/OPERATOR.md`, and stay.
#[derive(Serialize)]
pub(super) struct Report {
    ready: bool,
    pub(super) storages: Vec<Storage>,
    pub(super) nodes: Vec<Node>,
    pub(super) gates: Vec<Gate>,
}

#[derive(Serialize)]
pub(super) struct Storage {
    pub(super) address: String,
    name: String,
    answers: bool,
    ready: bool,
    pub(super) version: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) store: Option<Store>,
    pub(super) fault: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Store {
    Embedded {
        bytes: u64,
    },
    Cassandra {
        keyspace: String,
        /// By data centre and address, and whether the storage is connected to it.
        #[serde(skip)]
        nodes: BTreeMap<(String, String), bool>,
    },
}

/// A node of Cassandra as all storages see it together.
#[derive(Serialize)]
pub(super) struct Node {
    pub(super) address: String,
    pub(super) datacenter: String,
    pub(super) up: bool,
    /// Addresses of the storages that are not connected to it.
    pub(super) down_for: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Gate {
    pub(super) address: String,
    pub(super) name: String,
    pub(super) answers: bool,
    pub(super) ready: bool,
    pub(super) version: Option<String>,
    pub(super) redis: Option<&'static str>,
    pub(super) fault: Option<String>,
}

impl Storage {
    /// Of what it answered, or whether it did at all and why that says nothing.
    pub(super) fn new(address: String, name: String, answer: Result<GetStatusResponse, (bool, String)>) -> Self {
        let unknown = Self {
            address,
            name,
            answers: true,
            ready: false,
            version: None,
            instance: None,
            store: None,
            fault: None,
        };
        match answer {
            Err((answers, fault)) => Self { answers, fault: Some(fault), ..unknown },
            Ok(told) => Self {
                ready: told.fault.is_empty(),
                version: Some(told.version),
                instance: Some(told.instance),
                store: told.store.map(Store::from),
                fault: Some(told.fault).filter(|fault| !fault.is_empty()),
                ..unknown
            },
        }
    }
}

impl From<get_status_response::Store> for Store {
    fn from(store: get_status_response::Store) -> Self {
        match store {
            get_status_response::Store::Embedded(EmbeddedStore { bytes }) => {
                Self::Embedded { bytes: u64::try_from(bytes).unwrap_or_default() }
            }
            get_status_response::Store::Cassandra(CassandraStore { keyspace, nodes }) => {
                let nodes = nodes.into_iter().map(|node| ((node.datacenter, node.address), node.up)).collect();
                Self::Cassandra { keyspace, nodes }
            }
        }
    }
}

impl Report {
    pub(super) fn new(storages: Vec<Storage>, gates: Vec<Gate>) -> Self {
        let mut nodes: BTreeMap<&(String, String), Vec<String>> = BTreeMap::new();
        for storage in &storages {
            let Some(Store::Cassandra { nodes: seen, .. }) = &storage.store else { continue };
            for (node, up) in seen {
                let down_for = nodes.entry(node).or_default();
                down_for.extend((!up).then(|| storage.address.clone()));
            }
        }
        let nodes = nodes.into_iter().map(|((datacenter, address), down_for)| Node {
            address: address.clone(),
            datacenter: datacenter.clone(),
            up: down_for.is_empty(),
            down_for,
        });
        let nodes = nodes.collect();
        let ready = storages.iter().all(|storage| storage.ready) && gates.iter().all(|gate| gate.ready);
        Self { ready, storages, nodes, gates }
    }

    /// A failure unless all are ready.
    pub(super) fn outcome(&self) -> anyhow::Result<()> {
        let answers = self.storages.iter().any(|storage| storage.answers) || self.gates.iter().any(|gate| gate.answers);
        if !answers {
            let what = "nothing answers. See that storage runs, and that SKEP_ADDR names it";
            return Err(Failed::unavailable(anyhow!(what)).into());
        }
        ensure!(self.ready, "not everything is ready");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use skep_proto::v1::CassandraNode;

    use super::*;

    fn sees(address: &str, nodes: [bool; 2]) -> Storage {
        let node = |(at, up)| CassandraNode { address: format!("10.0.0.{at}:9042"), datacenter: "dc1".into(), up };
        let nodes = (1..).zip(nodes).map(node).collect();
        let store = CassandraStore { keyspace: "skep".into(), nodes };
        let store = Some(get_status_response::Store::Cassandra(store));
        let told = GetStatusResponse { version: "0.1.0".into(), instance: "i".into(), store, ..Default::default() };
        Storage::new(address.into(), "storage".into(), Ok(told))
    }

    #[test]
    fn a_node_is_shown_once_with_who_sees_it_down() {
        let report = Report::new(vec![sees("a:1", [true, false]), sees("b:1", [true, true])], Vec::new());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            json["nodes"],
            serde_json::json!([
                {"address": "10.0.0.1:9042", "datacenter": "dc1", "up": true, "down_for": []},
                {"address": "10.0.0.2:9042", "datacenter": "dc1", "up": false, "down_for": ["a:1"]},
            ])
        );
        assert_eq!(json["storages"][0]["store"], serde_json::json!({"kind": "cassandra", "keyspace": "skep"}));
        let table = report.table();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[1], "a:1      i         0.1.0    cassandra skep, 1 of 2 up  ready");
        assert_eq!(lines[6], "10.0.0.2:9042  dc1          down for a:1");
        assert!(report.outcome().is_ok(), "the storages are ready");
    }

    #[test]
    fn who_answers_and_is_not_ready_is_told_from_who_does_not_answer() {
        let silent = || Storage::new("a:1".into(), "a".into(), Err((false, "does not answer".into())));
        let strict = Storage::new("b:1".into(), "b".into(), Err((true, "does not let us in".into())));
        let unavailable = Report::new(vec![silent()], Vec::new()).outcome().unwrap_err();
        assert!(unavailable.is::<Failed>());
        let unready = Report::new(vec![silent(), strict], Vec::new()).outcome().unwrap_err();
        assert!(!unready.is::<Failed>());
    }
}
