use std::{net::SocketAddr, path::PathBuf};

use kit::{
    Internal,
    config::{Address, Setting, Values},
};

use crate::{
    accounts::{ADMIN_NAME, ADMIN_PASSWORD, Administrator},
    store::cassandra,
};

/// Where gRPC is served.
pub const STORAGE_ADDR: Setting =
    Setting::new("STORAGE_ADDR", "the address where gRPC is served").default("0.0.0.0:8081");
/// The embedded store's folder.
pub const DATA_DIR: Setting = Setting::new("DATA_DIR", "the folder of the embedded store");
/// Leave the gRPC side open.
pub const ALLOW_INSECURE: Setting =
    Setting::new("ALLOW_INSECURE", "whether gRPC may be served beyond this machine to whoever asks").default("false");

/// What storage is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// [`STORAGE_ADDR`].
    pub addr: SocketAddr,
    /// Where the records are kept.
    pub store: StoreConfig,
    /// Who is let in.
    pub internal: Internal,
    /// The first administrator.
    pub administrator: Administrator,
}

/// Where the records are kept.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// In a folder: [`DATA_DIR`].
    Embedded(PathBuf),
    /// In a cluster: [`cassandra::CASSANDRA_HOSTS`] and what belongs to it.
    Cassandra(cassandra::Settings),
}

impl Config {
    /// The settings without those of a cluster, for a program that has all in one process.
    pub fn embedded_settings() -> Vec<Setting> {
        let own = [STORAGE_ADDR, DATA_DIR, ALLOW_INSECURE, ADMIN_NAME, ADMIN_PASSWORD];
        Internal::SETTINGS.into_iter().chain(own).collect()
    }

    /// Reads [`embedded_settings`](Self::embedded_settings).
    pub fn read_embedded(values: &mut Values) -> Self {
        let data_dir: Option<PathBuf> = values.get(&DATA_DIR);
        if data_dir.is_none() {
            values.fault("DATA_DIR", "is needed: name the folder where the records are to be kept.");
        }
        Self::read_with(values, StoreConfig::Embedded(data_dir.unwrap_or_default()))
    }

    fn read_with(values: &mut Values, store: StoreConfig) -> Self {
        let Address(addr) = values.value(&STORAGE_ADDR);
        let internal = Internal::read(values);
        let open: bool = values.value(&ALLOW_INSECURE);
        if internal.is_open() && !open && !addr.ip().is_loopback() {
            values.fault("INTERNAL_TOKEN", format!("is needed where gRPC is served beyond this machine ({addr}): give a long random text, to the gates too, or certificates (INTERNAL_TLS_CERT), or say ALLOW_INSECURE=true."));
        }
        Self { addr, store, internal, administrator: Administrator::read(values) }
    }
}

impl kit::Config for Config {
    fn settings() -> Vec<Setting> {
        let mut settings = Self::embedded_settings();
        settings.extend(cassandra::SETTINGS);
        settings
    }

    fn read(values: &mut Values) -> Self {
        let folder: Option<PathBuf> = values.get(&DATA_DIR);
        let cluster = cassandra::Settings::read(values);
        if folder.is_some() == cluster.is_some() {
            values.fault("DATA_DIR", "or CASSANDRA_HOSTS is needed, and only one of them: name the folder where the records are to be kept, or the Cassandra nodes.");
        }
        let store = cluster.map_or_else(|| StoreConfig::Embedded(folder.unwrap_or_default()), StoreConfig::Cassandra);
        Self::read_with(values, store)
    }
}
