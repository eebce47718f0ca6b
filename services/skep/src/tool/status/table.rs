//! The report as people read it.

use kit::config::ByteSize;

use super::report::{Report, Store};

impl Report {
    /// For people.
    pub(super) fn table(&self) -> String {
        let mut told = table(
            ["STORAGE", "INSTANCE", "VERSION", "STORE", "STATE"],
            self.storages.iter().map(|storage| {
                let store = storage.store.as_ref().map(Store::shown);
                [
                    storage.address.clone(),
                    or_dash(storage.instance.clone()),
                    or_dash(storage.version.clone()),
                    or_dash(store),
                    state(storage.fault.as_ref()),
                ]
            }),
        );
        if !self.nodes.is_empty() {
            told += "\n";
            told += &table(
                ["CASSANDRA", "DATA CENTRE", "STATE"],
                self.nodes.iter().map(|node| {
                    let state =
                        if node.up { "up".to_owned() } else { format!("down for {}", node.down_for.join(", ")) };
                    [node.address.clone(), node.datacenter.clone(), state]
                }),
            );
        }
        if !self.gates.is_empty() {
            told += "\n";
            told += &table(
                ["GATE", "VERSION", "REDIS", "STATE"],
                self.gates.iter().map(|gate| {
                    let redis = gate.redis.unwrap_or(if gate.answers { "none" } else { "-" });
                    [gate.address.clone(), or_dash(gate.version.clone()), redis.to_owned(), state(gate.fault.as_ref())]
                }),
            );
        }
        told
    }
}

impl Store {
    fn shown(&self) -> String {
        match self {
            Self::Embedded { bytes } => format!("file, {}", ByteSize(*bytes)),
            Self::Cassandra { keyspace, nodes } => {
                let up = nodes.values().filter(|up| **up).count();
                format!("cassandra {keyspace}, {up} of {} up", nodes.len())
            }
        }
    }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn state(fault: Option<&String>) -> String {
    fault.map_or_else(|| "ready".to_owned(), ToString::to_string)
}

/// Columns two spaces apart.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = [head.map(str::to_owned)].into_iter().chain(rows).collect();
    let wide = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
    let widths: [usize; N] = std::array::from_fn(wide);
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
