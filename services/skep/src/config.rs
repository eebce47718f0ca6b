use std::net::SocketAddr;

use kit::config::{Address, Setting, Values};

use crate::example::Example;

const EXAMPLE: Setting = Setting::new("EXAMPLE", "an example to serve at / with its collection: guestbook");

/// What `skep serve` is told.
pub(crate) struct Config {
    /// Where REST is served.
    pub(crate) gate_addr: SocketAddr,
    /// The engine and its gRPC door.
    pub(crate) storage: storage::Config,
    /// What is at `/`.
    pub(crate) example: Option<Example>,
}

impl kit::Config for Config {
    fn settings() -> Vec<Setting> {
        let mut settings = vec![gate::GATE_ADDR, EXAMPLE];
        settings.extend(storage::Config::embedded_settings());
        settings
    }

    fn read(values: &mut Values) -> Self {
        let Address(gate_addr) = values.value(&gate::GATE_ADDR);
        if !gate_addr.ip().is_loopback() {
            values.fault("GATE_ADDR", format!("is {gate_addr}, beyond this machine, and nobody is asked who they are yet: give a loopback address such as 127.0.0.1:8082, and put a proxy that knows your users before it."));
        }
        Self { gate_addr, storage: storage::Config::read_embedded(values), example: values.get(&EXAMPLE) }
    }
}
