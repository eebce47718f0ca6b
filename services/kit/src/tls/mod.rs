//! TLS: what a server shows and whom it believes, from files that may change, and the bytes of a connection.

mod mutual;
mod public;
mod reloaded;
mod stream;

use std::path::Path;

use anyhow::{Context, ensure};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

pub use self::{mutual::Mutual, public::Public, stream::Stream};

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let name = || file.display().to_string();
    let read =
        CertificateDer::pem_file_iter(file).with_context(name)?.collect::<Result<Vec<_>, _>>().with_context(name)?;
    ensure!(!read.is_empty(), "{} holds no certificate", file.display());
    Ok(read)
}

fn key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(file).with_context(|| file.display().to_string())
}
