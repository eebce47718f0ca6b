use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};

use super::{certificates, key, reloaded::Reloaded};
use crate::config::{Setting, Values};

const CERT: Setting =
    Setting::new("TLS_CERT", "the certificate that REST is served with, with its chain, a PEM file; it turns TLS on");
const KEY: Setting = Setting::new("TLS_KEY", "its key, a PEM file");

/// What they have to be.
const FORM: &str = "Name the certificate with its chain and the key that belongs to it, as PEM files that can be read.";

/// As ALPN names them (RFC 7301, 6), the one that is preferred first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Certificate and key that everybody is shown. They are read again when a connection finds that the files have changed;
/// what is wrong then leaves the former ones in force.
#[derive(Debug)]
pub struct Public(Reloaded<Arc<ServerConfig>, 2>);

impl Public {
    /// What [`read`](Self::read) reads.
    pub const SETTINGS: [Setting; 2] = [CERT, KEY];

    /// Reads and checks them, with what the files hold; `None` without TLS.
    pub fn read(values: &mut Values) -> Option<Arc<Self>> {
        let files: [Option<PathBuf>; 2] = [values.get(&CERT), values.get(&KEY)];
        match files {
            [None, None] => None,
            [Some(cert), Some(key)] => {
                let opened = Self::open(cert, key);
                let fault = |why: &anyhow::Error| format!("and TLS_KEY cannot be used: {why:#}. {FORM}");
                opened.inspect_err(|why| values.fault("TLS_CERT", fault(why))).ok().map(Arc::new)
            }
            _ => {
                values.fault("TLS_CERT", "and TLS_KEY are given both, for TLS, or neither.");
                None
            }
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or they do not belong together.
    pub fn open(cert: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        Reloaded::open("public", [cert, key], |[cert, key]| server(cert, key)).map(Self)
    }

    /// How to accept connections.
    pub fn server(&self) -> Arc<ServerConfig> {
        self.0.current()
    }
}

fn server(cert: &Path, key_file: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let mut server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(certificates(cert)?, key(key_file)?)
        .with_context(|| format!("{} and {} do not belong together", cert.display(), key_file.display()))?;
    server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(server))
}
