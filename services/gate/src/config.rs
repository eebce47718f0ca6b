use std::{net::SocketAddr, num::NonZeroU16};

use kit::{
    Internal,
    config::{Address, Setting, Values},
};

use crate::{backend::remote::Storages, policy::Policy};

/// Where REST is served.
pub const GATE_ADDR: Setting = Setting::new("GATE_ADDR", "the address where REST is served").default("0.0.0.0:8082");
/// The hosts of storage.
pub const STORAGE_HOST: Setting =
    Setting::new("STORAGE_HOST", "the host of storage, or several as a:1,b:2; names are resolved every second")
        .default("tasks.storage");
/// The port of those without one.
pub const STORAGE_PORT: Setting =
    Setting::new("STORAGE_PORT", "the port of storage, where STORAGE_HOST has none").default("8081");
/// What a gate of its own is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// [`GATE_ADDR`].
    pub addr: SocketAddr,
    /// [`STORAGE_HOST`] and [`STORAGE_PORT`].
    pub storage: Storages,
    /// By what it and storage know each other.
    pub internal: Internal,
    /// What it asks of its clients.
    pub policy: Policy,
}

impl kit::Config for Config {
    fn settings() -> Vec<Setting> {
        [&[GATE_ADDR, STORAGE_HOST, STORAGE_PORT][..], &Internal::SETTINGS, &Policy::settings()].concat()
    }

    fn read(values: &mut Values) -> Self {
        let Address(addr) = values.value(&GATE_ADDR);
        let (host, port): (String, NonZeroU16) = (values.value(&STORAGE_HOST), values.value(&STORAGE_PORT));
        let storage = Storages::parse(&host, port).unwrap_or_else(|| {
            let form = "which is no list of host names or addresses. Name one, or several as a:1,b:2.";
            values.fault("STORAGE_HOST", format!("is {host:?}, {form}"));
            addr.into()
        });
        Self { addr, storage, internal: Internal::read(values), policy: Policy::read(values) }
    }
}
