use std::{fmt, path::PathBuf, str::FromStr};

use kit::{
    Secret,
    config::{Setting, Values},
};

/// The contact points.
pub const CASSANDRA_HOSTS: Setting =
    Setting::new("CASSANDRA_HOSTS", "the Cassandra nodes that are asked first, host:port,host:port,…");
/// The keyspace.
pub const CASSANDRA_KEYSPACE: Setting =
    Setting::new("CASSANDRA_KEYSPACE", "the keyspace, which is made if there is none").default("skep");
/// How many nodes of each datacenter hold each row.
pub const CASSANDRA_REPLICATION_FACTOR: Setting = Setting::new(
    "CASSANDRA_REPLICATION_FACTOR",
    "how many nodes of each datacenter hold each row, for a keyspace that is made",
)
.default("3");
/// Who signs in.
pub const CASSANDRA_USERNAME: Setting = Setting::new("CASSANDRA_USERNAME", "the name that Cassandra asks for");
/// With which password.
pub const CASSANDRA_PASSWORD: Setting = Setting::new("CASSANDRA_PASSWORD", "the password of that name").secret();
/// Whom the nodes' certificates are by.
pub const CASSANDRA_TLS_CA: Setting =
    Setting::new("CASSANDRA_TLS_CA", "a PEM file with the authorities of the nodes' certificates; it turns TLS on");

/// All of them.
pub(crate) const SETTINGS: [Setting; 6] = [
    CASSANDRA_HOSTS,
    CASSANDRA_KEYSPACE,
    CASSANDRA_REPLICATION_FACTOR,
    CASSANDRA_USERNAME,
    CASSANDRA_PASSWORD,
    CASSANDRA_TLS_CA,
];

/// Which cluster, and how it is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// [`CASSANDRA_HOSTS`].
    pub hosts: Vec<String>,
    /// [`CASSANDRA_KEYSPACE`].
    pub keyspace: Keyspace,
    /// [`CASSANDRA_REPLICATION_FACTOR`].
    pub replication_factor: u8,
    /// [`CASSANDRA_USERNAME`] and [`CASSANDRA_PASSWORD`].
    pub user: Option<(String, Secret)>,
    /// [`CASSANDRA_TLS_CA`].
    pub authority: Option<PathBuf>,
}

impl Settings {
    /// What `values` say; `None` if they name no host.
    pub(crate) fn read(values: &mut Values) -> Option<Self> {
        let hosts: Option<String> = values.get(&CASSANDRA_HOSTS);
        let keyspace = values.value(&CASSANDRA_KEYSPACE);
        let replication_factor = values.value(&CASSANDRA_REPLICATION_FACTOR);
        let name: Option<String> = values.get(&CASSANDRA_USERNAME);
        let password: Option<Secret> = values.get(&CASSANDRA_PASSWORD);
        if name.is_some() != password.is_some() {
            values.fault("CASSANDRA_USERNAME", "and CASSANDRA_PASSWORD are given both or neither.");
        }
        if replication_factor == 0 {
            values.fault("CASSANDRA_REPLICATION_FACTOR", "is 0: at least 1 node must hold a row, 3 survive any one.");
        }
        let authority = values.get(&CASSANDRA_TLS_CA);
        let hosts: Vec<_> = hosts?.split(',').map(|host| host.trim().to_owned()).collect();
        if hosts.iter().any(String::is_empty) {
            values.fault("CASSANDRA_HOSTS", "has an empty place: name the nodes as host:port,host:port.");
        }
        Some(Self { hosts, keyspace, replication_factor, user: name.zip(password), authority })
    }
}

/// A keyspace's name: a letter a-z first, at most 47 of a-z 0-9 _ after it, so that it needs no quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace(String);

impl FromStr for Keyspace {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.len() <= 48 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err("a keyspace has a letter a-z first and at most 47 of a-z 0-9 _ after it")
        }
    }
}

impl fmt::Display for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_needs_no_quotes() {
        assert_eq!("skep_1".parse::<Keyspace>().unwrap().to_string(), "skep_1");
        for wrong in ["", "1a", "A", "a b", "a;", "_a", &"a".repeat(49)] {
            assert!(wrong.parse::<Keyspace>().is_err(), "{wrong}");
        }
    }
}
