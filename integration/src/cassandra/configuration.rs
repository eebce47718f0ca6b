use crate::certificates::Certificates;
use std::{fs, path::Path};

use anyhow::ensure;

use super::{
    CassandraOptions,
    place::{CLIENT_PORT, Place, STORAGE_PORT},
};

const TEMPLATE: &str = include_str!("../../cassandra/cassandra.yaml");
/// As Cassandra's default of `num_tokens`.
const TOKENS: usize = 16;

/// Writes a node's `cassandra.yaml` into its folder.
pub(crate) fn write(
    options: &CassandraOptions,
    place: &Place,
    certificates: Option<&Certificates>,
    node: usize,
) -> anyhow::Result<()> {
    let seeds: Vec<_> = (1..=options.nodes).map(|node| format!("{}:{STORAGE_PORT}", place.address(node))).collect();
    let (authenticator, authorizer) = if options.authenticated {
        ("PasswordAuthenticator", "CassandraAuthorizer")
    } else {
        ("AllowAllAuthenticator", "AllowAllAuthorizer")
    };
    let client_address = if options.proxied { place.proxy(node) } else { place.address(node) };
    let keystore = certificates.map_or_else(|| Path::new("none"), |made| &made.keystore);
    let text = fill(&[
        ("address", place.address(node).to_string()),
        ("client_address", client_address.to_string()),
        ("storage_port", STORAGE_PORT.to_string()),
        ("client_port", CLIENT_PORT.to_string()),
        ("seeds", seeds.join(",")),
        ("num_tokens", TOKENS.to_string()),
        ("tokens", tokens(node, options.nodes)),
        ("authenticator", authenticator.to_owned()),
        ("authorizer", authorizer.to_owned()),
        ("encrypted", certificates.is_some().to_string()),
        ("keystore", keystore.display().to_string()),
    ]);
    ensure!(!text.contains("${"), "cassandra.yaml has a place that is not filled in: {text}");
    let folder = place.folder(node);
    fs::create_dir_all(folder.join("tmp"))?;
    Ok(fs::write(folder.join("cassandra.yaml"), text)?)
}

fn fill(values: &[(&str, String)]) -> String {
    // Comments may speak of places.
    let lines = TEMPLATE.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n"));
    values.iter().fold(lines.collect(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

/// The node's share of evenly spaced tokens of the whole ring, −2⁶³ to 2⁶³ − 1; neighbours on the ring
/// belong to different nodes.
fn tokens(node: usize, nodes: usize) -> String {
    let share = |k: usize| {
        let position = (k * nodes + node - 1) as i128;
        i128::from(i64::MIN) + 1 + (position << 64) / (TOKENS * nodes) as i128
    };
    (0..TOKENS).map(|k| share(k).to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_of_all_nodes_divide_the_ring_evenly_and_in_turn() {
        let of = |node| tokens(node, 3).split(',').map(|token| token.parse().unwrap()).collect::<Vec<i64>>();
        let mut ring: Vec<_> = (1..=3).flat_map(|node| of(node).into_iter().map(move |token| (token, node))).collect();
        ring.sort_unstable();
        assert_eq!(ring.len(), 3 * TOKENS);
        let even = (1_u64 << 63) / 24;
        for (now, next) in ring.iter().zip(&ring[1..]) {
            assert!(now.0.abs_diff(next.0).abs_diff(even) <= 1, "{now:?} {next:?}");
            assert_ne!(now.1, next.1);
        }
    }
}
