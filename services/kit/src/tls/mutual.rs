//! Mutual TLS of the inside, from files that may change.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use anyhow::{Context, ensure};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use tracing::{info, warn};

/// HTTP/2, as ALPN names it (RFC 7540, 3.1).
const H2: &[u8] = b"h2";

/// Certificate, key and authorities, by which both sides of a connection show who they are and are believed. They are read
/// again when a connection finds that the files have changed; what is wrong then leaves the former ones in force.
pub struct Mutual {
    /// Certificate, key, authorities.
    files: [PathBuf; 3],
    state: Mutex<State>,
}

struct State {
    read: Stamps,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

/// When each file was changed, and its length; `None` if there is no such file.
type Stamps = [Option<(SystemTime, u64)>; 3];

impl Mutual {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or they do not belong together.
    pub fn open(cert: PathBuf, key: PathBuf, ca: PathBuf) -> anyhow::Result<Self> {
        let files = [cert, key, ca];
        let state = Mutex::new(State::read(&files)?);
        Ok(Self { files, state })
    }

    /// How to connect as a client.
    pub fn client(&self) -> Arc<ClientConfig> {
        self.current(|state| state.client.clone())
    }

    /// How to accept connections.
    pub fn server(&self) -> Arc<ServerConfig> {
        self.current(|state| state.server.clone())
    }

    fn current<T>(&self, of: impl FnOnce(&State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamps(&self.files);
        if found != state.read {
            match State::read(&self.files) {
                Ok(new) => {
                    *state = new;
                    info!("the inside certificate was read again");
                }
                Err(error) => {
                    // Told once, until they change again.
                    state.read = found;
                    warn!(error.message = format_args!("{error:#}"), "the new inside certificate cannot be used");
                }
            }
        }
        of(&state)
    }
}

impl fmt::Debug for Mutual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mutual").field(&self.files).finish()
    }
}

impl State {
    fn read(files: &[PathBuf; 3]) -> anyhow::Result<Self> {
        // Before the files: what changes meanwhile is read again.
        let read = stamps(files);
        let [cert, key, ca] = files;
        let chain = certificates(cert)?;
        let key = PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string())?;
        let mut roots = RootCertStore::empty();
        for authority in certificates(ca)? {
            roots.add(authority).with_context(|| ca.display().to_string())?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(aws_lc_rs::default_provider()));
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
        Ok(Self { read, client: Arc::new(client), server: Arc::new(server) })
    }
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let name = || file.display().to_string();
    let read =
        CertificateDer::pem_file_iter(file).with_context(name)?.collect::<Result<Vec<_>, _>>().with_context(name)?;
    ensure!(!read.is_empty(), "{} holds no certificate", file.display());
    Ok(read)
}

fn stamps(files: &[PathBuf; 3]) -> Stamps {
    files.each_ref().map(|file| {
        let found = fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}
