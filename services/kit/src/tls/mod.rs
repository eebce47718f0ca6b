//! TLS: what a server shows and whom it believes, from files that may change, and the bytes of a connection.

mod mutual;
mod named;
mod public;
mod reloaded;
mod stream;

use std::{path::Path, sync::Arc};

use anyhow::{Context, ensure};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

pub use self::{mutual::Mutual, named::trusting_names, public::Public, stream::Stream};

/// How a client connects that believes the authorities in a PEM file, and shows nobody who it is.
///
/// # Errors
///
/// When the file cannot be read, or holds no authority.
pub fn trusting(authorities: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots(authorities)?).with_no_client_auth()))
}

fn roots(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        roots.add(authority).with_context(|| file.display().to_string())?;
    }
    Ok(roots)
}

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
