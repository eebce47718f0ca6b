use std::{
    net::{Ipv6Addr, SocketAddr},
    num::NonZeroU16,
};

use http::uri::Authority;
use kit::{
    Secret,
    config::{Address, INTERNAL_TOKEN, Setting, Values},
};

use crate::policy::Policy;

/// Where REST is served.
pub const GATE_ADDR: Setting = Setting::new("GATE_ADDR", "the address where REST is served").default("0.0.0.0:8082");
/// The host of storage.
pub const STORAGE_HOST: Setting =
    Setting::new("STORAGE_HOST", "the host name or the address of storage").default("tasks.storage");
/// The port of storage.
pub const STORAGE_PORT: Setting = Setting::new("STORAGE_PORT", "the port of storage").default("8081");
/// What a gate of its own is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// [`GATE_ADDR`].
    pub addr: SocketAddr,
    /// [`STORAGE_HOST`] and [`STORAGE_PORT`].
    pub storage: Authority,
    /// [`INTERNAL_TOKEN`].
    pub token: Option<Secret>,
    /// What it asks of its clients.
    pub policy: Policy,
}

impl kit::Config for Config {
    fn settings() -> Vec<Setting> {
        [vec![GATE_ADDR, STORAGE_HOST, STORAGE_PORT, INTERNAL_TOKEN], Policy::settings()].concat()
    }

    fn read(values: &mut Values) -> Self {
        let Address(addr) = values.value(&GATE_ADDR);
        let (host, port): (String, NonZeroU16) = (values.value(&STORAGE_HOST), values.value(&STORAGE_PORT));
        let storage = authority(&host, port).unwrap_or_else(|| {
            values.fault(
                "STORAGE_HOST",
                format!("is {host:?}, which is no host name or address. Name one host, and its port in STORAGE_PORT."),
            );
            Authority::from_static("localhost")
        });
        Self { addr, storage, token: values.internal_token(), policy: Policy::read(values) }
    }
}

fn authority(host: &str, port: NonZeroU16) -> Option<Authority> {
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let authority = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) if !host.is_empty() && is_name(host) => format!("{host}:{port}"),
        Err(_) => return None,
    };
    authority.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: NonZeroU16 = NonZeroU16::MIN;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (host, expected) in [("tasks.storage", "tasks.storage:1"), ("10.0.0.1", "10.0.0.1:1"), ("::1", "[::1]:1")] {
            assert_eq!(authority(host, PORT).map(|authority| authority.to_string()), Some(expected.to_owned()));
        }
        for host in ["", "a:1", "a,b", "user@a", "a/b", "a b", "é"] {
            assert_eq!(authority(host, PORT), None, "{host}");
        }
    }
}
