use std::net::SocketAddr;

use kit::config::{Address, Setting, Values};

use crate::example::Example;

const EXAMPLE: Setting = Setting::new("EXAMPLE", "an example to serve at / with its collection: guestbook");

/// What `skep serve` is told.
pub(crate) struct Config {
    /// Where REST is served.
    pub(crate) gate_addr: SocketAddr,
    /// What the gate asks of its clients.
    pub(crate) policy: gate::Policy,
    /// The engine and its gRPC door.
    pub(crate) storage: storage::Config,
    /// What is at `/`.
    pub(crate) example: Option<Example>,
}

impl kit::Config for Config {
    fn settings() -> Vec<Setting> {
        let mut settings = vec![gate::GATE_ADDR, EXAMPLE];
        settings.extend(gate::Policy::own_settings());
        settings.extend(storage::Config::embedded_settings());
        settings
    }

    fn read(values: &mut Values) -> Self {
        let Address(gate_addr) = values.value(&gate::GATE_ADDR);
        Self {
            gate_addr,
            policy: gate::Policy::read_own(values),
            storage: storage::Config::read_embedded(values),
            example: values.get(&EXAMPLE),
        }
    }
}
