use std::{path::PathBuf, sync::Arc};

use crate::{
    Mutual, Secret,
    config::{Setting, Values},
};

const TOKEN: Setting = Setting::new("INTERNAL_TOKEN", "the secret that gates and tools share with storage").secret();
const CERT: Setting = Setting::new("INTERNAL_TLS_CERT", "this side's certificate with its chain, a PEM file");
const KEY: Setting = Setting::new("INTERNAL_TLS_KEY", "its key, a PEM file");
const CA: Setting =
    Setting::new("INTERNAL_TLS_CA", "the authorities that the other side's certificate is of, a PEM file");

/// By what the two sides of gRPC know each other: a secret, mutual TLS, or both.
#[derive(Clone, Debug, Default)]
pub struct Internal {
    /// `INTERNAL_TOKEN`, fit for a header.
    pub token: Option<Secret>,
    /// `INTERNAL_TLS_CERT`, `INTERNAL_TLS_KEY` and `INTERNAL_TLS_CA`.
    pub tls: Option<Arc<Mutual>>,
}

impl Internal {
    /// What [`read`](Self::read) reads.
    pub const SETTINGS: [Setting; 4] = [TOKEN, CERT, KEY, CA];

    /// Reads and checks them, with what the files hold.
    pub fn read(values: &mut Values) -> Self {
        let token: Option<Secret> = values.get(&TOKEN);
        if token.as_ref().is_some_and(|token| !token.expose().bytes().all(|byte| byte.is_ascii_graphic())) {
            let why = "holds other than printable ASCII, which no header carries. Choose another, without spaces.";
            values.fault("INTERNAL_TOKEN", why);
        }
        let files: [Option<PathBuf>; 3] = [values.get(&CERT), values.get(&KEY), values.get(&CA)];
        let tls = match files {
            [None, None, None] => None,
            [Some(cert), Some(key), Some(ca)] => match Mutual::open(cert, key, ca) {
                Ok(tls) => Some(Arc::new(tls)),
                Err(why) => {
                    values.fault("INTERNAL_TLS_CERT", format!("and what belongs to it cannot be used: {why:#}."));
                    None
                }
            },
            _ => {
                values.fault(
                    "INTERNAL_TLS_CERT",
                    "is given together with INTERNAL_TLS_KEY and INTERNAL_TLS_CA. Give all three.",
                );
                None
            }
        };
        Self { token, tls }
    }

    /// Whether anybody is let in who can reach the door.
    pub fn is_open(&self) -> bool {
        self.token.is_none() && self.tls.is_none()
    }
}
