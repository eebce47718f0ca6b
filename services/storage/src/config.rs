use std::{net::SocketAddr, path::PathBuf};

use kit::{
    Secret,
    config::{Address, INTERNAL_TOKEN, Setting, Values},
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
    /// [`DATA_DIR`].
    pub data_dir: PathBuf,
    /// [`INTERNAL_TOKEN`].
    pub token: Option<Secret>,
}

impl kit::Config for Config {
    fn settings() -> Vec<Setting> {
        vec![STORAGE_ADDR, DATA_DIR, INTERNAL_TOKEN, ALLOW_INSECURE]
    }

    fn read(values: &mut Values) -> Self {
        let Address(addr) = values.value(&STORAGE_ADDR);
        let token = values.internal_token();
        let open: bool = values.value(&ALLOW_INSECURE);
        if token.is_none() && !open && !addr.ip().is_loopback() {
            values.fault("INTERNAL_TOKEN", format!("is needed where gRPC is served beyond this machine ({addr}): give a long random text, to the gates too, or say ALLOW_INSECURE=true."));
        }
        let data_dir: Option<PathBuf> = values.get(&DATA_DIR);
        if data_dir.is_none() {
            values.fault("DATA_DIR", "is needed: name the folder where the records are to be kept.");
        }
        Self { addr, data_dir: data_dir.unwrap_or_default(), token }
    }
}
