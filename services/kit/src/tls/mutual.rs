use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ClientConfig, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier, version::TLS13};

use super::{certificates, key, reloaded::Reloaded, roots};

/// HTTP/2, as ALPN names it (RFC 7540, 3.1).
const H2: &[u8] = b"h2";

/// Certificate, key and authorities of the inside, by which both sides of a connection show who they are and are believed.
/// They are read again when a connection finds that the files have changed; what is wrong then leaves the former ones in force.
#[derive(Debug)]
pub struct Mutual(Reloaded<(Arc<ClientConfig>, Arc<ServerConfig>), 3>);

impl Mutual {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or they do not belong together.
    pub fn open(cert: PathBuf, key: PathBuf, ca: PathBuf) -> anyhow::Result<Self> {
        Reloaded::open("inside", [cert, key, ca], |[cert, key, ca]| sides(cert, key, ca)).map(Self)
    }

    /// How to connect as a client.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.0.current().0
    }

    /// How to accept connections.
    pub fn server(&self) -> Arc<ServerConfig> {
        self.0.current().1
    }
}

fn sides(cert: &Path, key_file: &Path, ca: &Path) -> anyhow::Result<(Arc<ClientConfig>, Arc<ServerConfig>)> {
    let (chain, key) = (certificates(cert)?, key(key_file)?);
    let (roots, provider) = (Arc::new(roots(ca)?), Arc::new(aws_lc_rs::default_provider()));
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())?;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    server.alpn_protocols = vec![H2.to_vec()];
    client.alpn_protocols = vec![H2.to_vec()];
    Ok((Arc::new(client), Arc::new(server)))
}
